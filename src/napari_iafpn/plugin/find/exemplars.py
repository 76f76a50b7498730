"""The objects of a labels image that show what is looked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.finding.exemplars import LEAST_AREA, largest_piece, too_few
from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.find.messages import Kind
from napari_iafpn.sessions import ObjectStats, PlaneKey
from napari_iafpn.sessions.pixels import region_of

MOST = 24
"""Exemplars of a kind: more cost time and tell little."""


@dataclass(frozen=True)
class Objects:
    """The objects of a part of a plane.

    Attributes
    ----------
    boxed_masks : mapping of int to tuple of BoxedMask
        The pixels of each id, one after the other where it is that of a class.
    pixels : BoxedMask or None
        All of them.
    """

    boxed_masks: Mapping[int, tuple[BoxedMask, ...]] = field(default_factory=dict)
    pixels: BoxedMask | None = None


def objects_in(data: Any, plane: PlaneKey, box: Box, *, semantic: bool = False) -> Objects:
    """Read the objects of a box of a plane; ``semantic``: each piece of an id is an object."""
    part = np.asarray(data[region_of(plane, box)]).reshape(box.shape)
    corner = box.row_start, box.col_start
    boxed_masks = {}
    for label, where in _boxes_of(part).items():
        mask = part[where.slices] == label
        place = where.shifted(*corner)
        boxed_masks[label] = tuple(_pieces(mask, place)) if semantic else (_cut(mask, place),)
    return Objects(boxed_masks, BoxedMask.of(part != 0, corner))


def _boxes_of(part: NDArray[np.integer]) -> dict[int, Box]:
    """Return the box of each id of (h, w) labels, from the stretches of its pixels in the rows."""
    there = part != 0
    begins, ends = there.copy(), there.copy()
    differs = part[:, 1:] != part[:, :-1]
    begins[:, 1:] &= differs
    ends[:, :-1] &= differs
    rows, lefts = np.nonzero(begins)
    rights = np.nonzero(ends)[1] + 1
    labels = part[rows, lefts]
    order = np.argsort(labels, kind="stable")
    ids, first = np.unique(labels[order], return_index=True)
    if not ids.size:
        return {}
    rows, lefts, rights = rows[order], lefts[order], rights[order]
    sides = (
        np.minimum.reduceat(rows, first),
        np.maximum.reduceat(rows, first) + 1,
        np.minimum.reduceat(lefts, first),
        np.maximum.reduceat(rights, first),
    )
    boxes = np.stack(sides, axis=1).tolist()
    return {label: Box(*of) for label, of in zip(ids.tolist(), boxes, strict=True)}


def _cut(mask: NDArray[np.bool_], box: Box) -> BoxedMask:
    return BoxedMask(box, np.packbits(mask).tobytes())


def _pieces(mask: NDArray[np.bool_], box: Box) -> Iterator[BoxedMask]:
    pieces, _ = ndimage.label(mask)
    for number, (rows, cols) in enumerate(ndimage.find_objects(pieces), 1):
        inside = Box(rows.start, rows.stop, cols.start, cols.stop)
        yield _cut(pieces[rows, cols] == number, inside.shifted(box.row_start, box.col_start))


def kinds_of(
    objects: Objects,
    facts: Mapping[int, ObjectStats],
    first: int = 0,
    *,
    semantic: bool = False,
) -> tuple[Kind, ...]:
    """Return what to look for: a kind for each class that has objects, ``first`` before others.

    The user's own work of this sitting counts where it tells anything, else all objects.

    Parameters
    ----------
    objects : Objects
    facts : mapping of int to ObjectStats
        Of the objects of this sitting.
    first : int
        The class that is chosen; 0: none.
    semantic : bool
        The id is that of the class, whoever drew it.
    """
    known = {label: facts[label] for label in objects.boxed_masks if label in facts}
    if semantic:
        # Without a chosen class, what is kept has none and an id of its own.
        own = {label: fact for label, fact in known.items() if not first}
        chosen = {label: own.get(label, ObjectStats(label)) for label in objects.boxed_masks}
    elif _told(objects, known):
        chosen = known
    else:
        chosen = {label: known.get(label, ObjectStats()) for label in objects.boxed_masks}
    groups: dict[int, list[int]] = {}
    # The newest first, and what was clicked before what was only accepted.
    for label in sorted(chosen, key=lambda each: (_is_given(chosen[each]), -each)):
        groups.setdefault(chosen[label].category, []).append(label)
    boxed_masks = {category: _told(objects, labels) for category, labels in groups.items()}
    return tuple(
        Kind(
            category,
            exemplars,
            tuple(
                each for other, them in boxed_masks.items() if other != category for each in them
            ),
            "" if exemplars else _trouble(objects, groups[category][0]),
        )
        for category, exemplars in sorted(
            boxed_masks.items(), key=lambda each: (each[0] != first, each[0])
        )
    )


def _is_given(facts: ObjectStats) -> bool:
    return facts.found and not facts.clicks


def _told(objects: Objects, labels: Iterable[int]) -> tuple[BoxedMask, ...]:
    """Return objects of some ids without those that tell nothing, and that are too many."""
    them = (each for label in labels for each in objects.boxed_masks[label])
    large = (each for each in them if largest_piece(each).area >= LEAST_AREA)
    return tuple(islice(large, MOST))


def _trouble(objects: Objects, label: int) -> str:
    area = max(largest_piece(each).area for each in objects.boxed_masks[label])
    return f"object {label} has {too_few(area)}"
