"""A box prompt: the object lies in this rectangle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry.box import Box
from napari_iafpn.prompts.click import Click
from napari_iafpn.prompts.prompt import SURE, Point, Segment

MARGIN = 1.25
"""Sides of the region of interest, in sides of the box."""
SLACK = 1.1
"""Sides of what the object may cover, in sides of the box: users draw boxes a little too small."""

STRAY = 0.2
"""How far a side that a user misplaces is off at most, in sides of the box."""


@dataclass(frozen=True, slots=True)
class BoxPrompt:
    """The pixels of ``box``, in the image frame, hold the object and reach to its sides."""

    kind: ClassVar[str] = "box"
    effort: ClassVar[int] = 2

    box: Box

    @classmethod
    def drawn(cls, points: Sequence[Point], positive: bool, pixel: float) -> BoxPrompt:
        """Return the box from the pixel of the first point to that of the last; it has no sign."""
        ends = np.floor(np.array((points[0], points[-1])) + 0.5).astype(int)
        (top, left), (bottom, right) = ends.min(axis=0).tolist(), ends.max(axis=0).tolist()
        return cls(Box(top, bottom + 1, left, right + 1))

    @classmethod
    def first(
        cls, truth: NDArray[np.bool_], click: Click, jitter: float, rng: np.random.Generator
    ) -> BoxPrompt:
        """Return the box of an object; each side is off by up to ``jitter * STRAY`` sides."""
        box = Box.around(truth)
        assert box is not None
        if jitter == 0:
            return cls(box)
        off = jitter * STRAY * rng.uniform(-1, 1, 4) * (*box.shape, *box.shape)
        top, left, bottom, right = map(round, off)
        strayed = Box(
            box.row_start + top,
            max(box.row_stop + bottom, box.row_start + top + 1),
            box.col_start + left,
            max(box.col_stop + right, box.col_start + left + 1),
        )
        return cls(strayed.intersection(Box(0, truth.shape[0], 0, truth.shape[1])) or box)

    def __str__(self) -> str:
        b = self.box
        return f"{b.row_start},{b.col_start},{b.row_stop},{b.col_stop}"

    @property
    def positive(self) -> bool:
        """A box is around the object."""
        return True

    @property
    def segments(self) -> tuple[Segment, ...]:
        """None: a box is no mark on the object."""
        return ()

    @property
    def nodes(self) -> tuple[Point, ...]:
        """None, for the same reason."""
        return ()

    @property
    def extent(self) -> Box:
        """The box."""
        return self.box

    @property
    def evidence(self) -> Box:
        """The box."""
        return self.box

    @property
    def outline(self) -> tuple[Point, ...]:
        """Its corners, on the edges of its pixels."""
        b = self.box
        rows, cols = (b.row_start - 0.5, b.row_stop - 0.5), (b.col_start - 0.5, b.col_stop - 0.5)
        return tuple((rows[i], cols[j]) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0)))

    def first_mask(self) -> NDArray[np.float32]:
        """Return the ellipse that touches the sides: most objects resemble it."""
        rows, cols = (
            (2 * np.arange(side, dtype=np.float32) + 1) / side - 1 for side in self.box.shape
        )
        inside = rows[:, None] ** 2 + cols**2 <= 1
        mask: NDArray[np.float32] = np.where(inside, SURE, 0).astype(np.float32)
        return mask

    @property
    def pixels(self) -> tuple[tuple[int, int], ...]:
        """None: no single pixel is certain."""
        return ()

    def region(self, view: Box) -> Box:
        """Return the region of interest: the box with its margin."""
        return self.grown(MARGIN, view)

    def allowed(self, view: Box) -> Box:
        """Return what the object may cover: the box with a little slack."""
        return self.grown(SLACK, view)

    def grown(self, factor: float, view: Box) -> Box:
        """Return the box with sides of ``factor`` times its own, as far as the view goes."""
        height, width = (max(side * factor, side + 4) for side in self.box.shape)
        return self.box.resized_about_centre(height, width, view)

    def check_inside(self, shape: tuple[int, int]) -> None:
        """Raise ValueError unless it lies on pixels of an image of ``shape`` (H, W)."""
        if not Box.whole(shape).encloses(self.box):
            raise ValueError(
                f"the box of {self.box} leaves the image of {shape[0]} x {shape[1]}; "
                "draw it on the image"
            )

    def within(self, box: Box) -> BoxPrompt | None:
        """Return the part on the pixels of ``box``."""
        common = self.box.intersection(box)
        return None if common is None else BoxPrompt(common)

    def moved(self, box: Box, size: tuple[int, int]) -> BoxPrompt:
        """Return it in the frame of ``box`` resized to ``size`` (H, W), in whole pixels."""
        return BoxPrompt(self.box.moved(box, size))

    def mirrored(self, width: int) -> BoxPrompt:
        """Return it on an image whose columns are reversed."""
        b = self.box
        return BoxPrompt(Box(b.row_start, b.row_stop, width - b.col_stop, width - b.col_start))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        b = self.box
        return {"box": [b.row_start, b.row_stop, b.col_start, b.col_stop]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BoxPrompt:
        """Return what ``to_json`` was called on."""
        return cls(Box(*map(index, values["box"])))
