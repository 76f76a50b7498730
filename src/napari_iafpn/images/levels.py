"""The resolutions of a plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.images.arrays import load
from napari_iafpn.images.tiles import TileCache, Tiles

# Averaging leaves at least this factor to the filter that comes after it, which is the better one.
LEFT = 2


@dataclass(frozen=True)
class Part:
    """Where a box of the image lies on a level, in the level's pixels.

    Attributes
    ----------
    start, extent : (float, float)
        The upper left corner, and height and width.
    """

    start: tuple[float, float]
    extent: tuple[float, float]

    def within(self, shape: tuple[int, int]) -> Box:
        """Return the pixels of a level of ``shape`` that the part touches."""
        begin = [math.floor(start) for start in self.start]
        ends = zip(self.start, self.extent, shape, strict=True)
        end = [min(math.ceil(start + extent), side) for start, extent, side in ends]
        return Box(begin[0], end[0], begin[1], end[1])


@dataclass(frozen=True)
class PyramidLevel:
    """A plane at one resolution.

    Attributes
    ----------
    array : (H, W) or (H, W, channels) array-like
    factors : (float, float)
        Image pixels per pixel, along rows and columns: the centre of pixel i lies at
        ``factor * (i + 0.5) - 0.5``.
    read : callable
        Returns the values of a box of this level.
    """

    array: Any = field(repr=False)
    factors: tuple[float, float]
    read: Callable[[Box], NDArray[Any]] = field(repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels of this level."""
        return int(self.array.shape[0]), int(self.array.shape[1])

    def part(self, box: Box) -> Part:
        """Return where a box of the image lies on this level."""
        # Borders that miss a whole pixel by rounding alone are put on it.
        top, left, bottom, right = (
            round(edge / factor, 6)
            for edge, factor in zip(
                (box.row_start, box.col_start, box.row_stop, box.col_stop),
                self.factors * 2,
                strict=True,
            )
        )
        return Part((top, left), (bottom - top, right - left))

    def suffices(self, box: Box, size: tuple[int, int]) -> bool:
        """Tell whether ``box`` has `LEFT` times the pixels of ``size`` on this level."""
        extent = self.part(box).extent
        return all(have >= LEFT * want for have, want in zip(extent, size, strict=True))


def levels_of(array: Any, coarser: Sequence[Any]) -> tuple[PyramidLevel, ...]:
    """Return the levels of a plane, the image itself first.

    Parameters
    ----------
    array : (H, W) or (H, W, channels) array-like
    coarser : sequence of such
        The same plane at lower resolutions, the finest first.

    Raises
    ------
    ValueError
        Where they are not the same plane.
    """
    cache = TileCache()
    levels: list[PyramidLevel] = []
    for number, data in enumerate((array, *coarser)):
        if levels:
            _check(number, data, levels[-1].array, array)
        tall, wide = (array.shape[axis] / data.shape[axis] for axis in (0, 1))
        read = (
            partial(_load, data)
            if isinstance(data, np.ndarray)
            else Tiles(data, number, cache).read
        )
        levels.append(PyramidLevel(data, (tall, wide), read))
    return tuple(levels)


def _load(array: NDArray[Any], box: Box) -> NDArray[Any]:
    return load(array, box.slices)


def _check(number: int, level: Any, finer: Any, finest: Any) -> None:
    """Check a level against the one before it and against the image."""
    got, before, image = (tuple(int(n) for n in a.shape) for a in (level, finer, finest))
    sentence = f"level {number} of the image, {_words(got)} {level.dtype}, does not fit"
    if got[2:] != image[2:] or len(got) != len(image) or _type(level) != _type(finest):
        raise ValueError(
            f"{sentence} the image of {_words(image)} {finest.dtype}; give levels of the same "
            "channels and type"
        )
    smaller = got[:2] != before[:2] and all(0 < a <= b for a, b in zip(got, before, strict=True))
    if not smaller:
        raise ValueError(
            f"{sentence} behind the level of {_words(before)}; give the levels from fine to coarse"
        )
    if not _even(got[:2], image[:2]):
        raise ValueError(
            f"{sentence} the image of {_words(image)}, which is not shrunk evenly; give levels "
            "that show the whole image"
        )


def _even(got: Sequence[int], image: Sequence[int]) -> bool:
    """Tell whether all axes shrink alike, or each by a whole number, within a pixel of rounding."""
    factors = [side / small for side, small in zip(image, got, strict=True)]
    whole = [float(max(1, round(factor))) for factor in factors]
    return any(
        all(abs(side / by - small) <= 1 for side, small, by in zip(image, got, choice, strict=True))
        for choice in (whole, *([factor] * len(factors) for factor in factors))
    )


def _type(array: Any) -> str:
    return str(np.dtype(array.dtype).newbyteorder("="))


def _words(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
