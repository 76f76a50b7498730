"""What is wrong with the labels of one image, or looks as if it were."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers.labels import Truth, large_pieces
from napari_iafpn.evaluation.readers.sample import boxes_of, size_sentence
from napari_iafpn.evaluation.readers.sets import (
    AnnotatedSet,
    MissingLabelsError,
    all_truths,
    empty_sentence,
)
from napari_iafpn.exchange.ids import NotIdsError, pieces_of
from napari_iafpn.geometry import Box

SCATTERED = 100
"""An object in more pieces than this is left out: nobody clicks on it."""
PICTURE_PIECES, PICTURE_RATIO = 200, 20
"""Labels of more pieces in all, and more pieces per id, are taken for a picture."""
BINARY_PIECES = 5
"""One id alone in as many large pieces may be a mask of several objects."""

REASONS: dict[str, str] = {
    "no labels": "image without labels",
    "no image": "labels without image",
    "unreadable": "cannot be read",
    "no ids": "labels hold no ids",
    "size": "image and labels differ in size",
    "empty": "no object",
    "picture": "labels look like a picture",
    "duplicate": "same image twice",
    "twin": "same image twice, with the same labels",
    "ignored": "object is ignored as a whole",
    "scattered": "object in hundreds of pieces",
    "small": "object too small",
    "binary": "one id in many pieces",
    "note": "not everything in the labels can be used",
}
"""Why something is left out, or looks wrong, in the order of a table."""


@dataclass(frozen=True)
class Remark:
    """Something that a survey noticed.

    Attributes
    ----------
    reason : str
        One of ``REASONS``.
    image : str
        Name of the image, or of a label file without one.
    labels : tuple of int
        The ids concerned; empty: the whole image.
    sentence : str
        What is wrong and what to do.
    used : bool
        Noticed, but used all the same.
    """

    reason: str
    image: str
    labels: tuple[int, ...]
    sentence: str
    used: bool = False


@dataclass(frozen=True)
class Inspection:
    """One image: the ids that are found, those that are used, and why the others are not.

    Two with the same ``checksum`` have the same labels and, where it was decoded, the same pixels.
    """

    found: tuple[int, ...]
    used: tuple[int, ...]
    findings: tuple[Remark, ...]
    checksum: int = 0


def inspect(annotated: AnnotatedSet, index: int, min_area: int, *, decode: bool) -> Inspection:
    """Read the labels and the image's header, or with ``decode`` the whole image, and judge."""
    name = annotated.image_name(index)
    try:
        truth, *others = all_truths(annotated, index)
        image = annotated.read(index).image if decode else None
        size = annotated.image_shape(index) if image is None else image.shape[:2]
    except (ValueError, OSError) as error:
        return _nothing(name, _reason(error), str(error))
    for each in (truth, *others):
        if each.instances.shape != size:
            return _nothing(name, "size", size_sentence(name, size, each.instances.shape))
    chosen = _chosen(annotated, index, truth)
    if not chosen:
        return _nothing(name, "empty", empty_sentence(name))
    judged = _judge(name, truth, chosen, min_area)
    notes = (Remark("note", name, (), note, used=True) for note in truth.notes)
    checksum = _checksum(image, (truth, *others))
    return replace(judged, findings=(*judged.findings, *notes), checksum=checksum)


def _checksum(image: NDArray[Any] | None, truths: Iterable[Truth]) -> int:
    parts: list[Any] = [image]
    for truth in truths:
        parts += [truth.instances, truth.ignore, *(truth.masks or {}).values()]
    checksum = 0
    for part in parts:
        if part is not None:
            checksum = zlib.crc32(np.ascontiguousarray(part).data, checksum)
    return checksum


def _nothing(name: str, reason: str, sentence: str, found: tuple[int, ...] = ()) -> Inspection:
    return Inspection(found, (), (Remark(reason, name, (), sentence),))


def _reason(error: Exception) -> str:
    if isinstance(error, MissingLabelsError):
        return "no labels"
    return "no ids" if isinstance(error, NotIdsError) else "unreadable"


def _chosen(annotated: AnnotatedSet, index: int, truth: Truth) -> tuple[int, ...]:
    """Return the ids that are there, of those that a list chose where there is one."""
    chosen = annotated.listed(index)
    return truth.ids if chosen is None else tuple(i for i in chosen if i in set(truth.ids))


def _judge(name: str, truth: Truth, found: tuple[int, ...], min_area: int) -> Inspection:
    """Judge the objects of an image by their areas and pieces."""
    objects = {label: mask for label, mask in _masks(truth) if label in set(found)}
    pieces = {label: _pieces(mask) for label, (mask, _) in objects.items()}
    total = sum(map(len, pieces.values()))
    if total > PICTURE_PIECES and total > PICTURE_RATIO * len(objects):
        return _nothing(name, "picture", _picture_sentence(name, len(objects), total), found)
    wrong = {
        "ignored": [i for i, (mask, ignored) in objects.items() if not (mask & ~ignored).any()],
        "scattered": [label for label, areas in pieces.items() if len(areas) > SCATTERED],
        "small": [label for label in found if np.sum(pieces.get(label, 0)) < max(min_area, 1)],
    }
    findings = [
        Remark(reason, name, tuple(labels), _object_sentence(reason, name, labels, min_area))
        for reason, labels in wrong.items()
        if labels
    ]
    left_out = {label for labels in wrong.values() for label in labels}
    used = tuple(label for label in found if label not in left_out)
    if len(found) == len(used) == 1 and large_pieces(pieces[used[0]]) >= BINARY_PIECES:
        sentence = _binary_sentence(name, large_pieces(pieces[used[0]]))
        findings.append(Remark("binary", name, used, sentence, used=True))
    return Inspection(found, used, tuple(findings))


def _masks(truth: Truth) -> Iterator[tuple[int, tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Yield each id with its mask and the ignored pixels, both in its box."""
    nowhere = np.zeros(truth.instances.shape, bool)
    ignored = nowhere if truth.ignore is None else truth.ignore
    if truth.masks is not None:
        for label, mask in truth.masks.items():
            box = Box.around(mask)
            if box is not None:
                yield label, (mask[box.slices], ignored[box.slices])
        return
    for label, box in boxes_of(truth.instances).items():
        yield label, (truth.instances[box.slices] == label, ignored[box.slices])


def _pieces(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the areas of the pieces of a mask that is not empty."""
    return np.bincount(pieces_of(mask).ravel())[1:]


def _picture_sentence(name: str, objects: int, pieces: int) -> str:
    return (
        f"the labels of {name!r} hold {objects} values in {pieces} pieces, as a picture or a "
        "smoothed mask does; give ids of objects, saved without smoothing or compression losses"
    )


def _binary_sentence(name: str, pieces: int) -> str:
    return (
        f"the labels of {name!r} hold one id in {pieces} pieces; if each piece is an object, let "
        "the labels be read as binary masks that are split"
    )


def _object_sentence(reason: str, name: str, labels: list[int], min_area: int) -> str:
    which = f"id {labels[0]}" if len(labels) == 1 else f"{len(labels)} ids, {labels[0]} among them,"
    has = "has" if len(labels) == 1 else "have"
    what = {
        "ignored": "no pixel that is not ignored",
        "scattered": f"more than {SCATTERED} separate pieces",
        "small": f"fewer than {max(min_area, 1)} pixels",
    }
    return f"in {name!r}, {which} {has} {what[reason]}; such objects are left out"
