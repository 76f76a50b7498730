"""The annotation: what a click, undo, commit or result does. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.editor import CommitAs, Editor
from napari_iafpn.plugin.messages import (
    Job,
    MaskFailed,
    MaskReady,
    MaskWanted,
    Message,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelWanted,
    PlaneReached,
    PropagationFailed,
    PropagationReport,
    Report,
)
from napari_iafpn.plugin.peek import Peek
from napari_iafpn.plugin.predictions import Predictions
from napari_iafpn.plugin.propagating import Along, Journey
from napari_iafpn.plugin.surroundings import LabelsTarget, Surroundings
from napari_iafpn.sessions import (
    CurrentObject,
    Cutout,
    Document,
    HandEdits,
    ObjectChange,
    PlaneKey,
    Sight,
    Step,
)

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


class AnnotationController:
    """The objects being annotated, one per plane, their history and the newest wish to the worker.

    Every plane keeps its own current object, so leaving a plane loses nothing. A result counts
    only if it belongs to the clicks its object has by then.
    """

    changed = Signal()
    said = Signal(Message)
    plane_wanted = Signal(PlaneKey)

    def __init__(self, surroundings: Surroundings, model: str) -> None:
        self._around = surroundings
        self._model = model
        self._plane: PlaneKey | None = None
        self._shape = (0, 0)
        self.editor = Editor(Document(surroundings.labels_of), surroundings)
        self._predictions = Predictions()
        self._peek = Peek()
        self._waiting: Job | None = None
        self._then: Callable[[], None] | None = None
        self._journey: Journey | None = None
        self._notes: tuple[str, ...] = ()
        self.commit_as = CommitAs()

    # What the views show

    @property
    def document(self) -> Document:
        """The objects and their history."""
        return self.editor.document

    @property
    def plane(self) -> PlaneKey | None:
        """The displayed plane, None where there is no image."""
        return self._plane

    @property
    def current(self) -> CurrentObject | None:
        """The object of the displayed plane."""
        return None if self._plane is None else self.document[self._plane]

    @property
    def prediction(self) -> Prediction | None:
        """The newest prediction for the current object; older than its clicks while one runs."""
        if self._plane is None:
            return None
        return self._predictions.latest(self._plane, self.document[self._plane])

    @property
    def mask(self) -> Cutout | None:
        """The current object's pixels as far as they are known, None where there are none."""
        return None if self.current is None else self.current.mask(self.prediction)

    @property
    def hint(self) -> Cutout | None:
        """The pixels that the object would have after a click under the mouse."""
        return self._peek.mask

    @property
    def model(self) -> str:
        """The model that predicts."""
        return self._model

    @property
    def busy(self) -> bool:
        """Whether the worker has something to do."""
        return self._waiting is not None

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self.document.last_done is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self.document.last_undone is not None

    def has_clicks(self, layer: str) -> bool:
        """Tell whether an object of this image layer is not committed."""
        return any(key.layer == layer for key in self.document.objects)

    # What the user does

    def show(self, plane: PlaneKey | None, shape: tuple[int, int] = (0, 0)) -> None:
        """Turn to a plane of ``shape`` (H, W) and its object."""
        if (plane, shape) == (self._plane, self._shape):
            return
        self._plane, self._shape = plane, shape
        self._then = None
        self._update()

    def adopt(self, document: Document) -> None:
        """Go on with the objects and the history of an earlier sitting."""
        document.labels, document.tell = self._around.labels_of, self.document.tell
        self.editor.document = document
        self._call_off()
        self._update()

    def use_model(self, model: str, *, preload: bool = True) -> None:
        """Predict with another model from now on; the current object too."""
        self._model = model
        self._call_off()
        self._update()
        if preload and (self._waiting is None or self._waiting.model != model):
            self._send(ModelWanted(model))
            self.changed.emit()

    def add_click(self, click: Click, view: Box | None = None) -> None:
        """Add a click to the current object; ``view`` counts with its first one."""
        if self.current is not None:
            self._change("click", _clicked(self.current, click, view))

    def look_ahead(self, click: Click | None, view: Box | None = None) -> None:
        """Predict what a click would give, while there is nothing else to do; None: no click."""
        plane, current = self._plane, self.current
        if plane is None or current is None or click is None:
            if self._peek.drop():
                self.changed.emit()
        elif Box.whole(self._shape).contains(click) and not self.busy and self._is_fresh():
            after = _clicked(current, click, view)
            with self._telling():
                wanted = self._wanted(plane, after)
                if self._peek.ask(wanted, after):
                    self._around.submit(wanted)

    def change_clicks(self, clicks: ClickSequence) -> None:
        """Give the current object other clicks: added, moved, deleted or of another sign."""
        if self.current is not None and clicks != self.current.clicks:
            self._change("clicks", replace(self.current, clicks=clicks))

    def clear(self) -> None:
        """Drop the current object; a committed one that is being edited is put back as it was."""
        plane, current = self._plane, self.current
        if plane is None or current is None or current.is_untouched:
            return
        if current.edited is None:
            self._change("clear", current.without_clicks())
            return
        self._do(lambda: self.editor.put_back(plane))

    def put_back_all(self) -> None:
        """Put every object that is being edited back as it was."""
        for plane, current in self.document.objects.items():
            if current.edited is not None:
                self._do(partial(self.editor.put_back, plane))

    def set_threshold(self, threshold: float) -> None:
        """Set the probability above which pixels belong to the current object."""
        if self.current is not None and threshold != self.current.threshold:
            self._change("threshold", replace(self.current, threshold=threshold), going_on=True)

    def draw(self, pixels: Cutout, *, erase: bool = False) -> None:
        """Give pixels to the current object by hand, or take them away; clicks never undo it."""
        if self.current is not None:
            hand = self.current.hand
            hand = hand.erase(pixels) if erase else hand.draw(pixels)
            self._change("brush", replace(self.current, hand=hand))

    def set_hand(self, hand: HandEdits) -> None:
        """Set what is drawn and erased by hand."""
        if self.current is not None and hand != self.current.hand:
            self._change("brush", replace(self.current, hand=hand))

    def edit(self, target: LabelsTarget, label: int) -> None:
        """Take a committed object of the displayed plane up again."""
        plane = self._plane
        if plane is not None:
            self._do(lambda: self.editor.edit(plane, target, label))

    def commit(self) -> None:
        """Write the current object into the labels and start the next one.

        Waits for the mask where it is still being predicted.
        """
        self._when_ready(self._write, "there is nothing to commit yet; click on an object first")

    def propagate(self, along: Along) -> None:
        """Take the object at work, else the last one committed here, to other planes.

        That at work is committed first. Whatever else the user does calls a propagation off, and
        nothing is changed; `cancel` keeps the planes that it reached.
        """
        if self.current is not None and not self.current.is_untouched:
            self._when_ready(partial(self._write_and_set_out, along), "")
            return
        self._call_off()
        with self._telling():
            self._set_out(along)
        self.changed.emit()

    def split(self) -> None:
        """Divide the object that is being edited, one part for each positive click."""
        plane = self._plane
        if plane is not None:
            self._do(lambda: self.editor.split(plane))

    def do(self, step: Step) -> None:
        """Do a step; ValueError, and nothing changed, where the labels cannot be written."""
        self._call_off()
        self.document.do(step)
        self._update()

    def undo(self) -> None:
        """Take the last step back, wherever it was, and show its plane.

        A propagation that is under way is the last step.
        """
        if self._journey is not None:
            self._call_off()
            self._update()
            return
        self._walk("undo", self.document.last_done, self.document.undo)

    def redo(self) -> None:
        """Do the step again that was undone last, and show its plane."""
        self._walk("redo", self.document.last_undone, self.document.redo)

    def cancel(self) -> None:
        """Stop predicting; the clicks stay, and so do the planes that a propagation reached."""
        if self._waiting is None:
            return
        self._around.stop()
        self._waiting = None
        self._then = None
        if self._journey is not None:
            self._arrive(stopped=True)
        else:
            self._say("Stopped; the clicks are kept. Click again or commit to go on.")
        self.changed.emit()

    # What the worker reports

    def receive(self, report: Report) -> None:
        """Take a report of the worker; results for clicks of the past are dropped."""
        if isinstance(report, ModelLoading):
            self._say(f"Loading the model {report.model} …")
        elif isinstance(report, ModelReady):
            self._settle(ModelWanted(report.model))
            self._say(f"The model {report.model} is ready on {report.device}.")
        elif isinstance(report, ModelFailed):
            if self._waiting is not None and self._waiting.model == report.model:
                self._settle(self._waiting)
                self._journey = None
            self._fail(report.sentence, important=True)
        elif isinstance(report, MaskFailed):
            if self._settle(report.wanted):
                self._fail(report.sentence)
        elif isinstance(report, MaskReady):
            self._take(report)
        else:
            self._travel(report)
        self.changed.emit()

    def _take(self, result: MaskReady) -> None:
        self._settle(result.wanted)
        if self._peek.take(result):
            return
        now = self.document[result.wanted.plane]
        if not self._predictions.take(result, now, self._model):
            return
        prediction = result.prediction
        where = f" on {prediction.device}" if prediction.device else ""
        text = " ".join((f"{prediction.seconds:.2f} s per click{where}.", *prediction.notes))
        news = bool(prediction.notes) and prediction.notes != self._notes
        self.said.emit(Message(text, important=news))
        self._notes = prediction.notes
        if self._then is not None and self._is_fresh():
            then, self._then = self._then, None
            with self._telling():
                then()

    def _travel(self, report: PropagationReport) -> None:
        """Note how far a propagation is; reports of one that was called off are dropped."""
        journey = self._journey
        if journey is None or report.wanted is not journey.wanted:
            return
        if isinstance(report, PlaneReached):
            self._say(journey.take(report))
            return
        self._settle(report.wanted)
        if isinstance(report, PropagationFailed):
            self._journey = None
            self._fail(report.sentence)
        else:
            self._arrive()
        self._update()

    # Parts of the above

    def _change(self, kind: str, after: CurrentObject, *, going_on: bool = False) -> None:
        """Make the current object ``after``."""
        plane = self._plane
        if plane is None:
            return
        with self._telling():
            for click in after.clicks:
                click.check_inside(self._shape)
            self._call_off()
            change = ObjectChange(plane, self.document[plane], after)
            self.document.do(Step(kind, plane, (change,)), going_on=going_on)
            self.editor.begin(after)
        self._update()

    def _walk(self, verb: str, step: Step | None, perform: Callable[[], Step | None]) -> None:
        if step is None:
            self._say(f"There is nothing to {verb}.")
            return
        self._call_off()
        if step.plane != self._plane:
            self.plane_wanted.emit(step.plane)
        with self._telling():
            perform()
        self._update()

    def _when_ready(self, act: Callable[[], None], otherwise: str) -> None:
        """Do something with the current object's mask, as soon as it is that of its clicks."""
        self._call_off()
        with self._telling():
            if self.current is None or self.current.is_untouched:
                raise ValueError(otherwise)
            self._then = None if self._is_fresh() else act
            if self._then is None:
                act()
        self._update()

    def _do(self, act: Callable[[], str]) -> None:
        """Do something with labels and tell what came of it."""
        self._call_off()
        with self._telling():
            self._say(act())
        self._update()

    def _write(self) -> None:
        plane = self._plane
        assert plane is not None
        result = self._predictions.fresh(plane, self.document[plane], self._model)
        seen = ("", Sight()) if result is None else (self._model, result.wanted.source.sight)
        self._say(self.editor.commit(plane, self.mask, self.commit_as, *seen))

    def _write_and_set_out(self, along: Along) -> None:
        self._write()
        self._set_out(along)

    def _set_out(self, along: Along) -> None:
        """Let the worker follow the last object of the displayed plane."""
        if self._plane is None:
            raise ValueError("there is no plane to propagate from; show a plane of an image")
        source = self._around.source_of(self._plane)
        wanted = self.editor.follow(source, along, self._model)
        self._journey = Journey(wanted)
        self._send(wanted)
        self._say(self._journey.progress)

    def _arrive(self, *, stopped: bool = False) -> None:
        """Write what a propagation found, as one step, and tell where it ended and why."""
        journey, self._journey = self._journey, None
        assert journey is not None
        with self._telling():
            self.editor.propagate(journey.wanted, journey.done, journey.masks, self.commit_as)
            summary = journey.summary(stopped=stopped)
            self.said.emit(Message(summary, error=journey.is_in_doubt))

    def _call_off(self) -> None:
        """Drop what waits for a mask and a propagation on its way; something else happens."""
        self._then = None
        if self._journey is not None:
            self._journey = self._waiting = None
            self._around.stop()
            self._say("The propagation was called off; nothing was changed.")

    def _is_fresh(self) -> bool:
        """Tell whether the mask is that of the clicks of now."""
        plane, current = self._plane, self.current
        if plane is None or current is None:
            return False
        fresh = self._predictions.fresh(plane, current, self._model)
        return not current.clicks or fresh is not None

    def _update(self) -> None:
        """Ask the worker for what the displayed plane lacks, and tell the views."""
        plane, current = self._plane, self.current
        self._peek.drop()
        with self._telling():
            # A propagation goes on while the user looks at other planes.
            if plane is not None and current is not None and self._journey is None:
                if not self._is_fresh():
                    self._send(self._wanted(plane, current))
                elif isinstance(self._waiting, MaskWanted) and self._waiting.plane == plane:
                    self._around.stop()
                    self._waiting = None
        self.changed.emit()

    def _wanted(self, plane: PlaneKey, current: CurrentObject) -> MaskWanted:
        asked = self._around.source_of(plane), current.number, current.clicks
        return MaskWanted(self._model, *asked, current.view, current.start)

    def _send(self, job: Job) -> None:
        if job != self._waiting:
            self._waiting = job
            self._around.submit(job)

    def _settle(self, job: Job) -> bool:
        """Note that ``job`` is over; tell whether it was the newest."""
        newest = job == self._waiting
        if newest:
            self._waiting = None
        return newest

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell the user what cannot be done, and go on."""
        try:
            yield
        except (ValueError, RuntimeError) as error:
            self._fail(str(error))

    def _fail(self, sentence: str, *, important: bool = False) -> None:
        self._then = None
        self.said.emit(Message(sentence, error=True, important=important))

    def _say(self, text: str) -> None:
        self.said.emit(Message(text))


def _clicked(current: CurrentObject, click: Click, view: Box | None) -> CurrentObject:
    """Return the object with one click more; ``view`` counts with the first one of a new object."""
    view = current.view if current.clicks or current.edited else view
    return replace(current, clicks=current.clicks.add(click), view=view)
