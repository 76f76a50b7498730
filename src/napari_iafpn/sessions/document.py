"""The annotations of a sitting and their one history."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count, islice
from statistics import median
from typing import Protocol

from napari_iafpn.sessions.objects import CurrentObject
from napari_iafpn.sessions.pixels import PixelChange
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.proposals import FoundObject, Proposals
from napari_iafpn.sessions.steps import LabelsChange, ObjectStats, Step

DO, UNDO, REDO = "do", "undo", "redo"
NEWEST = 9
"""How many objects tell the usual size of those to come."""


class LabelsImage(Protocol):
    """Where committed objects are."""

    def apply(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values after; ValueError, and nothing written, where it cannot."""

    def revert(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values before; ValueError, and nothing written, where it cannot."""


class Document:
    """The current object of each plane, the facts of committed ones, and how they came about.

    A step that fails changes nothing.

    Parameters
    ----------
    labels : callable
        Returns the labels image of an id; ValueError where it is gone.
    tell : callable
        Called after each change with ``do``, ``undo`` or ``redo``, the step, and whether it went
        on with the step before.
    tell_found : callable
        Called with what was found, and the numbers of the proposals that it replaces.
    """

    def __init__(
        self,
        labels: Callable[[str], LabelsImage],
        tell: Callable[[str, Step, bool], None] = lambda *_: None,
        tell_found: Callable[[Sequence[FoundObject], Sequence[int]], None] = lambda *_: None,
    ) -> None:
        self._labels = labels
        self._tell = tell
        self._tell_found = tell_found
        self.proposals = Proposals()
        self.facts: dict[tuple[str, int], ObjectStats] = {}
        self._objects: dict[PlaneKey, CurrentObject] = {}
        self._numbers = count(1)
        self._step_number = 0
        self._done: list[Step] = []
        self._undone: list[Step] = []

    # What there is

    def __getitem__(self, plane: PlaneKey) -> CurrentObject:
        """Return the current object of a plane."""
        if plane not in self._objects:
            self._objects[plane] = self.next_object()
        return self._objects[plane]

    @property
    def objects(self) -> dict[PlaneKey, CurrentObject]:
        """The current objects that there is something to lose of."""
        return {key: now for key, now in self._objects.items() if not now.is_untouched}

    @property
    def last_done(self) -> Step | None:
        """What undo takes back."""
        return self._done[-1] if self._done else None

    @property
    def last_undone(self) -> Step | None:
        """What redo does again."""
        return self._undone[-1] if self._undone else None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are done, in their order."""
        return tuple(self._done)

    def usual_side(self, layer: str) -> float:
        """Return the median side of squares as large as the newest objects of an image; 0: none."""
        commits = (step for step in reversed(self._done) if step.plane.layer == layer)
        areas = (area for step in commits if (area := step.written_area))
        return math.sqrt(median([*islice(areas, NEWEST)] or [0]))

    def next_object(self) -> CurrentObject:
        """Make an object without clicks."""
        return CurrentObject(next(self._numbers))

    # What can be done

    def tell_to(
        self,
        tell: Callable[[str, Step, bool], None],
        tell_found: Callable[[Sequence[FoundObject], Sequence[int]], None] = lambda *_: None,
    ) -> None:
        """Tell of changes there from now on."""
        self._tell, self._tell_found = tell, tell_found

    def take_over(self, other: Document) -> None:
        """Go on with the objects and the history of another document."""
        own = {name: vars(self)[name] for name in ("_labels", "_tell", "_tell_found")}
        vars(self).update(vars(other) | own)

    def do(self, step: Step, *, going_on: bool = False) -> None:
        """Do ``step``; what was undone before can no longer be redone.

        Parameters
        ----------
        step : Step
            Gets the next number, unless it has one from a journal.
        going_on : bool
            It is the same movement of the user as the step before if that is of its kind: undone
            together.
        """
        last = self.last_done
        number = step.number or self._step_number + 1
        step = replace(step, number=number, after=0 if last is None else last.number)
        merged = None
        if going_on and last is not None and not self._undone:
            merged = _merged(last, step)
        self._perform(step.labels, back=False)
        self._enter(step)
        if merged is not None:
            self._done.pop()
        self._done.append(merged or step)
        self._undone.clear()
        self._step_number = max(self._step_number, number)
        self._tell(DO, step, merged is not None)

    def discover(self, found: Sequence[FoundObject], replaced: Sequence[int] = ()) -> None:
        """Take what was found on a plane, instead of other proposals; no step of the user's."""
        self.proposals.add(found, replaced)
        self._tell_found(found, replaced)

    def undo(self) -> Step | None:
        """Take the last step back and return it."""
        step = self.last_done
        if step is not None:
            self._perform(step.labels, back=True)
            self._leave(step)
            self._undone.append(self._done.pop())
            self._tell(UNDO, step, False)
        return step

    def redo(self) -> Step | None:
        """Do the step again that was undone last, and return it."""
        step = self.last_undone
        if step is not None:
            self._perform(step.labels, back=False)
            self._enter(step)
            self._done.append(self._undone.pop())
            self._tell(REDO, step, False)
        return step

    def stand_at(self, number: int) -> None:
        """Undo or redo until the step of a number is the last that is done; 0: none.

        Nothing happens where there is no such step.
        """
        if self._done and self._done[-1].number == number:
            return
        if number and number not in {step.number for step in (*self._done, *self._undone)}:
            return
        while any(step.number == number for step in self._undone):
            self.redo()
        while self._done and self._done[-1].number != number:
            self.undo()

    def _perform(self, changes: tuple[LabelsChange, ...], *, back: bool) -> None:
        """Change the labels: all of them, or none where one fails."""
        images = [self._labels(change.labels) for change in changes]
        done: list[tuple[LabelsImage, LabelsChange]] = []
        order = list(zip(images, changes, strict=True))
        try:
            for image, change in reversed(order) if back else order:
                image.revert(change.pixels) if back else image.apply(change.pixels)
                done.append((image, change))
        except ValueError:
            for image, change in reversed(done):
                image.apply(change.pixels) if back else image.revert(change.pixels)
            raise

    def _enter(self, step: Step) -> None:
        for change in step.objects:
            self._objects[change.plane] = change.after
            self._skip_to(change.after.number)
        for fact in step.facts:
            self._note(fact.labels, fact.label, fact.after)
        for verdict in step.verdicts:
            self.proposals.note(verdict.number, verdict.after)

    def _leave(self, step: Step) -> None:
        for change in reversed(step.objects):
            self._objects[change.plane] = change.before
        for fact in reversed(step.facts):
            self._note(fact.labels, fact.label, fact.before)
        for verdict in reversed(step.verdicts):
            self.proposals.note(verdict.number, verdict.before)

    def _note(self, labels: str, label: int, facts: ObjectStats | None) -> None:
        if facts is None:
            self.facts.pop((labels, label), None)
        else:
            self.facts[labels, label] = facts

    def _skip_to(self, number: int) -> None:
        """Never use a number again that a journal has."""
        following = next(self._numbers)
        self._numbers = count(max(following, number + 1))


def _merged(last: Step, step: Step) -> Step | None:
    """Return both as one step, None where they are not of one kind and object."""
    same = (
        last.kind == step.kind
        and len(last.objects) == len(step.objects) == 1
        and last.objects[0].after == step.objects[0].before
        and not any(s.labels or s.facts or s.verdicts for s in (last, step))
    )
    if not same:
        return None
    change = replace(step.objects[0], before=last.objects[0].before)
    return replace(step, objects=(change,), after=last.after)
