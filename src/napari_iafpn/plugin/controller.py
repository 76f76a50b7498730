"""What the user does: a click, undo, commit and all else. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from psygnal import Signal

from napari_iafpn.geometry import Box
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.editor import CommitAs
from napari_iafpn.plugin.messages import ModelWanted
from napari_iafpn.plugin.ports import LabelsTarget
from napari_iafpn.plugin.propagating import PropagationRange
from napari_iafpn.plugin.state import AnnotationState
from napari_iafpn.plugin.turns import Turn
from napari_iafpn.prompts import Click, Prompt, Prompts
from napari_iafpn.sessions import (
    KEEP,
    CurrentObject,
    DisplaySettings,
    Document,
    PlaneKey,
    Step,
)

ROOM = 4
"""What the network looks at, at least, in sides of the objects that were committed before."""
STOPPED = "Stopped. Your clicks are still there; click again to go on."


class AnnotationController(AnnotationState):
    """Annotates: prompts, commits, propagations, and the way back from all of them.

    What the user does while a commit waits for its mask is done after it, on the plane where it
    was.
    """

    plane_wanted = Signal(PlaneKey)
    adopted = Signal()

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
        self.document.take_over(document)
        self._turns.drop()
        self._propagator.call_off()
        with self.telling():
            self.adopted.emit()
        self._update()

    def use_model(self, model: str, *, preload: bool = True) -> None:
        """Predict with another model from now on; the current object too."""
        self._predictions.use_model(model)
        self._propagator.call_off()
        self._update()
        job = self._jobs.job
        if preload and (job is None or job.model != model):
            self._jobs.send(ModelWanted(model))
            self._announce()

    def set_commit_as(self, wish: CommitAs) -> None:
        """Choose the id under which objects are committed from now on."""
        self._commit_as = wish
        self._announce()

    def add(self, prompt: Prompt, view: Box | None = None) -> None:
        """Add a prompt to the current object; ``view`` counts with its first one."""

        def changed(now: CurrentObject) -> CurrentObject:
            return self._prompted(now, now.clicks.add(prompt), view)

        self.in_turn(lambda: self._change(prompt.kind, changed), prompt)

    def look_ahead(self, click: Click | None, view: Box | None = None) -> None:
        """Predict what a click would give, while there is nothing else to do; None: no click."""
        plane, current = self.plane, self.current
        if plane is None or current is None or click is None:
            if self._predictions.hover.drop():
                self._announce()
        elif Box.whole(self._place.shape).contains(click):
            with self.telling():
                after = self._prompted(current, current.clicks.add(click), view)
                self._predictions.look_ahead(plane, after)

    def change_clicks(self, clicks: Prompts, view: Box | None = None) -> None:
        """Give the current object other clicks: added, moved, deleted or of another sign."""

        def changed(now: CurrentObject) -> CurrentObject:
            return self._prompted(now, clicks, view)

        self.in_turn(lambda: self._change("clicks", changed))

    def set_threshold(self, threshold: float) -> None:
        """Set the probability above which pixels belong to the current object."""
        self.in_turn(
            lambda: self._change(
                "threshold", lambda now: replace(now, threshold=threshold), going_on=True
            )
        )

    def draw(self, drawn: BoxedMask | None, erased: BoxedMask | None = None) -> None:
        """Give pixels to the current object by hand and take others away, in one step.

        Clicks never undo it.
        """

        def changed(now: CurrentObject) -> CurrentObject:
            return replace(now, hand=now.hand.draw(drawn).erase(erased))

        self.in_turn(lambda: self._change("brush", changed))

    def clear(self) -> None:
        """Drop the current object; an edited one or a proposal is put back as it was."""

        def act() -> None:
            if self.current is None or self.current.start is None:
                self._change("clear", CurrentObject.without_clicks)
            else:
                self._on_plane(self.editor.put_back)

        self.in_turn(act, finishes=True)

    def put_back_all(self) -> None:
        """Put every object that is being edited back as it was."""
        for plane, current in self.document.objects.items():
            if current.edited is not None:
                self.put_back(plane)

    def put_back(self, plane: PlaneKey) -> None:
        """Put the object that is being edited on a plane back as it was, displayed or not."""
        self.in_turn(partial(self._do, partial(self.editor.put_back, plane)))

    def edit(self, target: LabelsTarget, label: int) -> None:
        """Take a committed object of the displayed plane up again."""
        self.in_turn(lambda: self._on_plane(lambda plane: self.editor.edit(plane, target, label)))

    def commit(self, then: Callable[[], None] = lambda: None) -> None:
        """Write the current object into the labels and start the next one; ``then`` go on.

        Waits for the mask where it is still being predicted; the next click belongs to the next
        object all the same.
        """
        wish = self.commit_as

        def act() -> None:
            self._write(wish)
            then()

        self.in_turn(lambda: self._when_ready(act), finishes=True)

    def propagate(self, where: PropagationRange) -> None:
        """Take the object at work, else the last one committed here, to other planes.

        That at work is committed first. Whatever else the user does calls a propagation off, and
        nothing is changed; `cancel` keeps the planes that it reached.
        """
        self.in_turn(partial(self._propagate, where, self.commit_as), finishes=True)

    def split(self) -> None:
        """Divide the object that is being edited, one part for each positive click."""
        self.in_turn(lambda: self._on_plane(self.editor.split), finishes=True)

    def do(self, step: Step) -> None:
        """Do a step."""

        def act() -> None:
            self._propagator.call_off()
            self.document.do(step)

        self.in_turn(act)

    def undo(self) -> None:
        """Take the last step back, wherever it was, and show its plane.

        A propagation that is under way is the last step.
        """

        def act() -> None:
            if self._propagator.is_under_way:
                self._propagator.call_off()
            else:
                self._walk("undo", self.document.last_done, self.document.undo)

        self.in_turn(act)

    def redo(self) -> None:
        """Do the step again that was undone last, and show its plane."""
        self.in_turn(lambda: self._walk("redo", self.document.last_undone, self.document.redo))

    def cancel(self) -> None:
        """Stop predicting; the clicks stay, and so do the planes that a propagation reached.

        A commit that waits for its mask is called off.
        """
        if not self.busy:
            return
        if self._propagator.is_under_way:
            with self.telling():
                self._propagator.stop(self.commit_as)
        else:
            self._jobs.stop()
            self._say(self._dropping(STOPPED))
        self._announce()

    # Parts of the above

    def _prompted(self, now: CurrentObject, clicks: Prompts, view: Box | None) -> CurrentObject:
        """Return an object with other prompts; what is around it counts with the first."""
        if not now.begins:
            return replace(now, clicks=clicks)
        around = self._neighbours(clicks[0]) if clicks else Prompts()
        return replace(now, clicks=clicks, view=self._roomy(view), neighbours=around)

    def _neighbours(self, first: Prompt) -> Prompts:
        """Return clicks on the objects near ``first`` that were done before."""
        wish, plane = self.commit_as, self.plane
        if plane is None or not isinstance(first, Click) or wish.semantic or wish.policy != KEEP:
            return Prompts()
        return self.editor.neighbours(plane, self._place.shape, first)

    def _roomy(self, view: Box | None) -> Box | None:
        """Return a view in which an object as large as those committed before has room."""
        if view is None or self.plane is None:
            return view
        side = round(ROOM * self.document.usual_side(self.plane.layer))
        return view.grown_to(side, side, Box.whole(self._place.shape))

    def _change(
        self,
        kind: str,
        changed: Callable[[CurrentObject], CurrentObject],
        *,
        going_on: bool = False,
    ) -> None:
        """Make another of the current object."""
        plane = self.plane
        if plane is not None and (after := changed(self.document[plane])) != self.document[plane]:
            step = self.editor.changed(plane, self._place.shape, kind, after)
            self._propagator.call_off()
            self.document.do(step, going_on=going_on)

    def _walk(self, verb: str, step: Step | None, perform: Callable[[], Step | None]) -> None:
        if step is None:
            self._say(f"There is nothing to {verb}.")
            return
        self._propagator.call_off()
        if step.plane != self.plane:
            self._check_open(step.plane, verb)
            self.plane_wanted.emit(step.plane)
        perform()
        # What was said of the step holds no longer.
        self._say("Undone." if verb == "undo" else "Done again.")

    def _check_open(self, plane: PlaneKey, verb: str) -> None:
        """Raise ValueError where the image of a step is gone; nobody would see what happens."""
        try:
            self._ports.source_of(plane)
        except ValueError as error:
            raise ValueError(
                f"the next step to {verb} was made on an image that is not open; open it first"
            ) from error

    def _when_ready(self, act: Callable[[], None]) -> None:
        """Do something with the current object's mask, as soon as it is that of its clicks."""
        self._propagator.call_off()
        if self.current is None or self.current.is_untouched:
            raise ValueError("there is nothing to keep yet; click on an object first")
        self._turns.when_ready(Turn(self._place, act, finishes=True))

    def _do(self, act: Callable[[], str]) -> None:
        """Do something with labels and tell what came of it."""
        self._propagator.call_off()
        self._say(act())

    def _on_plane(self, act: Callable[[PlaneKey], str]) -> None:
        plane = self.plane
        if plane is None:
            raise ValueError("no plane of an image is displayed; show one in 2D first")
        self._do(lambda: act(plane))

    def _write(self, wish: CommitAs) -> None:
        plane = self.plane
        assert plane is not None
        result = self._predictions.fresh(plane)
        seen = (
            ("", DisplaySettings())
            if result is None
            else (self.model, result.wanted.source.display)
        )
        shape, mask, quality = self._place.shape, self.mask, self.quality
        self._say(self.editor.commit(plane, shape, mask, wish, *seen, quality=quality))

    def _propagate(self, where: PropagationRange, wish: CommitAs) -> None:
        def act() -> None:
            self._write(wish)
            set_out()

        def set_out() -> None:
            follow = partial(self.editor.follow, semantic=wish.semantic)
            self._propagator.start(follow(self.plane, where, self.model))

        if self.current is not None and not self.current.is_untouched:
            self._when_ready(act)
        else:
            self._propagator.call_off()
            set_out()
