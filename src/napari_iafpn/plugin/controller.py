"""The annotation: what a click, undo, commit or result does. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.history import Action, ClicksChanged, Committed, History, Patch
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
    Report,
)
from napari_iafpn.plugin.objects import CurrentObject, Objects
from napari_iafpn.plugin.planes import PlaneKey
from napari_iafpn.plugin.surroundings import Surroundings

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
        self._objects = Objects()
        self._history = History()
        self._waiting: Job | None = None
        self._commits_when_ready = False
        self._notes: tuple[str, ...] = ()

    # What the views show

    @property
    def plane(self) -> PlaneKey | None:
        """The displayed plane, None where there is no image."""
        return self._plane

    @property
    def current(self) -> CurrentObject | None:
        """The object of the displayed plane."""
        return None if self._plane is None else self._objects[self._plane]

    @property
    def prediction(self) -> Prediction | None:
        """The newest prediction for the current object; older than its clicks while one runs."""
        return None if self._plane is None else self._objects.prediction(self._plane)

    @property
    def busy(self) -> bool:
        """Whether the worker has something to do."""
        return self._waiting is not None

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to take back."""
        return self._history.last_done is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is an action to do again."""
        return self._history.last_undone is not None

    def has_clicks(self, layer: str) -> bool:
        """Tell whether an object of this image layer has clicks that are not committed."""
        return self._objects.has_clicks(layer)

    # What the user does

    def show(self, plane: PlaneKey | None, shape: tuple[int, int] = (0, 0)) -> None:
        """Turn to a plane of ``shape`` (H, W) and its object."""
        if (plane, shape) == (self._plane, self._shape):
            return
        self._plane, self._shape = plane, shape
        self._commits_when_ready = False
        self._update()

    def use_model(self, model: str, *, preload: bool = True) -> None:
        """Predict with another model from now on; the current object too."""
        self._model = model
        self._update()
        if preload and (self._waiting is None or self._waiting.model != model):
            self._send(ModelWanted(model))
            self.changed.emit()

    def add_click(self, click: Click, view: Box | None = None) -> None:
        """Add a click to the current object; ``view`` counts with its first one."""
        current = self.current
        if current is not None:
            view = current.view if current.clicks else view
            self._change(replace(current, clicks=current.clicks.add(click), view=view))

    def clear(self) -> None:
        """Take all clicks of the current object away."""
        self.change_clicks(ClickSequence())

    def change_clicks(self, clicks: ClickSequence) -> None:
        """Give the current object other clicks: added, moved, deleted or all at once."""
        if self.current is not None and clicks != self.current.clicks:
            self._change(replace(self.current, clicks=clicks))

    def set_threshold(self, threshold: float) -> None:
        """Set the probability above which pixels belong to the current object."""
        if self._plane is not None:
            self._objects[self._plane] = replace(self._objects[self._plane], threshold=threshold)
            self.changed.emit()

    def commit(self) -> None:
        """Write the current object into the labels and start the next one.

        Waits for the mask where it is still being predicted.
        """
        with self._telling():
            if self.current is None or not self.current.clicks:
                raise ValueError("there is nothing to commit yet; click on an object first")
            self._commits_when_ready = not self._is_fresh()
            if not self._commits_when_ready:
                self._write()
        self._update()

    def undo(self) -> None:
        """Take the last action back, wherever it was, and show its plane."""
        self._walk("undo", self._history.last_done, self._take_back, self._history.step_back)

    def redo(self) -> None:
        """Do the action again that was undone last, and show its plane."""
        self._walk("redo", self._history.last_undone, self._do_again, self._history.step_forward)

    def cancel(self) -> None:
        """Stop predicting; the clicks stay."""
        if self._waiting is None:
            return
        self._around.stop()
        self._waiting = None
        self._commits_when_ready = False
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
            self._fail(report.sentence, important=True)
        elif isinstance(report, MaskFailed):
            if self._settle(report.wanted):
                self._fail(report.sentence)
        else:
            self._take(report)
        self.changed.emit()

    def _take(self, result: MaskReady) -> None:
        self._settle(result.wanted)
        if not self._objects.take(result, self._model):
            return
        prediction = result.prediction
        where = f" on {prediction.device}" if prediction.device else ""
        text = " ".join((f"{prediction.seconds:.2f} s per click{where}.", *prediction.notes))
        news = bool(prediction.notes) and prediction.notes != self._notes
        self.said.emit(Message(text, important=news))
        self._notes = prediction.notes
        if self._commits_when_ready and self._is_fresh():
            self._commits_when_ready = False
            with self._telling():
                self._write()

    # Parts of the above

    def _change(self, after: CurrentObject) -> None:
        """Make the current object ``after``, which differs in its clicks."""
        if self._plane is None:
            return
        with self._telling():
            for click in after.clicks:
                click.check_inside(self._shape)
            self._history.record(ClicksChanged(self._plane, self._objects[self._plane], after))
            self._objects[self._plane] = after
            self._commits_when_ready = False
        self._update()

    def _walk(
        self,
        verb: str,
        action: Action | None,
        perform: Callable[[Action], None],
        step: Callable[[], None],
    ) -> None:
        if action is None:
            self._say(f"There is nothing to {verb}.")
            return
        self._commits_when_ready = False
        if action.plane != self._plane:
            self.plane_wanted.emit(action.plane)
        with self._telling():
            perform(action)
            step()
        self._update()

    def _take_back(self, action: Action) -> None:
        if isinstance(action, Committed):
            action.target.erase(action.patch)
            self._objects[action.plane] = action.committed
        else:
            self._restore(action.plane, action.before)

    def _do_again(self, action: Action) -> None:
        if isinstance(action, Committed):
            action.target.write(action.patch)
            self._objects.start_next(action.plane)
        else:
            self._restore(action.plane, action.after)

    def _restore(self, plane: PlaneKey, earlier: CurrentObject) -> None:
        """Bring an object of the history back, with the threshold of now."""
        threshold = self._objects[plane].threshold
        self._objects[plane] = replace(earlier, threshold=threshold)

    def _write(self) -> None:
        plane, current, prediction = self._plane, self.current, self.prediction
        if plane is None or current is None or prediction is None:
            raise RuntimeError("there is no mask to commit; click on an object first")
        patch = Patch.of(plane, prediction, current.threshold)
        target = self._around.target()
        written = target.write(replace(patch, label=target.next_label(plane)))
        self._history.record(Committed(plane, current, target, written))
        self._objects.start_next(plane)
        self._say(f"Committed as object {written.label}. Click on the next one.")

    def _is_fresh(self) -> bool:
        return self._plane is not None and self._objects.is_fresh(self._plane, self._model)

    def _update(self) -> None:
        """Ask the worker for what the displayed plane lacks, and tell the views."""
        plane, current = self._plane, self.current
        with self._telling():
            if plane is not None and current is not None:
                if current.clicks and not self._is_fresh():
                    asked = self._around.source_of(plane), current.number, current.clicks
                    self._send(MaskWanted(self._model, *asked, current.view))
                elif isinstance(self._waiting, MaskWanted) and self._waiting.plane == plane:
                    self._around.stop()
                    self._waiting = None
        self.changed.emit()

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
        self._commits_when_ready = False
        self.said.emit(Message(sentence, error=True, important=important))

    def _say(self, text: str) -> None:
        self.said.emit(Message(text))
