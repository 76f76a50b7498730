"""The objects being annotated, one per plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from napari_iafpn.clicks import ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.messages import MaskReady
from napari_iafpn.plugin.planes import PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


@dataclass(frozen=True, slots=True)
class CurrentObject:
    """The object being annotated on one plane.

    Attributes
    ----------
    number : int
        Tells objects apart.
    clicks : ClickSequence
        In pixels of the plane.
    threshold : float
        Probability above which a pixel belongs to the mask.
    view : Box, optional
        The part of the plane that the user saw at the first click. None: the whole plane.
    """

    number: int
    clicks: ClickSequence = field(default_factory=ClickSequence)
    threshold: float = 0.5
    view: Box | None = None


class Objects:
    """The current object of every plane and the newest prediction for it."""

    def __init__(self) -> None:
        self._objects: dict[PlaneKey, CurrentObject] = {}
        self._results: dict[PlaneKey, MaskReady] = {}
        self._numbers = count(1)

    def __getitem__(self, plane: PlaneKey) -> CurrentObject:
        if plane not in self._objects:
            self._objects[plane] = CurrentObject(next(self._numbers))
        return self._objects[plane]

    def __setitem__(self, plane: PlaneKey, current: CurrentObject) -> None:
        self._objects[plane] = current

    def start_next(self, plane: PlaneKey) -> None:
        """Make a new object without clicks the current one."""
        self._objects[plane] = CurrentObject(next(self._numbers))
        self._results.pop(plane, None)

    def has_clicks(self, layer: str) -> bool:
        """Tell whether an object of this image layer has clicks."""
        return any(key.layer == layer and o.clicks for key, o in self._objects.items())

    def take(self, result: MaskReady, model: str) -> bool:
        """Keep a result if it answers the clicks that its object has now; tell whether it does."""
        wanted, now = result.wanted, self[result.wanted.plane]
        asked = (wanted.number, wanted.clicks, wanted.view, wanted.model)
        if asked != (now.number, now.clicks, now.view, model):
            return False
        self._results[wanted.plane] = result
        return True

    def is_fresh(self, plane: PlaneKey, model: str) -> bool:
        """Tell whether the prediction is that for the clicks of now."""
        return plane in self._results and self.take(self._results[plane], model)

    def prediction(self, plane: PlaneKey) -> Prediction | None:
        """Return the newest prediction for the object, which may be older than its clicks."""
        result, now = self._results.get(plane), self[plane]
        if result is None or result.wanted.number != now.number or not now.clicks:
            return None
        return result.prediction
