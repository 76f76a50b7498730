"""Rectangles of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

V = TypeVar("V", bound=np.generic)


class Located(Protocol):
    """What lies on one pixel, as a click does."""

    @property
    def pixel(self) -> tuple[int, int]:
        """(row, col)."""
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open rows x columns of an image, in pixels: ``row_stop`` is the first row outside."""

    row_start: int
    row_stop: int
    col_start: int
    col_stop: int

    def __str__(self) -> str:
        return f"rows {self.row_start}:{self.row_stop}, columns {self.col_start}:{self.col_stop}"

    def __post_init__(self) -> None:
        if self.row_stop <= self.row_start or self.col_stop <= self.col_start:
            raise ValueError(f"the box of {self} is empty; a box needs at least one pixel")

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Box:
        """Return the box of a whole (H, W) image."""
        return cls(0, shape[0], 0, shape[1])

    @classmethod
    def pixel(cls, row: int, col: int) -> Box:
        """Return the box of one pixel."""
        return cls(row, row + 1, col, col + 1)

    @classmethod
    def around(cls, mask: NDArray[np.bool_]) -> Box | None:
        """Return the smallest box that holds every True pixel of ``mask``, None without any."""
        rows = np.flatnonzero(mask.any(axis=1))
        if rows.size == 0:
            return None
        cols = np.flatnonzero(mask.any(axis=0))
        return cls(int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.row_stop - self.row_start

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.col_stop - self.col_start

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height, self.width

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index an (H, W, ...) array with this."""
        return slice(self.row_start, self.row_stop), slice(self.col_start, self.col_stop)

    def holds(self, row: int, col: int) -> bool:
        """Tell whether the pixel (row, col) lies in the box."""
        return self.row_start <= row < self.row_stop and self.col_start <= col < self.col_stop

    def contains(self, click: Located) -> bool:
        """Tell whether the pixel of ``click`` lies in the box."""
        return self.holds(*click.pixel)

    def encloses(self, other: Box) -> bool:
        """Tell whether every pixel of ``other`` lies in the box."""
        return self.union(other) == self

    def union(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return Box(
            min(self.row_start, other.row_start),
            max(self.row_stop, other.row_stop),
            min(self.col_start, other.col_start),
            max(self.col_stop, other.col_stop),
        )

    def intersection(self, other: Box) -> Box | None:
        """Return the common pixels, None where there are none."""
        rows = max(self.row_start, other.row_start), min(self.row_stop, other.row_stop)
        cols = max(self.col_start, other.col_start), min(self.col_stop, other.col_stop)
        return Box(*rows, *cols) if rows[0] < rows[1] and cols[0] < cols[1] else None

    def shown_in(self, other: Box, values: NDArray[V]) -> NDArray[V]:
        """Return (height, width) ``values`` of this box as pixels of another one, 0 beyond."""
        shown = np.zeros(other.shape, values.dtype)
        common = self.intersection(other)
        if common is not None:
            there = common.shifted(-other.row_start, -other.col_start)
            here = common.shifted(-self.row_start, -self.col_start)
            shown[there.slices] = values[here.slices]
        return shown

    def shifted(self, rows: int, cols: int) -> Box:
        """Return the box moved down by ``rows`` and to the right by ``cols``."""
        return Box(
            self.row_start + rows, self.row_stop + rows, self.col_start + cols, self.col_stop + cols
        )

    def moved(self, box: Box, size: tuple[int, int]) -> Box:
        """Return the box in the frame of ``box`` resized to ``size`` (H, W), in whole pixels."""
        rows, cols = size[0] / box.height, size[1] / box.width
        return Box(
            math.floor((self.row_start - box.row_start) * rows),
            math.ceil((self.row_stop - box.row_start) * rows),
            math.floor((self.col_start - box.col_start) * cols),
            math.ceil((self.col_stop - box.col_start) * cols),
        )

    def resized_about_centre(self, height: float, width: float, bounds: Box) -> Box:
        """Return a box of about ``height`` x ``width`` px, same centre, clipped to ``bounds``."""
        row, col = (self.row_start + self.row_stop) / 2, (self.col_start + self.col_stop) / 2
        grown = Box(
            math.floor(row - height / 2),
            math.ceil(row + height / 2),
            math.floor(col - width / 2),
            math.ceil(col + width / 2),
        )
        clipped = grown.intersection(bounds)
        if clipped is None:
            raise ValueError(f"the box of {self} lies outside {bounds}; choose a box inside")
        return clipped

    def grown_to(self, height: int, width: int, bounds: Box) -> Box:
        """Return a box of at least ``height`` x ``width`` px around this one, inside ``bounds``.

        It has about the same centre, unless it would reach beyond; less where ``bounds`` has less.
        """
        spans = (
            (self.row_start, self.row_stop, height, bounds.row_start, bounds.row_stop),
            (self.col_start, self.col_stop, width, bounds.col_start, bounds.col_stop),
        )
        return Box(*(end for span in spans for end in _grown(*span)))


def _grown(start: int, stop: int, length: int, low: int, high: int) -> tuple[int, int]:
    length = min(max(length, stop - start), high - low)
    start = min(max(start - (length - (stop - start)) // 2, low), high - length)
    return start, start + length


def move_point(point: tuple[float, float], box: Box, size: tuple[int, int]) -> tuple[float, float]:
    """Map (row, col) from the image into ``box`` resized to ``size`` (H, W).

    A pixel's centre is its index, hence the shifts by 0.5; the rule of ``geometry.resample``.
    """
    return (
        (point[0] + 0.5 - box.row_start) * size[0] / box.height - 0.5,
        (point[1] + 0.5 - box.col_start) * size[1] / box.width - 0.5,
    )
