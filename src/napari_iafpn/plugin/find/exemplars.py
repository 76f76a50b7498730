"""The objects of a labels image that show what is looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    rows, cols = np.nonzero(part)
    if not rows.size:
        return Objects()
    order = np.argsort(part[rows, cols], kind="stable")
    rows, cols = rows[order], cols[order]
    ids, starts = np.unique(part[rows, cols], return_index=True)
    corner = box.row_start, box.col_start
    boxed_masks = {}
    for label, r, c in zip(
        ids, np.split(rows, starts[1:]), np.split(cols, starts[1:]), strict=True
    ):
        top, left = int(r.min()), int(c.min())
        mask = np.zeros((int(r.max()) - top + 1, int(c.max()) - left + 1), bool)
        mask[r - top, c - left] = True
        place = top + corner[0], left + corner[1]
        boxed_masks[int(label)] = tuple(_pieces(mask, place) if semantic else _cut(mask, place))
    return Objects(boxed_masks, BoxedMask.of(part != 0, corner))


def _cut(mask: NDArray[np.bool_], corner: tuple[int, int]) -> Iterable[BoxedMask]:
    boxed = BoxedMask.of(mask, corner)
    return () if boxed is None else (boxed,)


def _pieces(mask: NDArray[np.bool_], corner: tuple[int, int]) -> Iterable[BoxedMask]:
    pieces, _ = ndimage.label(mask)
    for number, (rows, cols) in enumerate(ndimage.find_objects(pieces), 1):
        place = corner[0] + rows.start, corner[1] + cols.start
        yield from _cut(pieces[rows, cols] == number, place)


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
