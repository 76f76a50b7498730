"""The levels of a pyramid of labels: the finest is written, the others are every f-th pixel of it.

A level's pixel is the finest one where napari draws its middle, so no id is ever mixed and what is
seen from afar is what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Region = tuple[slice, ...]


def levels_of(data: Any, *, multiscale: bool) -> list[Any]:
    """Return the arrays of a layer, from the finest to the coarsest."""
    return list(data) if multiscale else [data]


def write(levels: Sequence[Any], region: Region, values: NDArray[Any]) -> None:
    """Write the values of a region of the finest level, and what follows from them in the others.

    Parameters
    ----------
    levels : sequence of array-like
        From the finest to the coarsest, all of the same number of axes.
    region : tuple of slice
        In the finest level, with start and stop.
    values : array
        Of the region's shape.
    """
    levels[0][region] = values
    for level in levels[1:]:
        part, picked = sampled(levels[0].shape, level.shape, region)
        if all(places.size for places in picked):
            level[part] = pick(values, picked)


def pick(values: NDArray[Any], picked: Sequence[NDArray[np.intp]]) -> NDArray[Any]:
    """Return the pixels at some places along each axis."""
    for axis, places in enumerate(picked):
        if len(places) < values.shape[axis]:
            values = values.take(places, axis)
    return values


def sampled(
    finest: Sequence[int], shape: Sequence[int], region: Region
) -> tuple[Region, tuple[NDArray[np.intp], ...]]:
    """Return which part of a level a region of the finest level decides, and by which pixels.

    Parameters
    ----------
    finest, shape : sequence of int
        Of the finest level and of the level.
    region : tuple of slice

    Returns
    -------
    part : tuple of slice
        In the level.
    picked : tuple of (N,) array
        For each axis the pixels of the region that are seen in the part, counted from its start.
    """
    parts, picked = [], []
    for size, count, along in zip(finest, shape, region, strict=True):
        factor = size / count
        # One pixel more on both sides than needed, so that rounding decides in one place.
        first = max(int(along.start / factor) - 1, 0)
        last = min(int(along.stop / factor) + 2, count)
        places = np.minimum(np.rint(np.arange(first, last) * factor), size - 1).astype(np.intp)
        start, stop = np.searchsorted(places, (along.start, along.stop))
        parts.append(slice(first + int(start), first + int(stop)))
        picked.append(places[start:stop] - along.start)
    return tuple(parts), tuple(picked)
