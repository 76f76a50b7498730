"""Changes of a labels image that can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask, RunLengths, union
from napari_iafpn.sessions.plane_key import PlaneKey

KEEP, OVERWRITE = "keep", "overwrite"
POLICIES = (KEEP, OVERWRITE)
"""Whether pixels that belong to other objects stay theirs."""


@dataclass(frozen=True, eq=False, slots=True)
class PixelChange:
    """The values in a region of a labels image before and after a step.

    Attributes
    ----------
    start : tuple of int
        First pixel of the region, one index per axis of the labels.
    old, new : RunLengths
        Of the region's shape.
    """

    start: tuple[int, ...]
    old: RunLengths
    new: RunLengths

    @classmethod
    def of(cls, region: Sequence[slice], before: NDArray[Any], after: NDArray[Any]) -> PixelChange:
        """Take the values of a region before and after."""
        start = tuple(int(part.start) for part in region)
        return cls(start, RunLengths.of(before), RunLengths.of(after))

    @property
    def region(self) -> tuple[slice, ...]:
        """Indexes the labels."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.new.shape, strict=True))

    def box_on(self, plane: PlaneKey) -> Box | None:
        """Return where it lies on a plane, None where it lies on others."""
        region, here = self.region, zip(plane.other_axes, plane.index, strict=True)
        if any(region[axis] != slice(index, index + 1) for axis, index in here):
            return None
        rows, cols = (region[axis] for axis in plane.axes)
        return Box(rows.start, rows.stop, cols.start, cols.stop)

    @property
    def before(self) -> NDArray[Any]:
        """The region's values before."""
        return self.old.array

    @property
    def after(self) -> NDArray[Any]:
        """The region's values after."""
        return self.new.array

    def applied(self, now: NDArray[Any]) -> NDArray[Any]:
        """Return what the region's values become; those that others changed since are kept."""
        return _exchanged(now, self.before, self.after)

    def reverted(self, now: NDArray[Any]) -> NDArray[Any]:
        """Return what the region's values were; those that others changed since are kept."""
        return _exchanged(now, self.after, self.before)

    def apply(self, data: Any) -> None:
        """Write the values after; pixels that others changed since keep what they have."""
        data[self.region] = self.applied(np.array(data[self.region]))

    def revert(self, data: Any) -> None:
        """Write the values before; pixels that others changed since keep what they have."""
        data[self.region] = self.reverted(np.array(data[self.region]))


def _exchanged(now: NDArray[Any], old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    exchanged: NDArray[Any] = np.where((now == old) & (old != new), new, now)
    return exchanged


def region_of(plane: PlaneKey, box: Box) -> tuple[slice, ...]:
    """Return where a box of a plane lies in the labels."""
    rows, cols = box.slices
    region = [slice(index, index + 1) for index in plane.index]
    region.insert(plane.axes[0], rows)
    region.insert(plane.axes[1], cols)
    return tuple(region)


def painted(
    data: Any, plane: PlaneKey, boxed: BoxedMask, label: int, policy: str = KEEP
) -> PixelChange | None:
    """Return the change that gives pixels of a plane to ``label``; None where none is free.

    ``data`` is indexed by numpy slices and not changed.
    """
    region = region_of(plane, boxed.box)
    before = np.array(data[region])
    mask = boxed.mask.reshape(before.shape)
    free = mask if policy == OVERWRITE else mask & (before == 0)
    if not free.any():
        return None
    after = np.where(free, np.asarray(label, before.dtype), before)
    return PixelChange.of(region, before, after)


def replaced(data: Any, region: Sequence[slice], label: int, other: int) -> PixelChange | None:
    """Return the change of ``label`` into ``other`` in a region; None where it is not there."""
    region = tuple(region)
    before = np.array(data[region])
    there = before == label
    if not there.any():
        return None
    after = np.where(there, np.asarray(other, before.dtype), before)
    return PixelChange.of(region, before, after)


def repainted(
    data: Any,
    plane: PlaneKey,
    boxed: BoxedMask,
    label: int,
    policy: str = KEEP,
    region: Sequence[slice] | None = None,
) -> PixelChange | None:
    """Return the change that makes a mask all there is of ``label`` on it.

    None where that changes nothing. ``data`` is indexed by numpy slices and not changed. ``label``
    is looked for in ``region``, as `lifted` does.
    """
    old = _pixels_of(data, plane, label, region)
    box = boxed.box if old is None else boxed.box.union(old.box)
    region = region_of(plane, box)
    before = np.array(data[region])
    mask = boxed.within(box).reshape(before.shape)
    others = (before != 0) & (before != label)
    after = np.where(before == label, np.zeros_like(before), before)
    after[mask if policy == OVERWRITE else mask & ~others] = label
    return None if np.array_equal(before, after) else PixelChange.of(region, before, after)


def lifted(
    data: Any, plane: PlaneKey, label: int, region: Sequence[slice] | None = None
) -> tuple[BoxedMask, PixelChange] | None:
    """Return the pixels of ``label`` on a plane and the change that frees them.

    Only ``region``, a part of the plane in ``data``, is read; None: the whole plane.
    """
    boxed = _pixels_of(data, plane, label, region)
    if boxed is None:
        return None
    change = replaced(data, region_of(plane, boxed.box), label, 0)
    assert change is not None
    return boxed, change


def written(
    data: Any, plane: PlaneKey, label: int, changes: Sequence[PixelChange]
) -> BoxedMask | None:
    """Return the pixels of a plane that ``changes`` gave to ``label`` and that still have it."""
    pixels = None
    for change in changes:
        if change.box_on(plane) is not None:
            region = change.region
            new = (change.after == label) & (change.before != label)
            pixels = union(pixels, _boxed(new & (np.asarray(data[region]) == label), plane, region))
    return pixels


def _pixels_of(
    data: Any, plane: PlaneKey, label: int, region: Sequence[slice] | None
) -> BoxedMask | None:
    if region is None:
        region = region_of(plane, Box.whole(plane.shape_in(data.shape)))
    return _boxed(np.asarray(data[tuple(region)]) == label, plane, region)


def _boxed(there: NDArray[np.bool_], plane: PlaneKey, region: Sequence[slice]) -> BoxedMask | None:
    """Return pixels of a region of a plane, an array with the axes of the labels."""
    rows, cols = plane.axes
    corner = region[rows].start, region[cols].start
    return BoxedMask.of(there.reshape(there.shape[rows], there.shape[cols]), corner)
