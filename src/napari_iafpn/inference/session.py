"""The object being annotated: image, clicks and their history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference.prediction import Prediction
from napari_iafpn.inference.predictor import Predictor
from napari_iafpn.inference.replay import ClickReplay
from napari_iafpn.prompts import Click, Prompt, Prompts


@dataclass(frozen=True)
class _State:
    """A point of the history; the replay stands for the initial mask."""

    replay: ClickReplay
    clicks: Prompts

    @property
    def prediction(self) -> Prediction:
        """Recalled; predicted once more, to the same bits, if it was too long ago to be kept."""
        return self.replay.predict(self.clicks)


class InteractiveSession:
    """Segment one object of an image with clicks.

    >>> session = InteractiveSession(Predictor.load(), image)  # doctest: +SKIP
    >>> mask = session.add_click(120, 80)  # doctest: +SKIP
    >>> mask = session.add_click(131, 60, positive=False)  # doctest: +SKIP

    Every method returns the object's mask, (H, W) bool. A method that raises changes nothing.

    Parameters
    ----------
    predictor : Predictor
    image : Plane or (H, W) or (H, W, 3 or 4) array
    initial : (H, W) bool or float in [0, 1], optional
        A mask to correct.
    view : Box, optional
        Part of the image in which the object lies. Default: the whole image.
    threshold : float
        Probability above which a pixel belongs to the mask.
    """

    def __init__(
        self,
        predictor: Predictor,
        image: Plane | NDArray[Any],
        *,
        initial: NDArray[np.bool_] | NDArray[np.floating] | None = None,
        view: Box | None = None,
        threshold: float = 0.5,
    ) -> None:
        replay = ClickReplay(predictor, image, initial=initial, view=view)
        self._view = view
        self._history = [_State(replay, Prompts())]
        self._now = 0
        self.threshold = threshold

    def add_click(self, row: float, col: float, positive: bool = True) -> NDArray[np.bool_]:
        """Click on pixel (row, col): part of the object or, where not ``positive``, outside it."""
        return self._change(self.clicks.add(Click(row, col, positive)))

    def add(self, prompt: Prompt) -> NDArray[np.bool_]:
        """Add a click, a box or a stroke."""
        return self._change(self.clicks.add(prompt))

    def move_click(self, index: int, row: float, col: float) -> NDArray[np.bool_]:
        """Put click ``index`` (0 is the first) elsewhere."""
        return self._change(self.clicks.move(index, row, col))

    def remove_click(self, index: int) -> NDArray[np.bool_]:
        """Take click ``index`` (0 is the first) away."""
        return self._change(self.clicks.remove(index))

    def reset(self) -> NDArray[np.bool_]:
        """Take all clicks away; the initial mask stays."""
        return self._change(Prompts())

    def start_from(self, mask: NDArray[np.bool_] | NDArray[np.floating]) -> NDArray[np.bool_]:
        """Go on from ``mask`` (H, W), without clicks."""
        old = self._state.replay
        replay = ClickReplay(old.predictor, old.plane, initial=mask, view=self._view)
        return self._change(Prompts(), replay)

    def undo(self) -> NDArray[np.bool_]:
        """Go back by one change; nothing happens at the beginning."""
        self._now = max(0, self._now - 1)
        return self.mask

    def redo(self) -> NDArray[np.bool_]:
        """Repeat the change that was undone last, if there is one."""
        self._now = min(len(self._history) - 1, self._now + 1)
        return self.mask

    @property
    def clicks(self) -> Prompts:
        """The clicks in their order."""
        return self._state.clicks

    @property
    def prediction(self) -> Prediction:
        """The last prediction; before any click the initial mask."""
        return self._state.prediction

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool."""
        return self.prediction.mask(self.threshold)

    @property
    def probability(self) -> NDArray[np.float32]:
        """(H, W) float32 in [0, 1]."""
        return self.prediction.probability

    @property
    def roi(self) -> Box:
        """The region of interest, in the image frame."""
        return self.prediction.roi

    @property
    def threshold(self) -> float:
        """Probability above which a pixel belongs to the mask; between 0 and 1."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0 < value < 1:
            raise ValueError(f"threshold {value} is no probability; give a number between 0 and 1")
        self._threshold = value

    @property
    def _state(self) -> _State:
        return self._history[self._now]

    def _change(self, clicks: Prompts, replay: ClickReplay | None = None) -> NDArray[np.bool_]:
        state = _State(replay or self._state.replay, clicks)
        state.replay.predict(clicks)  # may raise, so it comes before the change
        self._history[self._now + 1 :] = [state]
        self._now += 1
        return self.mask
