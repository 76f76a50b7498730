"""The pixel deepest inside its region, exactly, without a distance transform of the image.

The squared depth of a pixel, i.e. the squared distance to the nearest pixel outside its region, is
an integer, so ties are exact. In a row the distance to the outside follows from the run of equal
pixels; the depth is the smallest of (rows away)^2 + (distance in that row)^2. A few promising
pixels give a depth to beat. Only pixels around which a square and a ring of that size lie in the
region can beat it; there are few, and only they are measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, isqrt, pi, sin

import numpy as np
from numpy.typing import NDArray

MIDDLES = 2048
MANY = 128
CELLS = (16, 4)
LOOKUPS = 2**15

Places = NDArray[np.intp]
"""Flat indices of pixels in the padded regions."""


def deepest(
    regions: NDArray[np.uint8], allowed: NDArray[np.bool_] | None = None
) -> tuple[int, int, int] | None:
    """Return the squared depth, the row and the column of the deepest pixel, None without any.

    Among equally deep pixels of several kinds of region the largest kind wins, then the first
    pixel in row-major order. Beyond the image is outside.

    Parameters
    ----------
    regions : (H, W) uint8
        0 outside, a power of two inside; neighbours of another kind are outside.
    allowed : (H, W) bool, optional
        Only these pixels are returned; they do not change any depth.
    """
    rows, cols = np.flatnonzero(regions.any(axis=1)), np.flatnonzero(regions.any(axis=0))
    if rows.size == 0:
        return None
    part = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    search = _Regions(regions[part], None if allowed is None else allowed[part])
    depth = search.promising_depth()
    if depth == 0:
        return None
    deeper, most = search.deepest_of(search.candidates(depth + 1))
    place = search.first_of(deeper) if most > depth else search.first_tie(depth)
    row, col = divmod(place, search.width)
    return max(most, depth), int(rows[0]) + row - 1, int(cols[0]) + col - 1


class _Regions:
    """The regions, surrounded by one outside pixel, and their runs along the rows."""

    def __init__(self, regions: NDArray[np.uint8], allowed: NDArray[np.bool_] | None) -> None:
        self.width = regions.shape[1] + 2
        self.padded = np.pad(regions, 1)
        self.flat = self.padded.ravel()
        changes = self.flat[1:] != self.flat[:-1]
        self.number = np.empty(self.flat.size, np.int32)  # of the run that holds a pixel
        self.number[0] = 0
        np.cumsum(changes, out=self.number[1:])
        self.bounds = np.concatenate([[0], np.flatnonzero(changes) + 1, [self.flat.size]])
        self.kinds = self.flat[self.bounds[:-1]]
        self.allowed = None if allowed is None else np.pad(allowed, 1).ravel()

    def promising_depth(self) -> int:
        """Return a squared depth that is probably almost the largest, 0 without allowed pixels."""
        lengths = np.diff(self.bounds) * (self.kinds > 0)
        longest = np.flatnonzero(lengths)
        if longest.size > MIDDLES:
            longest = np.argpartition(lengths, -MIDDLES)[-MIDDLES:]
        places = self._allowed((self.bounds[longest] + self.bounds[longest + 1] - 1) // 2)
        if places.size == 0:
            places = self._allowed(np.flatnonzero(self.flat))[:MIDDLES]
        bounds = self._bounds(places)
        stride, few = isqrt(int(bounds.max(initial=0))) // 8, 256
        while stride > 1 and places.size > few // 4:  # ever more rows for ever fewer places
            if places.size > few:
                best = np.argpartition(bounds, -few)[-few:]
                places, bounds = places[best], bounds[best]
            self._lower(bounds, places, stride)
            stride, few = stride // 4, few // 4
        if places.size > few:
            places = places[np.argpartition(bounds, -few)[-few:]]
        return int(self._depths(places).max(initial=0))

    def candidates(self, depth: int) -> Places:
        """Return, in row-major order, all pixels that may be of at least this squared depth."""
        reach2 = depth - 1  # every pixel at this squared distance lies in the region
        reach, side = isqrt(reach2), isqrt(reach2 // 2)
        height, width = self.padded.shape[0] - 2 * reach, self.width - 2 * reach
        if height <= 0 or width <= 0:
            return np.empty(0, np.intp)

        def shifted(values: NDArray[np.uint8], row: int, col: int) -> NDArray[np.uint8]:
            return values[row : row + height, col : col + width]

        square = _common(_common(self.padded.T, side).T, side)
        inside = shifted(square, reach - side, reach - side).copy()
        for row, col in _ring(reach2):
            inside &= shifted(self.padded, reach + row, reach + col)
        found = np.flatnonzero(inside)
        return self._allowed(found + reach * (self.width + 1) + found // width * (2 * reach))

    def deepest_of(self, places: Places) -> tuple[Places, int]:
        """Return the deepest of ``places``, in their order, and their squared depth."""
        for side in CELLS:
            if places.size > MANY:
                places = places[self._may_be_deepest(places, side)]
        depths = self._depths(places)
        most = int(depths.max(initial=0))
        return places[depths == most], most

    def _may_be_deepest(self, places: Places, side: int) -> NDArray[np.bool_]:
        """Tell which places may be, by measuring one in each square of ``side`` pixels.

        A pixel is at most as much deeper than another as they are apart.
        """
        rows, cols = np.divmod(places, self.width)
        squares = rows // side * self.width + cols // side
        table = np.empty(squares.max() + 1, np.intp)
        table[squares] = np.arange(places.size)
        measured = np.flatnonzero(table[squares] == np.arange(places.size))
        depths = self._depths(places[measured])
        table[squares[measured]] = depths
        reach = np.sqrt(table[squares]) + side * 2**0.5
        may: NDArray[np.bool_] = reach >= np.sqrt(depths.max())
        return may

    def first_of(self, places: Places) -> int:
        """Return the first of ``places`` of the largest kind; they are in row-major order."""
        return int(places[np.argmax(self.flat[places])])

    def first_tie(self, depth: int) -> int:
        """Return the first place of the largest squared depth that there is."""
        places = self.candidates(depth)
        kinds = self.flat[places]
        for kind in np.flatnonzero(np.bincount(kinds))[::-1]:
            of_kind = places[kinds == kind]
            start, count = 0, 64
            while start < of_kind.size:
                part = of_kind[start : start + count]
                hits = np.flatnonzero(self._depths(part) == depth)
                if hits.size:
                    return int(part[hits[0]])
                start, count = start + count, 4 * count
        raise AssertionError("the caller has seen a place of this depth")

    def _depths(self, places: Places) -> NDArray[np.intp]:
        """Return the squared depths of ``places``."""
        depths = self._bounds(places)
        self._lower(depths, places, 1)
        return depths

    def _lower(self, bounds: NDArray[np.intp], places: Places, stride: int) -> None:
        """Lower bounds of squared depths by every ``stride``-th row; with 1 they become exact."""
        reach = isqrt(max(int(bounds.max(initial=0)) - 1, 0)) // stride
        rows = np.arange(-reach, reach + 1) * stride
        many = LOOKUPS // rows.size + 1
        for start in range(0, places.size, many):
            part = places[start : start + many, None]
            there = self._row_distance(part + rows * self.width, self.flat[part])  # (K, rows)
            lower = (there**2 + rows**2).min(axis=1)
            np.minimum(bounds[start : start + many], lower, out=bounds[start : start + many])

    def _bounds(self, places: Places) -> NDArray[np.intp]:
        """Return upper bounds of the squared depths of ``places``, from a few rows."""
        kinds = self.flat[places]
        bounds = self._row_distance(places, kinds) ** 2
        row = 1
        while row * row < bounds.max(initial=0):
            for step in (-row, row):
                there = self._row_distance(places + step * self.width, kinds)
                np.minimum(bounds, there**2 + row * row, out=bounds)
            row *= 2
        return bounds

    def _row_distance(self, places: Places, kinds: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Return the distance to the nearest pixel of the row that is not of these kinds.

        Beyond the first and the last row it is 0, as on them.
        """
        places = places.clip(0, self.flat.size - 1)
        number = self.number[places]
        before, behind = places - self.bounds[number] + 1, self.bounds[number + 1] - places
        distance: NDArray[np.intp] = np.minimum(before, behind)
        distance[self.kinds[number] != kinds] = 0
        return distance

    def _allowed(self, places: Places) -> Places:
        return places if self.allowed is None else places[self.allowed[places]]


def _common(values: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Return what ``2 * reach + 1`` successive rows have in common, for each such window."""
    length, wanted = 1, 2 * reach + 1
    while length < wanted:
        step = min(length, wanted - length)
        values = values[:-step] & values[step:]
        length += step
    return values


def _ring(reach2: int) -> Iterator[tuple[int, int]]:
    """Yield the pixels farthest away in sixteen directions, within a squared distance."""
    reach = reach2**0.5
    for turn in range(16 if reach2 > 0 else 0):
        angle = turn * pi / 8
        yield int(reach * cos(angle)), int(reach * sin(angle))
