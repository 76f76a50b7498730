"""The newest prediction for the object of each plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iafpn.plugin.messages import MaskReady
from napari_iafpn.sessions import CurrentObject, PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


class Predictions:
    """Results of the worker, as long as they are of use."""

    def __init__(self) -> None:
        self._results: dict[PlaneKey, MaskReady] = {}

    def take(self, result: MaskReady, now: CurrentObject, model: str, pixels: int | None) -> bool:
        """Keep a result if it answers the clicks that its object has now; tell whether it does.

        ``pixels`` are those of the plane by now, see `PlaneSource`; None: its image is gone.
        """
        if not _answers(result, now, model, pixels):
            return False
        self._results[result.wanted.plane] = result
        return True

    def fresh(
        self, plane: PlaneKey, now: CurrentObject, model: str, pixels: int | None
    ) -> MaskReady | None:
        """Return the result for the clicks of now, None where it is still to come.

        That of an object that is no longer at work is dropped: it may be large.
        """
        result = self._results.get(plane)
        if result is not None and result.wanted.number != now.number:
            del self._results[plane]
        return result if result is not None and _answers(result, now, model, pixels) else None

    def latest(self, plane: PlaneKey, now: CurrentObject, pixels: int | None) -> Prediction | None:
        """Return the newest prediction for the object, which may be older than its clicks."""
        result = self._results.get(plane)
        if result is None or not now.clicks:
            return None
        wanted = result.wanted
        is_of = (wanted.number, wanted.source.pixels) == (now.number, pixels)
        return result.prediction if is_of else None


def _answers(result: MaskReady, now: CurrentObject, model: str, pixels: int | None) -> bool:
    wanted = result.wanted
    asked = (wanted.number, wanted.clicks, wanted.view, wanted.start, wanted.model)
    return (*asked, wanted.source.pixels) == (
        now.number,
        now.clicks,
        now.view,
        now.start,
        model,
        pixels,
    )
