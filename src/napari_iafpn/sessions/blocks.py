"""Arrays of any size, read block by block; of a zarr array on the disk only what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


Block = tuple[int, ...]
"""The place of a block among the blocks, one index per axis."""

SIDE = 1024
"""Pixels along the last two axes of a block; it is one pixel thick along the others."""

# How zarr calls the files of its blocks: c/4/5, 4/5 or 4.5.
CHUNK_FILE = re.compile(r"(?:c[/.])?(\d+(?:[/.]\d+)*)")


class Blocks:
    """A grid of blocks over an array.

    Parameters
    ----------
    data : array-like
        Indexed by slices. The blocks of a zarr array are those that it is stored in.
    """

    def __init__(self, data: Any) -> None:
        self._data = data
        self.shape: tuple[int, ...] = tuple(int(size) for size in data.shape)
        stored = getattr(data, "shards", None) or getattr(data, "chunks", None)
        thin = (1,) * (len(self.shape) - 2) + (SIDE,) * min(len(self.shape), 2)
        is_grid = isinstance(stored, tuple) and all(isinstance(size, int) for size in stored)
        self.size: tuple[int, ...] = stored if is_grid and stored else thin

    def region(self, block: Block) -> tuple[slice, ...]:
        """Return where a block lies in the array."""
        sizes = zip(block, self.size, self.shape, strict=True)
        return tuple(slice(i * step, min((i + 1) * step, size)) for i, step, size in sizes)

    def read(self, block: Block) -> NDArray[Any]:
        """Return the values of a block."""
        return np.asarray(self._data[self.region(block)])

    def touching(self, region: Sequence[slice]) -> Iterator[Block]:
        """Yield the blocks that a region has pixels of."""
        along = zip(region, self.size, strict=True)
        yield from product(*(range(a.start // n, -(-a.stop // n)) for a, n in along))

    def written(self) -> Iterator[Block]:
        """Yield the blocks that can have other values than 0."""
        files = _chunk_files(self._data)
        if files is not None:
            yield from sorted(files)
        elif 0 not in self.shape:
            yield from self.touching([slice(0, size) for size in self.shape])


def holds_more(data: Any, pixels: int) -> bool:
    """Tell whether more than so many pixels are not 0; reads no further than it takes to know."""
    blocks, count = Blocks(data), 0
    for block in blocks.written():
        count += int(np.count_nonzero(blocks.read(block)))
        if count > pixels:
            return True
    return False


def _chunk_files(data: Any) -> set[Block] | None:
    """Return the blocks of a zarr array that there are files of, None where that is not known."""
    root = getattr(getattr(data, "store", None), "root", None)
    if not isinstance(root, Path) or getattr(data, "fill_value", None) != 0:
        return None
    folder = root / str(data.path)
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    found = (CHUNK_FILE.fullmatch(name) for name in names)
    places = (re.split(r"[/.]", match[1]) for match in found if match)
    return {tuple(map(int, place)) for place in places if len(place) == len(data.shape)}
