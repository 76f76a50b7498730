"""Decoded tiles of planes that are not in memory; the newest are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.images.arrays import load

CACHE_BYTES = 64 * 2**20
# Chunks are joined to tiles of at least the first side; the second is that of tiles where an array
# tells nothing of chunks.
LEAST_SIDE, DEFAULT_SIDE = 128, 256


class TileCache:
    """Keeps the newest tiles, up to `CACHE_BYTES`; one is kept however large it is."""

    def __init__(self) -> None:
        self._tiles: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[int, ...]) -> NDArray[Any] | None:
        """Return a tile, None where it is not kept."""
        if key in self._tiles:
            self._tiles.move_to_end(key)
        return self._tiles.get(key)

    def keep(self, key: tuple[int, ...], tile: NDArray[Any]) -> None:
        """Add a tile that is not there."""
        self._tiles[key] = tile
        self._bytes += tile.nbytes
        while self._bytes > CACHE_BYTES and len(self._tiles) > 1:
            self._bytes -= self._tiles.popitem(last=False)[1].nbytes


class Tiles:
    """Reads boxes of a plane by tiles of whole chunks.

    Parameters
    ----------
    array : (H, W) or (H, W, channels) array-like
        Its ``chunks``, where it has any, are those of dask or zarr.
    level : int
        Tells the tiles of this plane from those of others in the cache.
    cache : TileCache
    """

    def __init__(self, array: Any, level: int, cache: TileCache) -> None:
        self._array, self._level, self._cache = array, level, cache
        chunks = getattr(array, "chunks", None) or (DEFAULT_SIDE, DEFAULT_SIDE)
        self._rows, self._cols = (
            _borders(int(size), side)
            for size, side in zip(array.shape[:2], chunks[:2], strict=True)
        )

    def read(self, box: Box) -> NDArray[Any]:
        """Return the values of ``box``: (h, w) or (h, w, 3), in native byte order."""
        rows = _touched(self._rows, box.row_start, box.row_stop)
        cols = _touched(self._cols, box.col_start, box.col_stop)
        tiles = {(r, c): self._cache.get((self._level, r, c)) for r in rows for c in cols}
        missing = [place for place, tile in tiles.items() if tile is None]
        tiles.update(self._fetch(missing))
        return np.concatenate(
            [np.concatenate([self._inside(r, c, tiles[r, c], box) for c in cols], 1) for r in rows]
        )

    def _fetch(self, missing: Iterable[tuple[int, int]]) -> Iterator[Any]:
        """Yield places and tiles; neighbours are read at once, which stores do in parallel."""
        for rows, cols in _rectangles(missing):
            whole = self._box(rows, cols)
            values = load(self._array, whole.slices)
            for row in rows:
                for col in cols:
                    inside = self._box(range(row, row + 1), range(col, col + 1))
                    inside = inside.shifted(-whole.row_start, -whole.col_start)
                    tile = values[inside.slices].copy()
                    self._cache.keep((self._level, row, col), tile)
                    yield (row, col), tile

    def _box(self, rows: range, cols: range) -> Box:
        return Box(
            int(self._rows[rows.start]),
            int(self._rows[rows.stop]),
            int(self._cols[cols.start]),
            int(self._cols[cols.stop]),
        )

    def _inside(self, row: int, col: int, tile: Any, box: Box) -> Any:
        """Return the part of a tile that lies in ``box``."""
        place = self._box(range(row, row + 1), range(col, col + 1))
        common = place.intersection(box)
        assert common is not None
        return tile[common.shifted(-place.row_start, -place.col_start).slices]


def _borders(size: int, chunks: int | tuple[int, ...]) -> NDArray[np.int64]:
    """Return where tiles begin along an axis, and its end."""
    if isinstance(chunks, tuple):
        ends = np.cumsum(chunks)
        starts = [0]
        for end in ends:
            if end - starts[-1] >= LEAST_SIDE:
                starts.append(int(end))
    else:
        starts = list(range(0, size, int(chunks) * max(1, -(-LEAST_SIDE // int(chunks)))))
    return np.array([start for start in starts if start < size] + [size], dtype=np.int64)


def _touched(borders: NDArray[np.int64], start: int, stop: int) -> range:
    """Return the numbers of the tiles that ``start:stop`` touches."""
    first, last = np.searchsorted(borders, (start, stop - 1), side="right")
    return range(int(first) - 1, int(last))


def _rectangles(places: Iterable[tuple[int, int]]) -> Iterator[tuple[range, range]]:
    """Yield rectangles (rows, columns) that consist of the places, which are sorted."""
    above: dict[range, range] = {}
    for row, in_row in groupby(places, lambda place: place[0]):
        runs: list[range] = []
        for _, col in in_row:
            if runs and runs[-1].stop == col:
                runs[-1] = range(runs[-1].start, col + 1)
            else:
                runs.append(range(col, col + 1))
        here = {}
        for run in runs:
            grown = above.pop(run, range(row, row))
            here[run] = range(grown.start if grown.stop == row else row, row + 1)
            if grown.stop != row:
                yield grown, run
        yield from ((rows, run) for run, rows in above.items())
        above = here
    yield from ((rows, run) for run, rows in above.items())
