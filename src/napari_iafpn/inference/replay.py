"""The state of one object as a pure function of its clicks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference.correction import (
    OutlineShift,
    merged,
    surroundings,
    with_interior_click,
)
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.inference.predictor import Predictor
from napari_iafpn.prompts import Click, Prompt, Prompts

MEMO_BYTES = 256 * 2**20


class Cancelled(Exception):  # noqa: N818 - what happened, not what went wrong
    """The caller asked to stop; nothing changed."""


class ClickReplay:
    """Predicts click after click, each with the mask of the clicks before it.

    The result depends on the initial mask and the click sequence alone, so undo returns the very
    same earlier result, and after a change of click i only the clicks from i on are predicted anew.

    Parameters
    ----------
    predictor : Predictor
    plane : Plane or (H, W) or (H, W, 3 or 4) array
    initial : (H, W) bool or float in [0, 1], or Prediction, optional
        The object's mask before the first click; the clicks correct it piece by piece, see
        ``correction``.
    view : Box, optional
        Where to look for the object; it grows by the initial mask and by clicks outside.
        Default: the whole plane, or the surroundings of the initial mask and all clicks.
    answered : iterable of Prompt
        Prompts that the network drew the initial mask from. It is then no mask to correct, but the
        answer to them, and further prompts go on from there.
    neighbours : iterable of Click
        On objects that are done. Where the mask would cover one of them, the network is asked again
        with all of them before the prompts.
    """

    def __init__(
        self,
        predictor: Predictor,
        plane: Plane | NDArray[Any],
        *,
        initial: NDArray[np.bool_] | NDArray[np.floating] | Prediction | None = None,
        view: Box | None = None,
        answered: Iterable[Prompt] = (),
        neighbours: Iterable[Prompt] = (),
    ) -> None:
        self.predictor = predictor
        self.plane = plane if isinstance(plane, Plane) else Plane(plane)
        shape = self.plane.shape
        if initial is None:
            start = Prediction.nothing(shape, view)
        elif isinstance(initial, Prediction):
            start = initial
        else:
            start = Prediction.from_array(initial, shape, view)
        self._answered = Prompts.of(answered)
        self._neighbours = Prompts.of(neighbours)
        has_mask = bool(start.roi_mask().any())
        self._corrects = has_mask and not self._answered
        self._looks_around = self._corrects and view is None
        self.view = view or (start.roi if self._corrects else Box.whole(shape))
        if has_mask:
            self.view = self.view.union(start.roi)
        self._memo: OrderedDict[Prompts, Prediction] = OrderedDict()
        self._start = start

    def predict(
        self, clicks: Iterable[Prompt], cancelled: Callable[[], bool] | None = None
    ) -> Prediction:
        """Return the prediction after all ``clicks``.

        Parameters
        ----------
        clicks : iterable of Prompt
            In the image frame, in their order. None: the initial mask.
        cancelled : callable, optional
            Asked before each network run.

        Raises
        ------
        Cancelled
            As soon as ``cancelled`` returns True.
        """
        prompts = Prompts.of(clicks)
        known = len(prompts)
        while known and not self._knows(prompts.prefix(known)):
            known -= 1
        prediction = self._recall(prompts.prefix(known))
        for count in range(known + 1, len(prompts) + 1):
            if cancelled is not None and cancelled():
                raise Cancelled
            prediction = self._step(prompts.prefix(count), prediction)
        return prediction

    def _knows(self, clicks: Prompts) -> bool:
        return clicks in self._memo or clicks == self._answered

    def _recall(self, clicks: Prompts) -> Prediction:
        if not clicks or clicks == self._answered:
            return self._start
        self._memo.move_to_end(clicks)
        return self._memo[clicks]

    def _step(self, clicks: Prompts, previous: Prediction) -> Prediction:
        if self._corrects:
            prediction = self._corrected(clicks, previous)
        else:
            prediction = self._seen(clicks, clicks, previous)
        self._memo[clicks] = prediction
        # Forgetting costs time, never the result: a replay gives the same bits.
        while len(self._memo) > 1 and self._bytes() > MEMO_BYTES:
            self._memo.popitem(last=False)
        return prediction

    def _corrected(self, clicks: Prompts, previous: Prediction) -> Prediction:
        """Predict with an initial mask: the first click may move its whole outline."""
        shown = with_interior_click(self._start, clicks)
        newest = clicks[len(clicks) - 1]
        shift = None
        if len(clicks) == 1 and isinstance(newest, Click):
            shift = OutlineShift.of(previous, newest)
        moved = shift and shift.taken_over(previous, self._seen(clicks, shown, None))
        return moved or merged(previous, self._seen(clicks, shown, previous), newest)

    def _seen(self, clicks: Prompts, shown: Prompts, previous: Prediction | None) -> Prediction:
        """Return what the networks see that are shown these clicks."""
        view = self._view_of(clicks)
        found = self.predictor.predict(self.plane, shown, previous, view=view)
        near = [click for click in self._neighbours.clicks if view.contains(click)]
        if any(found.covers(click) for click in near):
            shown = Prompts.of([*near, *shown])
            found = self.predictor.predict(self.plane, shown, previous, view=view)
        return found

    def _bytes(self) -> int:
        return sum(kept.roi_probability.nbytes for kept in self._memo.values())

    def _view_of(self, clicks: Prompts) -> Box:
        """Return the view grown by the clicks that lie on the plane."""
        view, plane = self.view, Box.whole(self.plane.shape)
        for prompt in clicks:
            part = prompt.within(plane)
            view = view if part is None else view.union(part.extent)
        return surroundings(view, self.plane.shape) if self._looks_around else view
