"""A stroke: a line drawn over the object, or over what does not belong to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks.prompt import SURE, Point, Segment
from napari_iafpn.geometry.box import Box, move_point

NODES = 4
"""Nodes of the click graph along a stroke."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through ``points``, in the image frame, row first.

    A closed stroke, whose last point is its first, is a lasso.
    """

    kind: ClassVar[str] = "stroke"
    effort: ClassVar[int] = 2

    points: tuple[Point, ...]
    positive: bool = True

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("a stroke has no points; give at least one (row, col) in pixels")
        if not all(math.isfinite(value) for point in self.points for value in point):
            raise ValueError(
                f"the stroke {self} is not a line in the image; give finite numbers (row, col)"
            )
        points = tuple((float(row), float(col)) for row, col in self.points)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "positive", bool(self.positive))

    def __str__(self) -> str:
        return "; ".join(f"{row:.10g},{col:.10g}" for row, col in self.points)

    @property
    def closed(self) -> bool:
        """Whether it ends where it began: then its inside is meant."""
        return len(self.points) > 3 and self.points[0] == self.points[-1]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its straight pieces."""
        return tuple(pairwise(self.points)) or ((self.points[0], self.points[0]),)

    @property
    def nodes(self) -> tuple[Point, ...]:
        """Up to NODES points at equal distances along the line."""
        steps = [math.dist(*segment) for segment in self.segments]
        total = sum(steps)
        if total == 0:
            return self.points[:1]
        return tuple(self._at((i + 0.5) * total / NODES, steps) for i in range(NODES))

    @property
    def extent(self) -> Box:
        """The smallest box around its pixels."""
        rows, cols = zip(*self.pixels, strict=True)
        return Box(min(rows), max(rows) + 1, min(cols), max(cols) + 1)

    @property
    def evidence(self) -> Box | None:
        """The box around a positive stroke."""
        return self.extent if self.positive else None

    def region(self, view: Box) -> None:
        """Return None: it does not say how far the object goes."""

    def first_mask(self) -> NDArray[np.float32] | None:
        """Return the inside of a lasso around the object."""
        if not (self.closed and self.positive):
            return None
        from skimage.draw import polygon2mask

        box = self.extent
        corners = np.array(self.points) - (box.row_start, box.col_start)
        inside: NDArray[np.bool_] = polygon2mask(box.shape, corners)  # type: ignore[no-untyped-call]
        mask: NDArray[np.float32] = np.where(inside, SURE, 0).astype(np.float32)
        return mask

    @property
    def pixels(self) -> tuple[tuple[int, int], ...]:
        """The pixels under the line."""
        return tuple(dict.fromkeys(self._walk()))

    def check_inside(self, shape: tuple[int, int]) -> None:
        """Raise ValueError unless all of it lies on pixels of an image of ``shape`` (H, W)."""
        whole = Box.whole(shape)
        if not all(whole.holds(*pixel) for pixel in self.pixels):
            raise ValueError(
                f"the stroke {self} leaves the image of {shape[0]} x {shape[1]}; "
                "strokes are (row, col) in pixels"
            )

    def within(self, box: Box) -> Stroke | None:
        """Return the longest part on the pixels of ``box``."""
        parts: list[list[Point]] = [[]]
        for row, col in self._walk():
            if box.holds(row, col):
                parts[-1].append((row, col))
            elif parts[-1]:
                parts.append([])
        if len(parts) == 1 and len(parts[0]) == len(list(self._walk())):
            return self
        longest = max(parts, key=len)
        return replace(self, points=tuple(longest)) if longest else None

    def moved(self, box: Box, size: tuple[int, int]) -> Stroke:
        """Return the stroke in the frame of ``box`` resized to ``size`` (H, W)."""
        return replace(self, points=tuple(move_point(point, box, size) for point in self.points))

    def mirrored(self, width: int) -> Stroke:
        """Return the stroke on an image whose columns are reversed."""
        return replace(self, points=tuple((row, width - 1 - col) for row, col in self.points))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"stroke": [list(point) for point in self.points], "positive": self.positive}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Stroke:
        """Return what ``to_json`` was called on."""
        return cls(tuple((row, col) for row, col in values["stroke"]), values["positive"])

    def _at(self, way: float, steps: list[float]) -> Point:
        """Return the point after ``way`` pixels along the line."""
        for (start, stop), step in zip(self.segments, steps, strict=True):
            if way <= step and step > 0:
                share = way / step
                return (
                    start[0] + share * (stop[0] - start[0]),
                    start[1] + share * (stop[1] - start[1]),
                )
            way -= step
        return self.points[-1]

    def _walk(self) -> Iterator[tuple[int, int]]:
        """Yield the pixels under the line in steps of at most a pixel."""
        for start, stop in self.segments:
            count = max(1, math.ceil(max(abs(stop[0] - start[0]), abs(stop[1] - start[1]))))
            for i in range(count + 1):
                share = i / count
                row = start[0] + share * (stop[0] - start[0])
                col = start[1] + share * (stop[1] - start[1])
                yield math.floor(row + 0.5), math.floor(col + 0.5)
