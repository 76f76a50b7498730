"""The predictions for the object of each plane: known ones, and asking for those that lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import check_inside
from napari_iafpn.plugin.jobs import WorkerJobs
from napari_iafpn.plugin.messages import MaskReady, MaskWanted
from napari_iafpn.plugin.ports import Ports
from napari_iafpn.prompts import Prompts
from napari_iafpn.sessions import CurrentObject, Document, PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


class HoverPreview:
    """One look ahead at a time: what was asked, and its answer."""

    def __init__(self) -> None:
        self._asked: tuple[MaskWanted, CurrentObject] | None = None
        self.mask: BoxedMask | None = None

    def ask(self, wanted: MaskWanted, after: CurrentObject) -> bool:
        """Note that ``wanted`` predicts the object ``after`` a click; tell whether it is news."""
        if self._asked is not None and self._asked[0] == wanted:
            return False
        self._asked = wanted, after
        return True

    def take(self, result: MaskReady) -> bool:
        """Keep the mask if it was asked for; tell whether it was."""
        if self._asked is None or self._asked[0] != result.wanted:
            return False
        self.mask = self._asked[1].mask(result.prediction)
        return True

    def drop(self) -> bool:
        """Forget it; tell whether there was anything."""
        known = self._asked is not None or self.mask is not None
        self._asked = self.mask = None
        return known


class Predictions:
    """What the worker found, as long as it is of use; it is asked for what is missing.

    A result counts only if it belongs to the clicks its object has by now, to the model, and to
    the pixels of the image.

    Parameters
    ----------
    document : Document
    ports : Ports
    jobs : WorkerJobs
    model : str
    """

    def __init__(self, document: Document, ports: Ports, jobs: WorkerJobs, model: str) -> None:
        self._document = document
        self._ports = ports
        self._jobs = jobs
        self._results: dict[PlaneKey, MaskReady] = {}
        self._model = model
        self.hover = HoverPreview()

    @property
    def model(self) -> str:
        """The model that predicts."""
        return self._model

    def use_model(self, model: str) -> None:
        """Predict with another model from now on."""
        self._model = model

    def take(self, result: MaskReady) -> bool:
        """Keep a result if it answers the clicks that its object has now; tell whether it does."""
        counts = not self.hover.take(result) and self._is_answer(result)
        if counts:
            self._results[result.wanted.plane] = result
        return counts

    def fresh(self, plane: PlaneKey) -> MaskReady | None:
        """Return the result for the clicks and pixels of now, None where it is still to come.

        That of an object that is no longer at work is dropped: it may be large.
        """
        result = self._results.get(plane)
        if result is not None and result.wanted.number != self._document[plane].number:
            del self._results[plane]
        return result if result is not None and self._is_answer(result) else None

    def is_fresh(self, plane: PlaneKey) -> bool:
        """Tell whether the mask of a plane's object is that of its clicks."""
        return self.fresh(plane) is not None or not self._document[plane].asks

    def latest(self, plane: PlaneKey) -> Prediction | None:
        """Return the newest prediction for the object, which may be older than its clicks."""
        result, now = self._results.get(plane), self._document[plane]
        if result is None or not now.asks:
            return None
        wanted = result.wanted
        is_of = (wanted.number, wanted.source.pixels) == (now.number, self._pixels(plane))
        return result.prediction if is_of else None

    def quality(self, plane: PlaneKey) -> float | None:
        """Return how likely the mask of a plane's object is right, None where that is not known."""
        now = self._document[plane]
        if not now.asks:
            return self._document.proposals.quality(now.opened.proposal) if now.opened else None
        result = self.fresh(plane)
        if result is None:
            return None
        from napari_iafpn.finding import quality_alone  # what it needs, the worker has loaded

        return quality_alone(result.prediction)

    def ask(self, plane: PlaneKey) -> None:
        """Let the worker predict what a plane lacks, and nothing else there."""
        job = self._jobs.job
        if not self.is_fresh(plane):
            self._jobs.send(self._wanted(plane, self._document[plane]))
        elif isinstance(job, MaskWanted) and job.plane == plane:
            self._jobs.stop()

    def look_ahead(self, plane: PlaneKey, after: CurrentObject) -> None:
        """Let the worker predict an object as it would be, while there is nothing else to do."""
        if self._jobs.job is None and self.is_fresh(plane):
            wanted = self._wanted(plane, after)
            if self.hover.ask(wanted, after):
                self._jobs.send_aside(wanted)

    def _wanted(self, plane: PlaneKey, current: CurrentObject) -> MaskWanted:
        source = self._ports.source_of(plane)
        check_inside(current, plane.shape_in(source.array.shape))
        return MaskWanted(self._model, source, *_asked(current))

    def _is_answer(self, result: MaskReady) -> bool:
        wanted = result.wanted
        now = MaskWanted(self._model, wanted.source, *_asked(self._document[wanted.plane]))
        return wanted == now and wanted.source.pixels == self._pixels(wanted.plane)

    def _pixels(self, plane: PlaneKey) -> int | None:
        """Tell the pixels of a plane from others, None where its image is gone."""
        try:
            return self._ports.source_of(plane).pixels
        except ValueError:
            return None


def _asked(
    now: CurrentObject,
) -> tuple[int, Prompts, Box | None, BoxedMask | None, Prompts, Prompts]:
    """Return what of an object its mask depends on."""
    return now.number, now.clicks, now.view, now.start, now.answered, now.neighbours
