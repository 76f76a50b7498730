"""Label files -> instance ids, or what else they mean; what is no label image gets a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn import exchange
from napari_iafpn.evaluation.readers.sample import areas_of
from napari_iafpn.exchange.formats import FORMATS, format_of
from napari_iafpn.exchange.ids import NotIdsError, are_specks, pieces_of, unsmoothed
from napari_iafpn.images.opening import UnreadableError, sizes

MIN_AREA = 24
"""Objects of fewer pixels are left out."""
PIECE_SHARE = 0.1
"""Another piece may be an object where it has this share of the largest piece's pixels."""
SEVERAL_SHARE = 0.25
"""One value alone in all files is a mask where so many of them have several such pieces."""
MOST_CLASSES, CLASS_PIECES = 10, 2.0
"""At most so many values in all files, of so many pieces each, are classes."""
MOST_FULL = 3
"""At most so many values in all files, and never a 0, are classes of which one is background."""


def pieces_are_objects(files: Iterable[LabelFile], source: Path) -> bool:
    """Judge all label files of a set together; reading ends where they clearly are ids.

    ``source`` is their folder; one called ``masks`` holds masks if one value is all there is.

    Raises
    ------
    ValueError
        Where they are classes of every pixel, so that nobody knows which one is the background.
    """
    values: set[int] = set()
    pieces: list[list[int]] = []
    marked, full = 0, True
    for file in files:
        if file.outlined:
            continue
        found = np.unique(file.ids)
        full = full and bool(found[0] > 0)
        if _is_marked(file.ids.dtype, found):
            marked += 1
            continue
        truth = file.truth(keep_255=False)
        values |= set(truth.ids[: MOST_CLASSES + 1])
        if len(values) > MOST_CLASSES:
            return False
        if truth.ids:
            pieces.append(_pieces_of_each(truth.instances))
    if not pieces:
        return marked > 0
    if full and len(values) <= MOST_FULL:
        raise ValueError(
            f"the labels in {source} hold the values {', '.join(map(str, sorted(values)))} and no "
            "0 for the background, as classes of pixels do (ilastik's Simple Segmentation); give "
            "ids of objects (Object Identities), or masks with 0 for the background"
        )
    if max(map(len, pieces)) == 1:
        if source.name == "masks":
            return True
        return sum(each[0] > 1 for each in pieces) >= SEVERAL_SHARE * len(pieces)
    return float(np.mean([count for each in pieces for count in each])) >= CLASS_PIECES


def _is_marked(dtype: np.dtype[np.integer], found: NDArray[np.integer]) -> bool:
    """Tell whether 0 and the largest value of 8 or 16 bits are all there is: a mask for sure."""
    return dtype.itemsize <= 2 and set(found.tolist()) - {0} == {np.iinfo(dtype).max}


def _pieces_of_each(instances: NDArray[np.integer]) -> list[int]:
    """Return for each id the number of its pieces that count as objects."""
    pieces = pieces_of(instances)
    areas = np.bincount(pieces.ravel())[1:]
    ids = ndimage.maximum(instances, pieces, np.arange(1, len(areas) + 1))
    return [large_pieces(areas[ids == value]) for value in np.unique(ids)]


def large_pieces(areas: NDArray[np.integer]) -> int:
    """Count the pieces that may be objects among ``areas`` of the pieces of one id; at least 1."""
    least = max(PIECE_SHARE * areas.max(initial=0), MIN_AREA)
    return max(1, int(np.count_nonzero(areas >= least)))


IGNORE = 255
"""In 8-bit label images, pixels of this value count neither as object nor as background."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The truth of one image, without the image.

    Attributes
    ----------
    instances : (H, W) integer
        0 = background.
    ignore : (H, W) bool or None
    masks : mapping of int to (H, W) bool, or None
        The exact masks where objects overlap.
    notes : tuple of str
        Sentences about what reading the file did not keep.
    """

    instances: NDArray[np.integer]
    ignore: NDArray[np.bool_] | None = None
    masks: Mapping[int, NDArray[np.bool_]] | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """The ids that are there, in rising order."""
        return tuple(sorted(areas_of(self.instances) if self.masks is None else self.masks))


def read_labels(path: Path, shape: Callable[[], tuple[int, int]] | None = None) -> LabelFile:
    """Read one plane of ids, in any format of ``exchange``.

    Parameters
    ----------
    path : Path
    shape : callable, optional
        Gives (H, W) of the image, for outlines that do not tell it.

    Raises
    ------
    NotIdsError
        Where the file holds no ids.
    UnreadableError
        Where it is unreadable or holds several planes.
    """
    kind = FORMATS[format_of(path)]
    found = exchange.read_labels(path, shape() if kind.outlines and shape else None)
    planes = found.labels.reshape(-1, *found.plane_shape)
    if len(planes) > 1:
        raise UnreadableError(
            f"{path} holds labels of {sizes(found.labels.shape)} pixels, which is not one "
            "plane; save the plane you want, or open the file in napari"
        )
    if kind.outlines or path.suffix.lower() == ".npz":
        return LabelFile(planes[0], found.notes, may_ignore=False, outlined=kind.outlines)
    mask = unsmoothed(planes[0])
    if mask is not None:
        note = f"{path.name} is a smoothed mask, not a label image; it was cut at half its height"
        return LabelFile(mask, (*found.notes, note))
    if are_specks(planes[0]):
        raise NotIdsError(
            f"the labels {path} are a picture, not ids: their values come in specks; save the id "
            "of each pixel's object, without smoothing or compression losses"
        )
    return LabelFile(planes[0], found.notes)


@dataclass(frozen=True, eq=False)
class LabelFile:
    """The ids of a file.

    Attributes
    ----------
    ids : (H, W) integer
    notes : tuple of str
        Sentences about what reading did not keep.
    may_ignore : bool
        255 is no id in 8 bits; else every value is one.
    outlined : bool
        The file lists its objects, which may have several pieces.
    """

    ids: NDArray[np.integer]
    notes: tuple[str, ...] = ()
    may_ignore: bool = True
    outlined: bool = False

    def truth(self, *, keep_255: bool) -> Truth:
        """Take the values as ids, without 255 where it is ignored."""
        found = ids_and_ignored(self.ids, keep_255=keep_255 or not self.may_ignore)
        return replace(found, notes=self.notes)

    def pieces(self, *, keep_255: bool) -> Truth:
        """Take each piece of connected pixels of one value as an object, unless they are listed.

        255 is ignored as in ``truth``, unless it is all there is.
        """
        if self.outlined:
            return Truth(self.ids, notes=self.notes)
        is_mask = _is_marked(self.ids.dtype, np.unique(self.ids))
        found = self.truth(keep_255=keep_255 or is_mask)
        return replace(found, instances=pieces_of(found.instances))

    def whole(self) -> Truth:
        """Take whatever is not 0 as one object."""
        return Truth((self.ids > 0).astype(np.uint8), notes=self.notes)


def ids_and_ignored(values: NDArray[np.integer], *, keep_255: bool) -> Truth:
    """Take 255 as ignored in 8-bit ids unless it is kept; in larger types it is an id.

    It also is where the ids reach 254: then it is the next one.
    """
    if keep_255 or values.dtype != np.uint8:
        return Truth(values)
    ignore: NDArray[np.bool_] = values == IGNORE
    if not ignore.any() or (values == IGNORE - 1).any():
        return Truth(values)
    return Truth(np.where(ignore, np.uint8(0), values), ignore)
