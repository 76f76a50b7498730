"""An array of any size that is 0 nearly everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_iafpn.sessions.blocks import Block, Blocks


class SparseArray:
    """Holds only the blocks that something was written to.

    Indexed by one integer or slice (without steps) per axis, like a numpy array.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy dtype
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.ndim = len(shape)
        self.dtype = np.dtype(dtype)
        self._grid = Blocks(self)
        self._blocks: dict[Block, NDArray[Any]] = {}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it; MemoryError where that is too much."""
        return np.asarray(self[tuple(slice(0, size) for size in self.shape)], dtype)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a copy of a region."""
        region = self._region(key)
        values = np.zeros([part.stop - part.start for part in region], self.dtype)
        for block, inside, outside in self._touching(region):
            if block in self._blocks:
                values[outside] = self._blocks[block][inside]
        kept = tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)
        return values[kept]

    def __setitem__(self, key: tuple[slice, ...], values: ArrayLike) -> None:
        """Write a region, given by slices."""
        region = self._region(key)
        values = np.broadcast_to(values, [part.stop - part.start for part in region])
        for block, inside, outside in self._touching(region):
            if block not in self._blocks:
                self._blocks[block] = np.zeros(self._grid.size, self.dtype)
            self._blocks[block][inside] = values[outside]

    def written(self) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
        """Yield the regions that something was written to, with their values."""
        for block in sorted(self._blocks):
            region = self._grid.region(block)
            yield region, self[region]

    def _region(self, key: tuple[int | slice, ...]) -> tuple[slice, ...]:
        return tuple(
            slice(*part.indices(size)[:2]) if isinstance(part, slice) else slice(part, part + 1)
            for part, size in zip(key, self.shape, strict=True)
        )

    def _touching(
        self, region: tuple[slice, ...]
    ) -> Iterator[tuple[Block, tuple[slice, ...], tuple[slice, ...]]]:
        """Yield the blocks of a region, each with where it is in the block and in the region."""
        for block in self._grid.touching(region):
            inside, outside = [], []
            for part, there in zip(region, self._grid.region(block), strict=True):
                start, stop = max(part.start, there.start), min(part.stop, there.stop)
                inside.append(slice(start - there.start, stop - there.start))
                outside.append(slice(start - part.start, stop - part.start))
            yield block, tuple(inside), tuple(outside)
