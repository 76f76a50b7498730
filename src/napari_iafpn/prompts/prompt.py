"""What every kind of prompt answers for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry.box import Box

if TYPE_CHECKING:
    from napari_iafpn.prompts.click import Click

Point = tuple[float, float]
"""(row, col) in pixels; an integer is a pixel's centre."""
Segment = tuple[Point, Point]
"""A straight line from one point to another; a point where both are the same."""
SURE = 0.9
"""Probability of what a prompt encloses, before anything was predicted."""


class Prompt(Protocol):
    """A value that says what the user means, in the image frame.

    Kinds that are dragged on the canvas have a class method ``drawn(points, positive, pixel)`` too:
    the points (row, col) that the mouse came along, whether it was the button of the object, and
    the size of a pixel of the screen in pixels of the image.

    Attributes
    ----------
    kind : str
        Names the kind in files.
    effort : int
        What it costs the user, in clicks.
    positive : bool
        Whether it lies on the object.
    """

    kind: ClassVar[str]
    effort: ClassVar[int]

    @classmethod
    def first(
        cls, truth: NDArray[np.bool_], click: Click, jitter: float, rng: np.random.Generator
    ) -> Prompt:
        """Return how the simulated user begins with it.

        Parameters
        ----------
        truth : (H, W) bool
            The object; not empty.
        click : Click
            What the user would click first.
        jitter : float
            How badly the user aims, 0 to 1.
        rng : Generator
            Asked only where there is a jitter.
        """
        ...

    @property
    def positive(self) -> bool:
        """Whether it lies on the object."""
        ...

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What the prompt map of its sign shows, widened by the radius; empty for none."""
        ...

    @property
    def nodes(self) -> tuple[Point, ...]:
        """The click graph's nodes."""
        ...

    @property
    def outline(self) -> tuple[Point, ...]:
        """The line that shows it to the user."""
        ...

    @property
    def extent(self) -> Box:
        """The smallest box that holds its pixels."""
        ...

    @property
    def evidence(self) -> Box | None:
        """The pixels that a region of interest must hold because of it, None for none."""
        ...

    def region(self, view: Box) -> Box | None:
        """Return the region of interest in ``view`` if the prompt fixes it, else None."""
        ...

    def allowed(self, view: Box) -> Box | None:
        """Return what of ``view`` the object may cover if the prompt says so, else None."""
        ...

    def first_mask(self) -> NDArray[np.float32] | None:
        """Return the probability in its extent before anything was predicted, None for none."""
        ...

    @property
    def pixels(self) -> tuple[tuple[int, int], ...]:
        """Pixels that must be on the side of its sign."""
        ...

    def check_inside(self, shape: tuple[int, int]) -> None:
        """Raise ValueError unless it lies on pixels of an image of ``shape`` (H, W)."""
        ...

    def within(self, box: Box) -> Prompt | None:
        """Return the part on the pixels of ``box``, None where nothing of it is there."""
        ...

    def moved(self, box: Box, size: tuple[int, int]) -> Prompt:
        """Return it in the frame of ``box`` resized to ``size`` (H, W)."""
        ...

    def mirrored(self, width: int) -> Prompt:
        """Return it on an image whose columns are reversed."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which its kind can be built."""
        ...
