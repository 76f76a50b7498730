"""What is being annotated, and what the worker finds. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs, Editor
from napari_iafpn.plugin.jobs import Activity, WorkerJobs
from napari_iafpn.plugin.messages import (
    MaskFailed,
    MaskReady,
    Message,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelWanted,
    Report,
    as_sentence,
    sentence_of,
)
from napari_iafpn.plugin.ports import Ports
from napari_iafpn.plugin.predictions import Predictions
from napari_iafpn.plugin.propagating import Propagator
from napari_iafpn.plugin.turns import Place, Turn, Turns
from napari_iafpn.prompts import Prompts
from napari_iafpn.sessions import CurrentObject, Document, PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


class AnnotationState:
    """The objects being annotated, one per plane, and the predictions for them.

    Every plane keeps its own current object, so leaving a plane loses nothing. The worker has one
    job at a time, `activity` tells of what kind: it loads a model, predicts the mask that lacks, or
    propagates an object.

    Parameters
    ----------
    ports : Ports
    model : str
    """

    changed = Signal()
    said = Signal(Message)

    def __init__(self, ports: Ports, model: str) -> None:
        self._ports = ports
        self.document = Document(ports.labels_of)
        self.editor = Editor(self.document, ports)
        self._displayed = self._place = Place()
        self._jobs = WorkerJobs(ports.submit, ports.stop)
        self._predictions = Predictions(self.document, ports, self._jobs, model)
        self._propagator = Propagator(self.editor, self._jobs, self.said.emit)
        self._turns = Turns(self._perform, self._predictions.is_fresh)
        self._notes: tuple[str, ...] = ()
        self._commit_as = CommitAs()

    # What the views show

    @property
    def plane(self) -> PlaneKey | None:
        """The displayed plane, in a turn that of the turn; None where there is no image."""
        return self._place.plane

    @property
    def current(self) -> CurrentObject | None:
        """The object of the plane."""
        return None if self.plane is None else self.document[self.plane]

    @property
    def clicks(self) -> Prompts:
        """The clicks of the current object as they will be after what waits."""
        if self.plane is None:
            return Prompts()
        return self._turns.clicks_on(self.plane, self.document[self.plane].clicks)

    @property
    def prediction(self) -> Prediction | None:
        """The newest prediction for the current object; older than its clicks while one runs."""
        return None if self.plane is None else self._predictions.latest(self.plane)

    @property
    def mask(self) -> BoxedMask | None:
        """The current object's pixels as far as they are known, None where there are none."""
        return None if self.current is None else self.current.mask(self.prediction)

    @property
    def quality(self) -> float | None:
        """How likely the current object's mask is right, from 0 to 1; None: that is not known."""
        return None if self.plane is None else self._predictions.quality(self.plane)

    @property
    def hint(self) -> BoxedMask | None:
        """The pixels that the object would have after a click under the mouse."""
        return self._predictions.hover.mask

    @property
    def model(self) -> str:
        """The model that predicts."""
        return self._predictions.model

    @property
    def activity(self) -> Activity:
        """What the worker does."""
        return self._jobs.activity

    @property
    def busy(self) -> bool:
        """Whether the worker has something to do."""
        return self.activity is not Activity.IDLE

    @property
    def commit_as(self) -> CommitAs:
        """Under which id the next object is committed."""
        return self._commit_as

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self.document.last_done is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self.document.last_undone is not None

    def has_clicks(self, layer: str) -> bool:
        """Tell whether an object of this image layer is neither committed nor about to be."""
        about_to_be = self._turns.plane
        return any(
            key.layer == layer
            and (key != about_to_be or len(self._turns.clicks_on(key, now.clicks)) > 0)
            for key, now in self.document.objects.items()
        )

    # What happens

    def show(self, plane: PlaneKey | None, shape: tuple[int, int] = (0, 0)) -> None:
        """Turn to a plane of ``shape`` (H, W) and its object."""
        place = Place(plane, shape)
        if place != self._displayed:
            self._displayed = self._place = place
            self._update()

    def look_again(self) -> None:
        """Predict anew where the pixels of an image are others now."""
        self._update()

    def receive(self, report: Report) -> None:
        """Take a report of the worker; results for clicks of the past are dropped."""
        with self.telling():
            self._receive(report)
        self._turns.go_on()
        self._announce()

    def _receive(self, report: Report) -> None:
        if isinstance(report, ModelLoading):
            self._say(f"Loading the model {report.model} …", quiet=True)
        elif isinstance(report, ModelReady):
            self._jobs.settle(ModelWanted(report.model))
            ready = f"The model {report.model} is ready on {report.device}. {report.advice}"
            self._say(ready.rstrip(), quiet=True)
        elif isinstance(report, ModelFailed):
            job = self._jobs.job
            if job is not None and job.model == report.model:
                self._jobs.settle(job)
            self._fail(self._dropping(report.sentence), important=True)
        elif isinstance(report, MaskFailed):
            if self._jobs.settle(report.wanted):
                self._fail(self._dropping(report.sentence))
        elif isinstance(report, MaskReady):
            self._jobs.settle(report.wanted)
            if self._predictions.take(report):
                self._tell_of(report.prediction)
        elif self._propagator.take(report, self.commit_as):
            self._update()

    def _tell_of(self, prediction: Prediction) -> None:
        where = f" on {prediction.device}" if prediction.device else ""
        text = " ".join((f"{prediction.seconds:.2f} s per click{where}.", *prediction.notes))
        news = bool(prediction.notes) and prediction.notes != self._notes
        self.said.emit(Message(text, important=news, quiet=True))
        self._notes = prediction.notes

    def _perform(self, turn: Turn) -> None:
        """Do what the user did on a plane that may be displayed no longer."""
        self._place = turn.place
        with self.telling():
            turn.act()
        self._place = self._displayed
        self._update()

    def _dropping(self, sentence: str) -> str:
        """Forget what waits for a mask; return the sentence, with what came after the commit."""
        count = self._turns.drop()
        if not count:
            return sentence
        steps = "1 step" if count == 1 else f"{count} steps"
        return f"{as_sentence(sentence)} Repeat what you did after it ({steps})."

    def _update(self) -> None:
        """Ask the worker for the mask that is missing, and tell the views."""
        self._predictions.hover.drop()
        plane = self._turns.plane or self._displayed.plane
        with self.telling():
            # A propagation goes on while the user looks at other planes.
            if plane is not None and not self._propagator.is_under_way:
                self._ask(plane)
        self._announce()

    def _ask(self, plane: PlaneKey) -> None:
        try:
            self._predictions.ask(plane)
        except ValueError as error:
            raise ValueError(self._dropping(str(error))) from error

    def _announce(self) -> None:
        """Tell the views; one that fails is told of and stops nothing."""
        with self.telling():
            self.changed.emit()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell the user what cannot be done, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  nothing that fails may stop what comes after it
            kept = "your clicks and objects are kept, try again"
            self._fail(sentence_of(error, "something went wrong", kept))

    def _fail(self, sentence: str, *, important: bool = False) -> None:
        # More turns follow, whose sentences come over this one.
        important = important or self._turns.has_more
        self.said.emit(Message(sentence, error=True, important=important))

    def _say(self, text: str, *, quiet: bool = False) -> None:
        self.said.emit(Message(text, quiet=quiet))
