"""The annotation: what a click, undo, commit or result does. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_iafpn.clicks import Click, ClickSequence, Prompt
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.editor import CommitAs, Editor, check_inside
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
    as_sentence,
    sentence_of,
)
from napari_iafpn.plugin.peek import Peek
from napari_iafpn.plugin.predictions import Predictions
from napari_iafpn.plugin.propagating import Along, Journey
from napari_iafpn.plugin.surroundings import LabelsTarget, Surroundings
from napari_iafpn.plugin.turns import Place, Turn, Turns
from napari_iafpn.sessions import (
    CurrentObject,
    Cutout,
    Document,
    ObjectChange,
    PlaneKey,
    Sight,
    Step,
)

if TYPE_CHECKING:
    from napari_iafpn.inference import Prediction

STOPPED = "Stopped; the clicks are kept. Click again or commit to go on."


class AnnotationController:
    """The objects being annotated, one per plane, their history and the newest wish to the worker.

    Every plane keeps its own current object, so leaving a plane loses nothing. A result counts
    only if it belongs to the clicks its object has by then, and to the pixels of its image. What
    the user does while a commit waits for its mask is done after it, on the plane where it was.
    """

    changed = Signal()
    said = Signal(Message)
    plane_wanted = Signal(PlaneKey)

    def __init__(self, surroundings: Surroundings, model: str) -> None:
        self._around = surroundings
        self._model = model
        self._displayed = self._place = Place()
        self._turns = Turns(self._perform, self._is_fresh)
        self.editor = Editor(Document(surroundings.labels_of), surroundings)
        self._predictions = Predictions()
        self._peek = Peek()
        self._waiting: Job | None = None
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
        """The displayed plane, in a turn that of the turn; None where there is no image."""
        return self._place.plane

    @property
    def current(self) -> CurrentObject | None:
        """The object of the plane."""
        return None if self.plane is None else self.document[self.plane]

    @property
    def clicks(self) -> ClickSequence:
        """The clicks of the current object as they will be after what waits."""
        if self.plane is None:
            return ClickSequence()
        return self._turns.clicks_on(self.plane, self.document[self.plane].clicks)

    @property
    def prediction(self) -> Prediction | None:
        """The newest prediction for the current object; older than its clicks while one runs."""
        plane = self.plane
        if plane is None:
            return None
        return self._predictions.latest(plane, self.document[plane], self._pixels(plane))

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
        """Tell whether an object of this image layer is neither committed nor about to be."""
        about_to_be = self._turns.plane
        return any(
            key.layer == layer
            and (key != about_to_be or len(self._turns.clicks_on(key, now.clicks)) > 0)
            for key, now in self.document.objects.items()
        )

    # What the user does

    def show(self, plane: PlaneKey | None, shape: tuple[int, int] = (0, 0)) -> None:
        """Turn to a plane of ``shape`` (H, W) and its object."""
        place = Place(plane, shape)
        if place != self._displayed:
            self._displayed = self._place = place
            self._update()

    def look_again(self) -> None:
        """Predict anew where the pixels of an image are others now."""
        self._update()

    def in_turn(
        self, act: Callable[[], None], prompt: Prompt | None = None, *, finishes: bool = False
    ) -> None:
        """Do something on the displayed plane, after what waits for a mask; tell what fails.

        Parameters
        ----------
        act : callable
        prompt : Prompt, optional
            What it adds to the current object.
        finishes : bool
            Whether another object begins with it.
        """
        self._turns.take(Turn(self._place, act, prompt, finishes))
        if self._turns.has_more:
            self._announce()  # that it is to come

    def adopt(self, document: Document) -> None:
        """Go on with the objects and the history of an earlier sitting."""
        document.labels, document.tell = self._around.labels_of, self.document.tell
        self.editor.document = document
        self._turns.drop()
        self._call_off()
        self._update()

    def use_model(self, model: str, *, preload: bool = True) -> None:
        """Predict with another model from now on; the current object too."""
        self._model = model
        self._call_off()
        self._update()
        if preload and (self._waiting is None or self._waiting.model != model):
            self._send(ModelWanted(model))
            self._announce()

    def add(self, prompt: Prompt, view: Box | None = None) -> None:
        """Add a prompt to the current object; ``view`` counts with its first one."""

        def changed(now: CurrentObject) -> CurrentObject:
            return _prompted(now, prompt, view)

        self.in_turn(lambda: self._change(prompt.kind, changed), prompt)

    def look_ahead(self, click: Click | None, view: Box | None = None) -> None:
        """Predict what a click would give, while there is nothing else to do; None: no click."""
        plane, current = self.plane, self.current
        if plane is None or current is None or click is None:
            if self._peek.drop():
                self._announce()
        elif (
            Box.whole(self._place.shape).contains(click) and not self.busy and self._is_fresh(plane)
        ):
            after = _prompted(current, click, view)
            with self.telling():
                wanted = self._wanted(plane, after)
                if self._peek.ask(wanted, after):
                    self._around.submit(wanted)

    def change_clicks(self, clicks: ClickSequence) -> None:
        """Give the current object other clicks: added, moved, deleted or of another sign."""
        self.in_turn(lambda: self._change("clicks", lambda now: replace(now, clicks=clicks)))

    def clear(self) -> None:
        """Drop the current object; a committed one that is being edited is put back as it was."""
        self.in_turn(self._clear, finishes=True)

    def _clear(self) -> None:
        plane, current = self.plane, self.current
        if plane is None or current is None or current.is_untouched:
            return
        if current.edited is None:
            self._change("clear", CurrentObject.without_clicks)
        else:
            self._do(lambda: self.editor.put_back(plane))

    def put_back_all(self) -> None:
        """Put every object that is being edited back as it was."""
        for plane, current in self.document.objects.items():
            if current.edited is not None:
                self.in_turn(partial(self._do, partial(self.editor.put_back, plane)))

    def set_threshold(self, threshold: float) -> None:
        """Set the probability above which pixels belong to the current object."""
        self.in_turn(
            lambda: self._change(
                "threshold", lambda now: replace(now, threshold=threshold), going_on=True
            )
        )

    def draw(self, pixels: Cutout, *, erase: bool = False) -> None:
        """Give pixels to the current object by hand, or take them away; clicks never undo it."""
        self.draw_and_erase(*((None, pixels) if erase else (pixels, None)))

    def draw_and_erase(self, drawn: Cutout | None, erased: Cutout | None) -> None:
        """Give pixels to the current object by hand and take others away, in one step."""

        def changed(now: CurrentObject) -> CurrentObject:
            return replace(now, hand=now.hand.draw(drawn).erase(erased))

        self.in_turn(lambda: self._change("brush", changed))

    def edit(self, target: LabelsTarget, label: int) -> None:
        """Take a committed object of the displayed plane up again."""
        self.in_turn(lambda: self._on_plane(lambda plane: self.editor.edit(plane, target, label)))

    def commit(self) -> None:
        """Write the current object into the labels and start the next one.

        Waits for the mask where it is still being predicted; the next click belongs to the next
        object all the same.
        """
        write = partial(self._write, self.commit_as)
        self.in_turn(lambda: self._when_ready(write), finishes=True)

    def propagate(self, along: Along) -> None:
        """Take the object at work, else the last one committed here, to other planes.

        That at work is committed first. Whatever else the user does calls a propagation off, and
        nothing is changed; `cancel` keeps the planes that it reached.
        """
        self.in_turn(partial(self._propagate, along, self.commit_as), finishes=True)

    def split(self) -> None:
        """Divide the object that is being edited, one part for each positive click."""
        self.in_turn(lambda: self._on_plane(self.editor.split), finishes=True)

    def do(self, step: Step) -> None:
        """Do a step."""

        def act() -> None:
            self._call_off()
            self.document.do(step)

        self.in_turn(act)

    def undo(self) -> None:
        """Take the last step back, wherever it was, and show its plane.

        A propagation that is under way is the last step.
        """
        self.in_turn(self._undo)

    def _undo(self) -> None:
        if self._journey is not None:
            self._call_off()
        else:
            self._walk("undo", self.document.last_done, self.document.undo)

    def redo(self) -> None:
        """Do the step again that was undone last, and show its plane."""
        self.in_turn(lambda: self._walk("redo", self.document.last_undone, self.document.redo))

    def cancel(self) -> None:
        """Stop predicting; the clicks stay, and so do the planes that a propagation reached.

        A commit that waits for its mask is called off.
        """
        if self._waiting is None:
            return
        self._around.stop()
        self._waiting = None
        if self._journey is not None:
            self._arrive(stopped=True)
        else:
            self._say(self._dropping(STOPPED))
        self._announce()

    # What the worker reports

    def receive(self, report: Report) -> None:
        """Take a report of the worker; results for clicks of the past are dropped."""
        with self.telling():
            self._receive(report)
        self._turns.go_on()
        self._announce()

    def _receive(self, report: Report) -> None:
        if isinstance(report, ModelLoading):
            self._say(f"Loading the model {report.model} …")
        elif isinstance(report, ModelReady):
            self._settle(ModelWanted(report.model))
            self._say(f"The model {report.model} is ready on {report.device}.")
        elif isinstance(report, ModelFailed):
            if self._waiting is not None and self._waiting.model == report.model:
                self._settle(self._waiting)
                self._journey = None
            self._fail(self._dropping(report.sentence), important=True)
        elif isinstance(report, MaskFailed):
            if self._settle(report.wanted):
                self._fail(self._dropping(report.sentence))
        elif isinstance(report, MaskReady):
            self._take(report)
        else:
            self._travel(report)

    def _take(self, result: MaskReady) -> None:
        self._settle(result.wanted)
        if self._peek.take(result):
            return
        plane = result.wanted.plane
        now, pixels = self.document[plane], self._pixels(plane)
        if not self._predictions.take(result, now, self._model, pixels):
            return
        prediction = result.prediction
        where = f" on {prediction.device}" if prediction.device else ""
        text = " ".join((f"{prediction.seconds:.2f} s per click{where}.", *prediction.notes))
        news = bool(prediction.notes) and prediction.notes != self._notes
        self.said.emit(Message(text, important=news))
        self._notes = prediction.notes

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
        return f"{as_sentence(sentence)} Repeat what you did after the commit ({steps})."

    def _pixels(self, plane: PlaneKey) -> int | None:
        """Tell the pixels of a plane from others, None where its image is gone."""
        try:
            return self._around.source_of(plane).pixels
        except ValueError:
            return None

    def _change(
        self,
        kind: str,
        changed: Callable[[CurrentObject], CurrentObject],
        *,
        going_on: bool = False,
    ) -> None:
        """Make another of the current object."""
        plane, before = self.plane, self.current
        after = before and changed(before)
        if plane is None or before is None or after is None or after == before:
            return
        for prompt in {*after.clicks} - {*before.clicks}:
            prompt.check_inside(self._place.shape)
        check_inside(after, self._place.shape)
        self._call_off()
        step = Step(kind, plane, (ObjectChange(plane, before, after),))
        self.document.do(step, going_on=going_on)
        self.editor.begin(after)

    def _walk(self, verb: str, step: Step | None, perform: Callable[[], Step | None]) -> None:
        if step is None:
            self._say(f"There is nothing to {verb}.")
            return
        self._call_off()
        if step.plane != self.plane:
            self.plane_wanted.emit(step.plane)
        perform()

    def _when_ready(self, act: Callable[[], None]) -> None:
        """Do something with the current object's mask, as soon as it is that of its clicks."""
        self._call_off()
        if self.current is None or self.current.is_untouched:
            raise ValueError("there is nothing to commit yet; click on an object first")
        self._turns.when_ready(Turn(self._place, act, finishes=True))

    def _do(self, act: Callable[[], str]) -> None:
        """Do something with labels and tell what came of it."""
        self._call_off()
        self._say(act())

    def _on_plane(self, act: Callable[[PlaneKey], str]) -> None:
        plane = self.plane
        if plane is not None:
            self._do(lambda: act(plane))

    def _write(self, wish: CommitAs) -> None:
        plane, current = self.plane, self.current
        assert plane is not None
        assert current is not None
        check_inside(current, self._place.shape)
        result = self._fresh(plane)
        seen = ("", Sight()) if result is None else (self._model, result.wanted.source.sight)
        self._say(self.editor.commit(plane, self.mask, wish, *seen))

    def _propagate(self, along: Along, wish: CommitAs) -> None:
        def act() -> None:
            self._write(wish)
            self._set_out(along)

        if self.current is not None and not self.current.is_untouched:
            self._when_ready(act)
        else:
            self._call_off()
            self._set_out(along)

    def _set_out(self, along: Along) -> None:
        """Let the worker follow the last object of the displayed plane."""
        if self.plane is None:
            raise ValueError("there is no plane to propagate from; show a plane of an image")
        source = self._around.source_of(self.plane)
        wanted = self.editor.follow(source, along, self._model)
        self._journey = Journey(wanted)
        self._send(wanted)
        self._say(self._journey.progress)

    def _arrive(self, *, stopped: bool = False) -> None:
        """Write what a propagation found, as one step, and tell where it ended and why."""
        journey, self._journey = self._journey, None
        assert journey is not None
        with self.telling():
            self.editor.propagate(journey.wanted, journey.done, journey.masks, self.commit_as)
            summary = journey.summary(stopped=stopped)
            self.said.emit(Message(summary, error=journey.is_in_doubt))

    def _call_off(self) -> None:
        """Drop a propagation on its way; something else happens."""
        if self._journey is not None:
            self._journey = self._waiting = None
            self._around.stop()
            self._say("The propagation was called off; nothing was changed.")

    def _fresh(self, plane: PlaneKey) -> MaskReady | None:
        """Return the prediction for the clicks and pixels of now, None where it is to come."""
        now = self.document[plane]
        return self._predictions.fresh(plane, now, self._model, self._pixels(plane))

    def _is_fresh(self, plane: PlaneKey) -> bool:
        """Tell whether the mask of a plane's object is that of its clicks."""
        return self._fresh(plane) is not None or not self.document[plane].clicks

    def _update(self) -> None:
        """Ask the worker for the mask that is missing, and tell the views."""
        self._peek.drop()
        plane = self._turns.plane or self._displayed.plane
        with self.telling():
            # A propagation goes on while the user looks at other planes.
            if plane is not None and self._journey is None:
                self._ask(plane)
        self._announce()

    def _ask(self, plane: PlaneKey) -> None:
        """Let the worker predict what a plane lacks, and nothing else there."""
        if self._is_fresh(plane):
            if isinstance(self._waiting, MaskWanted) and self._waiting.plane == plane:
                self._around.stop()
                self._waiting = None
            return
        try:
            self._send(self._wanted(plane, self.document[plane]))
        except ValueError as error:
            raise ValueError(self._dropping(str(error))) from error

    def _announce(self) -> None:
        """Tell the views; one that fails is told of and stops nothing."""
        with self.telling():
            self.changed.emit()

    def _wanted(self, plane: PlaneKey, current: CurrentObject) -> MaskWanted:
        source = self._around.source_of(plane)
        check_inside(current, plane.shape_in(source.array.shape))
        asked = source, current.number, current.clicks, current.view, current.start
        return MaskWanted(self._model, *asked)

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
    def telling(self) -> Iterator[None]:
        """Tell the user what cannot be done, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  nothing that fails may stop what comes after it
            kept = "your clicks and objects are kept, try again"
            self._fail(sentence_of(error, "it did not work", kept))

    def _fail(self, sentence: str, *, important: bool = False) -> None:
        # More turns follow, whose sentences come over this one.
        important = important or self._turns.has_more
        self.said.emit(Message(sentence, error=True, important=important))

    def _say(self, text: str) -> None:
        self.said.emit(Message(text))


def _prompted(current: CurrentObject, prompt: Prompt, view: Box | None) -> CurrentObject:
    """Return the object with one prompt more; ``view`` counts with the first of a new object."""
    view = current.view if current.clicks or current.edited else view
    return replace(current, clicks=current.clicks.add(prompt), view=view)
