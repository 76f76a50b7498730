"""Outlines of objects along the edges of their pixels, and the pixels inside outlines.

Corners lie on pixel corners: the pixel (row, col) has the corners (row, col) and
(row + 1, col + 1). Outlines that are filled give back exactly the object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ring = NDArray[np.int64]
"""(N, 2) corners (row, col) of a closed line; the last one is joined with the first."""

_STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])  # right, down, left, up


@dataclass(frozen=True, eq=False)
class Piece:
    """Pixels of an object that are connected by edges.

    Attributes
    ----------
    outer : (N, 2) integer
        The outer ring, clockwise on the screen.
    holes : tuple of (N, 2) integer
        Rings of the holes, the other way round. Each ring passes a corner once; a hole may touch
        the outer ring in a corner.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outer ring, then the holes."""
        return self.outer, *self.holes


def outlines(labels: NDArray[np.integer]) -> dict[int, tuple[Piece, ...]]:
    """Return the pieces of each object of (H, W) ``labels``, by rising id.

    All objects are traced at once: edges, directions and successors are arrays of the whole plane,
    and only the walk along the edges is a loop.
    """
    starts, directions, successors = _edges(labels)
    rings: dict[int, list[tuple[Ring, tuple[int, int]]]] = defaultdict(list)
    for walk in _walks(successors):
        row, col = _right_pixel(starts[walk[0]], directions[walk[0]])
        label = int(labels[row, col])
        rings[label] += [(ring, (row, col)) for ring in _simple_rings(starts[walk])]
    return {label: _grouped(labels, label, rings[label]) for label in sorted(rings)}


def fill(
    rings: Sequence[NDArray[np.number]], shape: tuple[int, int]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return where in an (H, W) plane the ``rings`` lie and which pixels there are inside.

    A pixel is inside where its centre is, by the even-odd rule; a centre on a line belongs to what
    is right of or below the line.

    Parameters
    ----------
    rings : sequence of (N, 2)
        Corners (row, col), of any number type; what is outside the plane is cut off.
    shape : (H, W)

    Returns
    -------
    slices : of rows and columns
    mask : bool, of the size of the slices
    """
    tops, bottoms = _edges_of_rings(rings)
    corners = np.concatenate([tops, bottoms]) if len(tops) else np.zeros((1, 2))
    first = np.clip(np.floor(corners.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)), first, shape).astype(int)
    (top, left), (height, width) = first.tolist(), (last - first).tolist()

    row_starts = np.clip(np.ceil(tops[:, 0] - 0.5), top, top + height).astype(int)
    row_stops = np.clip(np.ceil(bottoms[:, 0] - 0.5), top, top + height).astype(int)
    counts = row_stops - row_starts
    edge = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + row_starts[edge]
    slopes = (bottoms - tops)[edge]
    crossings = tops[edge, 1] + (rows + 0.5 - tops[edge, 0]) / slopes[:, 0] * slopes[:, 1]
    cols = np.clip(np.ceil(crossings - 0.5), left, left + width).astype(int)

    places = (rows - top) * (width + 1) + (cols - left)
    toggles = np.bincount(places, minlength=height * (width + 1)).reshape(height, width + 1)
    mask = (np.cumsum(toggles, axis=1) % 2 == 1)[:, :width]
    return (slice(top, top + height), slice(left, left + width)), mask


def _edges(
    labels: NDArray[np.integer],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return start corner (N, 2), direction and successor of every edge of every object.

    The object is on the right of its edges. At a corner where two pixels of an object touch, the
    right turn is taken, which keeps to the edges of one pixel.
    """
    padded = np.pad(labels, 1)
    # At each corner: the pixels up left, up right, down left, down right of it.
    up_left, up_right = padded[:-1, :-1], padded[:-1, 1:]
    down_left, down_right = padded[1:, :-1], padded[1:, 1:]
    right_left = (
        (down_right, up_right),
        (down_left, down_right),
        (up_left, down_left),
        (up_right, up_left),
    )
    leaving = np.stack([(right != left) & (right != 0) for right, left in right_left])
    size = leaving[0].size  # corners
    flat = leaving.ravel()
    edges = np.flatnonzero(flat)
    directions, corners = np.divmod(edges, size)
    ends = corners + (_STEPS @ np.array([leaving.shape[2], 1]))[directions]
    successors = np.full(len(edges), -1)
    for turn in (1, 0, 3):
        candidates = (directions + turn) % 4 * size + ends
        successors = np.where((successors < 0) & flat[candidates], candidates, successors)
    starts = np.stack(np.divmod(corners, leaving.shape[2]), axis=1)
    return starts, directions, np.searchsorted(edges, successors)


def _walks(successors: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the cycles of edges."""
    following = successors.tolist()
    waiting = bytearray(b"\1") * len(following)
    for first in range(len(following)):
        if not waiting[first]:
            continue
        walk, edge = [], first
        while waiting[edge]:
            waiting[edge] = 0
            walk.append(edge)
            edge = following[edge]
        yield np.array(walk)


def _right_pixel(corner: NDArray[np.int64], direction: int) -> tuple[int, int]:
    """Return the pixel on the right of the edge that leaves ``corner``."""
    up, left = ((0, 0), (0, 1), (1, 1), (1, 0))[direction]
    return int(corner[0]) - up, int(corner[1]) - left


def _simple_rings(corners: Ring) -> Iterator[Ring]:
    """Split a walk where it passes a corner twice; leave out corners on straight lines."""
    keys = corners[:, 0] << 32 | corners[:, 1]
    if len(np.unique(keys)) == len(keys):
        yield _without_straight(corners)
        return
    path: list[int] = []
    places: dict[int, int] = {}
    for number, key in enumerate(keys.tolist()):
        if key in places:
            start = places[key]
            yield _without_straight(corners[path[start:]])
            for passed in path[start + 1 :]:
                del places[int(keys[passed])]
            del path[start + 1 :]
        else:
            places[key] = len(path)
            path.append(number)
    yield _without_straight(corners[path])


def _without_straight(ring: Ring) -> Ring:
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    corners: Ring = ring[(before != after).any(axis=1)]
    return corners


def _grouped(
    labels: NDArray[np.integer], label: int, rings: list[tuple[Ring, tuple[int, int]]]
) -> tuple[Piece, ...]:
    """Join holes with the pieces that they are in; each ring comes with a pixel of its piece."""
    outers = [(ring, pixel) for ring, pixel in rings if _turns_right(ring)]
    holes = [(ring, pixel) for ring, pixel in rings if not _turns_right(ring)]
    if not holes or len(outers) == 1:
        inside = tuple(ring for ring, _ in holes)
        return tuple(Piece(ring, inside) for ring, _ in outers)
    corners = np.concatenate([ring for ring, _ in outers])
    (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
    pieces = ndimage.label(labels[top:bottom, left:right] == label)[0]
    holes_of = defaultdict(list)
    for ring, (row, col) in holes:
        holes_of[pieces[row - top, col - left]].append(ring)
    return tuple(
        Piece(ring, tuple(holes_of[pieces[row - top, col - left]])) for ring, (row, col) in outers
    )


def _turns_right(ring: Ring) -> bool:
    rows, cols = ring[:, 0], ring[:, 1]
    return bool(np.sum(cols * np.roll(rows, -1) - np.roll(cols, -1) * rows) > 0)


def _edges_of_rings(
    rings: Sequence[NDArray[np.number]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the upper and the lower ends (N, 2) of all lines that are not horizontal."""
    lines = [
        np.stack([ring, np.roll(ring, -1, axis=0)]).astype(float) for ring in rings if len(ring)
    ]
    ends = np.concatenate(lines, axis=1) if lines else np.zeros((2, 0, 2))
    ends = ends[:, ends[0, :, 0] != ends[1, :, 0]]
    falls = (ends[0, :, 0] < ends[1, :, 0])[:, None]
    return np.where(falls, ends[0], ends[1]), np.where(falls, ends[1], ends[0])
