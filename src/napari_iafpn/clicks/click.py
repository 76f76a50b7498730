"""One click and an ordered sequence of clicks; values, free of any array library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Click:
    """A point the user marked, in the image frame, row first.

    An integer coordinate is a pixel's centre, so pixel ``r`` covers ``[r - 0.5, r + 0.5)``.
    """

    row: float
    col: float
    positive: bool = True

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

    def check_inside(self, shape: tuple[int, int]) -> None:
        """Raise ValueError unless the click lies on a pixel of an image of ``shape`` (H, W)."""
        row, col = self.pixel
        if not (0 <= row < shape[0] and 0 <= col < shape[1]):
            raise ValueError(
                f"click {self} is outside the image of "
                f"{shape[0]} x {shape[1]}; clicks are (row, col) in pixels"
            )


@dataclass(frozen=True, slots=True)
class ClickSequence:
    """Clicks on one object in the order they were made; every change returns a new sequence."""

    clicks: tuple[Click, ...] = ()

    @classmethod
    def of(cls, clicks: Iterable[Click]) -> ClickSequence:
        """Collect ``clicks`` in their order."""
        return clicks if isinstance(clicks, cls) else cls(tuple(clicks))

    def __len__(self) -> int:
        return len(self.clicks)

    def __iter__(self) -> Iterator[Click]:
        return iter(self.clicks)

    def __getitem__(self, index: int) -> Click:
        return self.clicks[index]

    def prefix(self, count: int) -> ClickSequence:
        """Return the first ``count`` clicks."""
        return ClickSequence(self.clicks[:count])

    def add(self, click: Click) -> ClickSequence:
        """Append ``click``."""
        return ClickSequence((*self.clicks, click))

    def move(self, index: int, row: float, col: float) -> ClickSequence:
        """Put the click at ``index`` elsewhere; its sign and its place in the order stay."""
        self._check_index(index)
        moved = replace(self.clicks[index], row=row, col=col)
        return ClickSequence((*self.clicks[:index], moved, *self.clicks[index + 1 :]))

    def remove(self, index: int) -> ClickSequence:
        """Drop the click at ``index``."""
        self._check_index(index)
        return ClickSequence(self.clicks[:index] + self.clicks[index + 1 :])

    def flip(self, index: int) -> ClickSequence:
        """Change the sign of the click at ``index``."""
        self._check_index(index)
        click = self.clicks[index]
        flipped = replace(click, positive=not click.positive)
        return ClickSequence((*self.clicks[:index], flipped, *self.clicks[index + 1 :]))

    @property
    def positives(self) -> tuple[Click, ...]:
        """The clicks that belong to the object."""
        return tuple(click for click in self.clicks if click.positive)

    @property
    def negatives(self) -> tuple[Click, ...]:
        """The clicks that do not belong to the object."""
        return tuple(click for click in self.clicks if not click.positive)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self.clicks):
            raise ValueError(f"there is no click {index}; this object has {len(self.clicks)}")
