"""Which ids a labels image has, how many pixels of each, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.sessions.blocks import Block, Blocks


class LabelIndex:
    """The pixels of each id in each block, kept up to date.

    So ids are known without reading anything, and an object is found by reading its blocks.

    Parameters
    ----------
    data : array-like
        Where ids are going to be; all 0 as yet. See `LabelIndex.of` for others.
    """

    def __init__(self, data: Any) -> None:
        self._blocks = Blocks(data)
        self._counts: dict[Block, Counter[int]] = {}
        self.areas: Counter[int] = Counter()
        """Pixels of each id in all planes."""

    @classmethod
    def of(cls, data: Any) -> LabelIndex:
        """Count the ids of an array; of a zarr array on the disk, what was ever written is read."""
        index = cls(data)
        for block in index._blocks.written():
            index._add(block, counted(index._blocks.read(block)))
        return index

    @property
    def highest(self) -> int:
        """The highest id, 0 where there is none above it."""
        return max(0, max(self.areas, default=0))

    def update(self, region: Sequence[slice], before: NDArray[Any], after: NDArray[Any]) -> None:
        """Take note that the values of a region are others now."""
        for block in self._blocks.touching(region):
            there = self._blocks.region(block)
            part = tuple(
                slice(max(a.start, b.start) - a.start, min(a.stop, b.stop) - a.start)
                for a, b in zip(region, there, strict=True)
            )
            change = counted(after[part])
            change.subtract(counted(before[part]))
            self._add(block, change)

    def box_of(self, label: int) -> tuple[slice, ...] | None:
        """Return the smallest region with all pixels of an id, None where there are none."""
        boxes = [
            _box(self._blocks.read(block) == label, self._blocks.region(block))
            for block, counts in self._counts.items()
            if label in counts
        ]
        if not boxes:
            return None
        return tuple(
            slice(min(part.start for part in along), max(part.stop for part in along))
            for along in zip(*boxes, strict=True)
        )

    def places_of(self, label: int, axes: tuple[int, ...]) -> set[tuple[int, ...]]:
        """Return the indices along ``axes``, ascending, at which an id has pixels."""
        others = tuple(axis for axis in range(len(self._blocks.shape)) if axis not in axes)
        places: set[tuple[int, ...]] = set()
        for block, counts in self._counts.items():
            if label in counts:
                found = np.argwhere((self._blocks.read(block) == label).any(axis=others))
                starts = [self._blocks.region(block)[axis].start for axis in axes]
                places.update(map(tuple, (found + starts).tolist()))
        return places

    def _add(self, block: Block, change: Counter[int]) -> None:
        of_block = self._counts.setdefault(block, Counter())
        for counts in (of_block, self.areas):
            for label, pixels in change.items():
                counts[label] += pixels
                if not counts[label]:
                    del counts[label]
        if not of_block:
            del self._counts[block]


def counted(values: NDArray[Any]) -> Counter[int]:
    """Return the pixels of each id but 0; quick where equal ids lie side by side."""
    flat = values.ravel()
    if not flat.any():
        return Counter()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    ids, places = np.unique(flat[starts], return_inverse=True)
    pixels = np.bincount(places, weights=np.diff(starts, append=flat.size)).astype(np.int64)
    counts = Counter(dict(zip(ids.tolist(), pixels.tolist(), strict=True)))
    del counts[0]
    return counts


def _box(there: NDArray[np.bool_], region: tuple[slice, ...]) -> tuple[slice, ...]:
    box = []
    for axis, along in enumerate(region):
        others = tuple(other for other in range(there.ndim) if other != axis)
        places = np.flatnonzero(there.any(axis=others))
        if not len(places):  # somebody took it away without telling
            return region
        box.append(slice(along.start + int(places[0]), along.start + int(places[-1]) + 1))
    return tuple(box)
