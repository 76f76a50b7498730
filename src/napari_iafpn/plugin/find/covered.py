"""Which proposals lie on objects by now; labels are read again only where they changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.masks import BoxedMask
from napari_iafpn.sessions import FoundObject, LabelsChange, Step
from napari_iafpn.sessions.pixels import region_of

if TYPE_CHECKING:
    from napari_iafpn.plugin.ports import LabelsTarget

COVERED = 0.3
"""Share of a proposal that belongs to objects by now, from which on it is none any more."""


class CoveredProposals:
    """Knows which proposals of a plane are left, from one step to the next."""

    def __init__(self) -> None:
        self._steps: tuple[Step, ...] = ()
        self._data: Any = None
        self._known: dict[int, tuple[FoundObject, bool]] = {}

    def left(
        self, found: Sequence[FoundObject], target: LabelsTarget | None, steps: tuple[Step, ...]
    ) -> list[FoundObject]:
        """Return those of ``found`` that are on no object in the labels, after ``steps``."""
        if target is None:
            return list(found)
        data, news = target.data, _news(self._steps, steps)
        # Scripts write into arrays in memory without telling; those are quickly read again.
        if data is not self._data or (news and isinstance(data, np.ndarray)):
            self._known = {}
        changed = [each for step in news for each in step.labels if each.labels == target.id]
        regions = [_around(each) for each in changed if each.pixels]
        known = {}
        for each in found:
            before = self._known.get(each.number)
            if before is None or before[0] is not each or _meets(each, regions):
                before = each, _is_covered(each, data)
            known[each.number] = before
        self._steps, self._data, self._known = steps, data, known
        return [each for each in found if not known[each.number][1]]


def _news(before: Sequence[Step], now: Sequence[Step]) -> list[Step]:
    """Return the steps about labels or proposals that only one of two histories has."""
    pairs = zip(before, now, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], pairs))
    return [step for step in (*before[same:], *now[same:]) if step.labels or step.verdicts]


def _around(change: LabelsChange) -> tuple[slice, ...]:
    """Return the smallest region with all that changed."""
    regions = zip(*(pixels.region for pixels in change.pixels), strict=True)
    return tuple(
        slice(min(part.start for part in along), max(part.stop for part in along))
        for along in regions
    )


def _meets(found: FoundObject, regions: Sequence[tuple[slice, ...]]) -> bool:
    """Tell whether the box of a proposal has pixels of one of some regions."""
    box = region_of(found.plane, found.mask.box)
    return any(
        all(a.start < b.stop and b.start < a.stop for a, b in zip(box, region, strict=False))
        for region in regions
    )


def _is_covered(found: FoundObject, data: Any) -> bool:
    try:
        there = np.asarray(data[region_of(found.plane, found.mask.box)])
    except (IndexError, ValueError):
        return True  # the labels have another shape by now
    if there.size != found.mask.mask.size:
        return True
    return _is_taken(found, there.reshape(found.mask.mask.shape) != 0)


def lies_on(found: FoundObject, other: BoxedMask) -> bool:
    """Tell whether a proposal lies on another object."""
    return _is_taken(found, other.within(found.mask.box))


def is_same_place(one: BoxedMask, other: BoxedMask) -> bool:
    """Tell whether one of two masks lies on the other."""
    common = one.box.intersection(other.box)
    if common is None:
        return False
    shared = np.count_nonzero(one.within(common) & other.within(common))
    return bool(shared > COVERED * min(one.area, other.area))


def apart(found: Sequence[FoundObject]) -> list[FoundObject]:
    """Leave out what is at the place of another one before it."""
    kept: list[FoundObject] = []
    corners = np.empty((len(found), 4), int)  # thousands of boxes are compared at once
    for each in found:
        box = each.mask.box
        starts, stops = (box.row_start, box.col_start), (box.row_stop, box.col_stop)
        before = corners[: len(kept)]
        meets = (before[:, :2] < stops).all(1) & (before[:, 2:] > starts).all(1)
        if not any(is_same_place(each.mask, kept[n].mask) for n in np.flatnonzero(meets)):
            corners[len(kept)] = *starts, *stops
            kept.append(each)
    return kept


def _is_taken(found: FoundObject, there: NDArray[np.bool_]) -> bool:
    mask = found.mask.mask
    return bool(np.count_nonzero(there & mask) > COVERED * np.count_nonzero(mask))
