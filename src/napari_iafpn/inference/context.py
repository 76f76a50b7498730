"""What the objects that are done tell about the current one.

Their pixels are not part of it. Where the network runs into them all the same, it is asked again
with the deepest points of the nearest ones as negative clicks, which the user does not see.
Elsewhere it is not: objects that only touch are drawn better without.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import Click, ClickSequence, Prompt
from napari_iafpn.clicks.deepest import deepest
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference.prediction import Prediction

MOST_NEIGHBOURS = 4
REACH = 1.5
"""How far a neighbour's click may be from the first click, in sides of the kind."""
RUNS_INTO = 0.1
"""Share of a mask on objects that are done from which on it runs into them."""


class Neighbour(Protocol):
    """An object that is done, such as a `sessions.Cutout`."""

    @property
    def box(self) -> Box:
        """Around its pixels, in the image frame."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(box.height, box.width) bool."""


class ClickPredictor(Protocol):
    """What predicts, such as a `Predictor`."""

    def predict(
        self,
        plane: Plane,
        clicks: Iterable[Prompt],
        previous: Prediction | None = None,
        *,
        view: Box | None = None,
    ) -> Prediction:
        """Segment the object that the prompts mean."""


class Context:
    """Objects of a plane that are done.

    Parameters
    ----------
    shape : (H, W)
        The plane, in pixels.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.numbers = np.zeros(shape, np.int32)
        """(H, W) number of the object of each pixel, from 1 on, 0 elsewhere."""
        self._clicks: list[Click] = []
        self._sides: list[int] = []

    def add(self, neighbour: Neighbour) -> None:
        """Add an object; pixels that another one has stay with that."""
        part = self.numbers[neighbour.box.slices]
        free = neighbour.mask & (part == 0)
        found = deepest(free.view(np.uint8))
        if found is None:
            return
        part[free] = len(self._clicks) + 1
        box = neighbour.box
        self._clicks.append(Click(found[1] + box.row_start, found[2] + box.col_start, False))
        self._sides.append(max(box.shape))

    @property
    def taken(self) -> NDArray[np.bool_]:
        """(H, W) bool, the pixels of all objects."""
        taken: NDArray[np.bool_] = self.numbers > 0
        return taken

    def negatives(self, first: Click, view: Box, without: Sequence[int] = ()) -> list[Click]:
        """Return a click on each of the nearest objects, the farthest first.

        ``without`` are numbers of objects that the user clicks on.
        """
        reach = REACH * float(np.median(self._sides)) if self._sides else 0.0
        near = [
            (math.hypot(click.row - first.row, click.col - first.col), click)
            for number, click in enumerate(self._clicks, 1)
            if number not in without and view.contains(click)
        ]
        near = sorted((each for each in near if each[0] <= reach), key=lambda each: each[0])
        return [click for _, click in near[:MOST_NEIGHBOURS]][::-1]

    def others(self, box: Box, without: Sequence[int]) -> NDArray[np.bool_]:
        """Return (box.height, box.width), the pixels of the objects but ``without``."""
        part = self.numbers[box.slices]
        others: NDArray[np.bool_] = (part > 0) & ~np.isin(part, list(without))
        return others


class ContextReplay:
    """Predicts click after click among objects that are done; only the newest sequence is kept.

    Parameters
    ----------
    predictor : Predictor
    plane : Plane
    context : Context
        A positive click on one of its objects sets that one free.
    view : Box
    start : (ClickSequence, Prediction), optional
        What was clicked and drawn already.
    """

    def __init__(
        self,
        predictor: ClickPredictor,
        plane: Plane,
        context: Context,
        view: Box,
        start: tuple[ClickSequence, Prediction] | None = None,
    ) -> None:
        self._predictor, self._plane, self._context = predictor, plane, context
        self.view = view
        self._clicks = ClickSequence() if start is None else start[0]
        self._last: Prediction | None = None if start is None else start[1]

    def predict(self, clicks: ClickSequence) -> Prediction:
        """Return the prediction after ``clicks``, which begin with those of the last call."""
        known = len(self._clicks)
        if clicks.prefix(known) != self._clicks:
            raise ValueError("the clicks do not go on from those before; begin with a new object")
        for count in range(known + 1, len(clicks) + 1):
            self._last = self._step(clicks.prefix(count))
            self._clicks = clicks.prefix(count)
        if self._last is None:
            return Prediction.nothing(self._plane.shape, self.view)
        return self._last

    def _step(self, clicks: ClickSequence) -> Prediction:
        meant = {int(self._context.numbers[c.pixel]) for c in clicks.positives} - {0}
        free = sorted(meant)
        plain = self._ask(clicks)
        if self._runs_into(plain, free):
            hidden = self._context.negatives(clicks.clicks[0], self.view, free)
            if hidden:
                plain = self._ask(ClickSequence.of([*hidden, *clicks]))
        return self._without(plain, free)

    def _ask(self, clicks: ClickSequence) -> Prediction:
        return self._predictor.predict(self._plane, clicks, self._last, view=self.view)

    def _runs_into(self, found: Prediction, free: Sequence[int]) -> bool:
        mask = found.roi_mask()
        common = np.count_nonzero(mask & self._context.others(found.roi, free))
        return bool(common > RUNS_INTO * np.count_nonzero(mask))

    def _without(self, found: Prediction, free: Sequence[int]) -> Prediction:
        """Return the prediction with nothing on objects that are done."""
        others = self._context.others(found.roi, free)
        if not others.any():
            return found
        return replace(found, roi_probability=np.where(others, 0, found.roi_probability))
