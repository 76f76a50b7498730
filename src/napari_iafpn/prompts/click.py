"""One click."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry.box import Box, move_point
from napari_iafpn.prompts.prompt import Point, Segment


@dataclass(frozen=True, slots=True)
class Click:
    """A point the user marked, in the image frame, row first.

    An integer coordinate is a pixel's centre, so pixel ``r`` covers ``[r - 0.5, r + 0.5)``.
    """

    kind: ClassVar[str] = "click"
    effort: ClassVar[int] = 1

    row: float
    col: float
    positive: bool = True

    @classmethod
    def first(
        cls, truth: NDArray[np.bool_], click: Click, jitter: float, rng: np.random.Generator
    ) -> Click:
        """Return the click."""
        return click

    def __post_init__(self) -> None:
        if not (math.isfinite(self.row) and math.isfinite(self.col)):
            raise ValueError(
                f"click ({self.row}, {self.col}) is not a place in the image; "
                "give two finite numbers (row, col) in pixels"
            )
        # numpy scalars come from layers and masks; a click holds plain numbers, also for JSON.
        object.__setattr__(self, "row", float(self.row))
        object.__setattr__(self, "col", float(self.col))
        object.__setattr__(self, "positive", bool(self.positive))

    def __str__(self) -> str:
        return f"({round(self.row, 1):.10g}, {round(self.col, 1):.10g})"

    @property
    def pixel(self) -> tuple[int, int]:
        """The (row, col) indices of the pixel that contains the click."""
        return math.floor(self.row + 0.5), math.floor(self.col + 0.5)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The click as a line of no length."""
        point = (self.row, self.col)
        return ((point, point),)

    @property
    def nodes(self) -> tuple[Point, ...]:
        """The click itself."""
        return ((self.row, self.col),)

    @property
    def outline(self) -> tuple[Point, ...]:
        """The click itself."""
        return self.nodes

    @property
    def extent(self) -> Box:
        """Its pixel."""
        return Box.pixel(*self.pixel)

    @property
    def evidence(self) -> Box | None:
        """The pixel of a positive click."""
        return self.extent if self.positive else None

    def region(self, view: Box) -> None:
        """Return None: it does not say how far the object goes."""

    def allowed(self, view: Box) -> None:
        """Return None, for the same reason."""

    def first_mask(self) -> None:
        """Return None: a point has no inside."""

    @property
    def pixels(self) -> tuple[tuple[int, int], ...]:
        """The pixel that contains the click."""
        return (self.pixel,)

    def within(self, box: Box) -> Click | None:
        """Return the click if it lies on a pixel of ``box``."""
        return self if box.contains(self) else None

    def moved(self, box: Box, size: tuple[int, int]) -> Click:
        """Return the click in the frame of ``box`` resized to ``size`` (H, W)."""
        return Click(*move_point((self.row, self.col), box, size), self.positive)

    def mirrored(self, width: int) -> Click:
        """Return the click on an image whose columns are reversed."""
        return Click(self.row, width - 1 - self.col, self.positive)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"click": [self.row, self.col], "positive": self.positive}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Click:
        """Return what ``to_json`` was called on."""
        row, col = values["click"]
        return cls(row, col, values["positive"])

    def check_inside(self, shape: tuple[int, int]) -> None:
        """Raise ValueError unless the click lies on a pixel of an image of ``shape`` (H, W)."""
        row, col = self.pixel
        if not (0 <= row < shape[0] and 0 <= col < shape[1]):
            raise ValueError(
                f"the click at (row, column) {self} is outside the image of "
                f"{shape[0]} x {shape[1]} pixels"
            )
