"""A stroke: a line drawn over the object, or over what does not belong to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry.box import Box, move_point
from napari_iafpn.prompts.box_prompt import BoxPrompt
from napari_iafpn.prompts.click import Click
from napari_iafpn.prompts.prompt import SURE, Point, Segment

NODES = 4
"""Places along a stroke that the networks see."""
TOLERANCE = 0.5
"""How far, in pixels, a line may lie beside where it was drawn, to be of fewer points."""
CLOSING = 10
"""How near its beginning a drawn lasso ends, in pixels of the screen."""
ROUNDNESS = 0.015
"""The least that it encloses, in squares of its length; a circle encloses 0.08."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through ``points``, in the image frame, row first.

    A positive stroke that closes, whose last point is its first, is a lasso: it goes around the
    object and is no mark on it.
    """

    kind: ClassVar[str] = "stroke"
    effort: ClassVar[int] = 2

    points: tuple[Point, ...]
    positive: bool = True

    @classmethod
    def drawn(cls, points: Sequence[Point], positive: bool, pixel: float) -> Stroke:
        """Return the stroke of a hand; one that comes back to where it began closes.

        So a line there and back does not, which encloses nothing.
        """
        line = simplified(points, max(pixel, TOLERANCE))
        ways = np.diff(np.array(line), axis=0)
        length = float(np.hypot(*ways.T).sum())
        closes = (
            math.dist(line[0], line[-1]) <= CLOSING * pixel
            and _enclosed(line) >= ROUNDNESS * length**2
        )
        return cls((*line, line[0]) if closes else line, positive)

    @classmethod
    def first(
        cls, truth: NDArray[np.bool_], click: Click, jitter: float, rng: np.random.Generator
    ) -> Stroke:
        """Return a straight stroke in an object through ``click``, along its longer axis."""
        spread = np.cov(np.stack(np.nonzero(truth)), bias=True) + 1e-9 * np.eye(2)
        along = np.linalg.eigh(spread)[1][:, 1]
        ends = []
        for way in (-along, along):
            place = np.array(click.pixel, float)
            while _is_in(truth, place + way):
                place += way
            ends.append((float(place[0]), float(place[1])))
        return cls(tuple(ends))

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
    def is_lasso(self) -> bool:
        """Whether its inside is meant."""
        return self.positive and len(self.points) > 3 and self.points[0] == self.points[-1]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its nodes, as if they were clicks; none of a lasso.

        A network that knows only clicks takes the whole line for something else, see the kind
        ``line`` of ``benchmarks/first_prompt.py``.
        """
        return tuple((node, node) for node in self.nodes)

    @property
    def nodes(self) -> tuple[Point, ...]:
        """NODES points at equal distances along the line; none of a lasso."""
        if self.is_lasso:
            return ()
        steps = [math.dist(*segment) for segment in self._pieces]
        total = sum(steps)
        if total == 0:
            return self.points[:1]
        return tuple(self._at((i + 0.5) * total / NODES, steps) for i in range(NODES))

    @property
    def outline(self) -> tuple[Point, ...]:
        """The line."""
        return self.points

    @property
    def extent(self) -> Box:
        """The smallest box around its pixels."""
        rows, cols = (
            [math.floor(value + 0.5) for value in along] for along in zip(*self.points, strict=True)
        )
        return Box(min(rows), max(rows) + 1, min(cols), max(cols) + 1)

    @property
    def evidence(self) -> Box | None:
        """The box around a positive stroke."""
        return self.extent if self.positive else None

    def region(self, view: Box) -> Box | None:
        """Return what lies around a lasso; a line does not say how far the object goes."""
        return BoxPrompt(self.extent).region(view) if self.is_lasso else None

    def allowed(self, view: Box) -> Box | None:
        """Return what a lasso encloses, with a little slack; None of a line."""
        return BoxPrompt(self.extent).allowed(view) if self.is_lasso else None

    def first_mask(self) -> NDArray[np.float32] | None:
        """Return the inside of a lasso."""
        if not self.is_lasso:
            return None
        from skimage.draw import polygon2mask

        box = self.extent
        corners = np.array(self.points) - (box.row_start, box.col_start)
        inside: NDArray[np.bool_] = polygon2mask(box.shape, corners)  # type: ignore[no-untyped-call]
        mask: NDArray[np.float32] = np.where(inside, SURE, 0).astype(np.float32)
        return mask

    @property
    def pixels(self) -> tuple[tuple[int, int], ...]:
        """The pixels under the line; none of a lasso."""
        return () if self.is_lasso else tuple(dict.fromkeys(self._walk()))

    def check_inside(self, shape: tuple[int, int]) -> None:
        """Raise ValueError unless all of it lies on pixels of an image of ``shape`` (H, W)."""
        whole = Box.whole(shape)
        if not whole.encloses(self.extent):
            raise ValueError(
                f"the stroke {self} leaves the image of {shape[0]} x {shape[1]}; "
                "strokes are (row, col) in pixels"
            )

    def within(self, box: Box) -> Stroke | None:
        """Return the longest part on the pixels of ``box``; a lasso goes along its sides."""
        if box.encloses(self.extent):
            return self
        if self.is_lasso:
            return self._pressed_into(box) if self.extent.intersection(box) else None
        parts: list[list[Point]] = [[]]
        for row, col in self._walk():
            if box.holds(row, col):
                parts[-1].append((row, col))
            elif parts[-1]:
                parts.append([])
        longest = max(parts, key=len)
        return replace(self, points=simplified(longest, 1)) if longest else None

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

    @property
    def _pieces(self) -> tuple[Segment, ...]:
        return tuple(pairwise(self.points)) or ((self.points[0], self.points[0]),)

    def _pressed_into(self, box: Box) -> Stroke:
        first, last = (box.row_start, box.col_start), (box.row_stop - 1, box.col_stop - 1)
        pressed = np.clip(np.array(self.points), first, last)
        return replace(self, points=tuple((row, col) for row, col in pressed.tolist()))

    def _at(self, way: float, steps: list[float]) -> Point:
        """Return the point after ``way`` pixels along the line."""
        for (start, stop), step in zip(self._pieces, steps, strict=True):
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
        for start, stop in self._pieces:
            count = max(1, math.ceil(max(abs(stop[0] - start[0]), abs(stop[1] - start[1]))))
            for i in range(count + 1):
                share = i / count
                row = start[0] + share * (stop[0] - start[0])
                col = start[1] + share * (stop[1] - start[1])
                yield math.floor(row + 0.5), math.floor(col + 0.5)


def simplified(points: Sequence[Point], tolerance: float) -> tuple[Point, ...]:
    """Return fewer points of a line that stays within ``tolerance`` px of where it was."""
    from skimage.measure import approximate_polygon

    kept = approximate_polygon(np.array(points), tolerance)  # type: ignore[no-untyped-call]
    return tuple((float(row), float(col)) for row, col in kept)


def _is_in(mask: NDArray[np.bool_], place: NDArray[np.float64]) -> bool:
    row, col = np.floor(place + 0.5).astype(int)
    return bool(0 <= row < mask.shape[0] and 0 <= col < mask.shape[1] and mask[row, col])


def _enclosed(line: Sequence[Point]) -> float:
    """Return the area inside a line whose ends are joined, in square pixels."""
    rows, cols = np.array(line).T
    return 0.5 * abs(float(rows @ np.roll(cols, 1) - cols @ np.roll(rows, 1)))
