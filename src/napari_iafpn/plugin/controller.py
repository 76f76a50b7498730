"""The annotation: what a click, undo, commit or result does. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_iafpn.clicks import Click, ClickSequence
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.history import (
    Action,
    ClicksChanged,
    Committed,
    CurrentObject,
    History,
    LabelsTarget,
    Patch,
)
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
from napari_iafpn.plugin.planes import PlaneKey, PlaneSource

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction


@dataclass(frozen=True)
class Surroundings:
    """What the controller needs from the world around it.

    Attributes
    ----------
    submit : callable
        Hand a job to the worker; it replaces an older one.
    stop : callable
        Drop the worker's job.
    source_of : callable
        Where a plane's pixels come from; ValueError where the image is gone.
    target : callable
        The labels to commit to, made where there are none; ValueError where that fails.
    """

    submit: Callable[[Job], None]
    stop: Callable[[], None]
    source_of: Callable[[PlaneKey], PlaneSource]
    target: Callable[[], LabelsTarget]


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
        self._objects: dict[PlaneKey, CurrentObject] = {}
        self._numbers = count(1)
        self._results: dict[PlaneKey, MaskReady] = {}
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
        return None if self._plane is None else self._object(self._plane)

    @property
    def prediction(self) -> Prediction | None:
        """The newest prediction for the current object; older than its clicks while one runs."""
        current = self.current
        if self._plane is None or current is None or not current.clicks:
            return None
        result = self._results.get(self._plane)
        same = result is not None and result.wanted.number == current.number
        return result.prediction if result is not None and same else None

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
        return any(key.layer == layer and o.clicks for key, o in self._objects.items())

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

    def add_click(self, click: Click) -> None:
        """Add a click to the current object."""
        if self.current is not None:
            self.change_clicks(self.current.clicks.add(click))

    def clear(self) -> None:
        """Take all clicks of the current object away."""
        self.change_clicks(ClickSequence())

    def change_clicks(self, clicks: ClickSequence) -> None:
        """Give the current object other clicks: added, moved, deleted or all at once."""
        current = self.current
        if self._plane is None or current is None or clicks == current.clicks:
            return
        with self._telling():
            for click in clicks:
                click.check_inside(self._shape)
            self._history.record(ClicksChanged(self._plane, current.clicks, clicks))
            self._objects[self._plane] = replace(current, clicks=clicks)
            self._commits_when_ready = False
        self._update()

    def set_threshold(self, threshold: float) -> None:
        """Set the probability above which pixels belong to the current object."""
        if self._plane is not None:
            self._objects[self._plane] = replace(self._object(self._plane), threshold=threshold)
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
        action = self._history.last_done
        if action is None:
            self._say("There is nothing to undo.")
            return
        self._turn_to(action)
        with self._telling():
            if isinstance(action, Committed):
                action.target.erase(action.patch)
                self._objects[action.plane] = action.committed
            else:
                self._set_clicks(action.plane, action.before)
            self._history.step_back()
        self._update()

    def redo(self) -> None:
        """Do the action again that was undone last, and show its plane."""
        action = self._history.last_undone
        if action is None:
            self._say("There is nothing to redo.")
            return
        self._turn_to(action)
        with self._telling():
            if isinstance(action, Committed):
                action.target.write(action.patch)
                self._objects[action.plane] = self._new_object()
            else:
                self._set_clicks(action.plane, action.after)
            self._history.step_forward()
        self._update()

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
        if not self._answers(result, result.wanted.plane):
            return
        self._results[result.wanted.plane] = result
        prediction = result.prediction
        where = f" on {prediction.device}" if prediction.device else ""
        text = " ".join((f"{prediction.seconds:.2f} s per click{where}.", *prediction.notes))
        self.said.emit(Message(text, important=prediction.notes != self._notes))
        self._notes = prediction.notes
        if self._commits_when_ready and self._is_fresh():
            self._commits_when_ready = False
            with self._telling():
                self._write()

    # Parts of the above

    def _object(self, plane: PlaneKey) -> CurrentObject:
        if plane not in self._objects:
            self._objects[plane] = self._new_object()
        return self._objects[plane]

    def _new_object(self) -> CurrentObject:
        return CurrentObject(next(self._numbers))

    def _set_clicks(self, plane: PlaneKey, clicks: ClickSequence) -> None:
        self._objects[plane] = replace(self._object(plane), clicks=clicks)

    def _turn_to(self, action: Action) -> None:
        self._commits_when_ready = False
        if action.plane != self._plane:
            self.plane_wanted.emit(action.plane)

    def _write(self) -> None:
        plane, current, prediction = self._plane, self.current, self.prediction
        if plane is None or current is None or prediction is None:
            raise RuntimeError("there is no mask to commit; click on an object first")
        mask = prediction.roi_mask(current.threshold)
        around = Box.around(mask)
        if around is None:
            raise ValueError(
                f"the mask is empty at threshold {current.threshold:.2f}; lower the threshold or "
                "click on the object again"
            )
        roi = prediction.roi
        box = Box(
            roi.row_start + around.row_start,
            roi.row_start + around.row_stop,
            roi.col_start + around.col_start,
            roi.col_start + around.col_stop,
        )
        target = self._around.target()
        label = target.next_label(plane)
        patch = target.write(Patch(plane, box, mask[around.slices], label))
        self._history.record(Committed(plane, current, target, patch))
        self._objects[plane] = self._new_object()
        del self._results[plane]
        self._say(f"Committed as object {label}. Click on the next one.")

    def _is_fresh(self) -> bool:
        result = None if self._plane is None else self._results.get(self._plane)
        return result is not None and self._answers(result, result.wanted.plane)

    def _answers(self, result: MaskReady, plane: PlaneKey) -> bool:
        """Tell whether ``result`` belongs to the clicks that the object of ``plane`` has now."""
        wanted, now = result.wanted, self._objects.get(plane)
        asked = (wanted.number, wanted.clicks, wanted.model)
        return now is not None and asked == (now.number, now.clicks, self._model)

    def _update(self) -> None:
        """Ask the worker for what the displayed plane lacks, and tell the views."""
        with self._telling():
            current = self.current
            if self._plane is not None and current is not None:
                if current.clicks and not self._is_fresh():
                    source = self._around.source_of(self._plane)
                    self._send(MaskWanted(self._model, source, current.number, current.clicks))
                elif isinstance(self._waiting, MaskWanted) and self._waiting.plane == self._plane:
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
