"""Searching and reviewing: what the user's yes, no and next do. Knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.editor import BEING_EDITED
from napari_iafpn.plugin.find.covered import (
    CoveredProposals,
    apart,
    is_same_place,
    lies_on,
)
from napari_iafpn.plugin.find.messages import ProposalFound, SearchOver, SearchReport, SearchWanted
from napari_iafpn.plugin.find.request import FindPorts, wanted_now
from napari_iafpn.plugin.messages import Message, as_sentence
from napari_iafpn.prompts import Click
from napari_iafpn.sessions import FoundObject
from napari_iafpn.sessions.proposals import OPEN, REJECTED, REPLACED
from napari_iafpn.sessions.reviewing import accept_step, close_step, open_step, reject_step

if TYPE_CHECKING:
    from napari_iafpn.plugin.controller import AnnotationController

NOTHING = "Nothing else here looks like your objects."


class Review:
    """The search that runs, and the proposals of the displayed plane.

    The answers are steps of the annotation: undone and redone with everything else.
    """

    changed = Signal()
    said = Signal(Message)
    look_at = Signal(FoundObject)

    def __init__(self, annotation: AnnotationController, ports: FindPorts) -> None:
        self._annotation = annotation
        self._ports = ports
        self._wanted: SearchWanted | None = None
        self._count = 0
        self._at: int | None = None
        self._state: tuple[Any, ...] = ()
        self._queue: list[FoundObject] = []
        self._covered = CoveredProposals()
        annotation.changed.connect(self._on_change)
        annotation.adopted.connect(self._on_adopted)

    # What the views show

    @property
    def is_searching(self) -> bool:
        """Whether a search is under way."""
        return self._wanted is not None

    @property
    def queue(self) -> list[FoundObject]:
        """The proposals of the plane that wait for an answer, the most doubtful first.

        What lies on objects by now is none.
        """
        document, plane = self._annotation.document, self._annotation.plane
        if plane is None:
            return []
        proposals, target = document.proposals, self._ports.labels(plane)
        steps = document.last_done, document.last_undone
        labels = None if target is None else id(target.data)
        state = (plane, labels, *steps, proposals, len(proposals), self._wanted)
        if state != self._state:
            self._state = state
            left = self._covered.left(proposals.of(plane), target, document.steps)
            now = self._annotation.current
            edited = None if now is None or now.edited is None else now.edited.start
            self._queue = [each for each in left if edited is None or not lies_on(each, edited)]
        return self._queue

    @property
    def at(self) -> FoundObject | None:
        """The proposal that is looked at."""
        return next((each for each in self.queue if each.number == self._at), None)

    def above(self, quality: float) -> list[FoundObject]:
        """Return the proposals of at least a quality."""
        return [each for each in self.queue if each.quality >= quality]

    # What the user does

    def find(self, *, everywhere: bool = False) -> None:
        """Look for what is like the objects that are done, in what is visible or the whole plane.

        Proposals that wait there give way to what is found now, and the others once all was
        searched; what was rejected teaches.
        """
        self._annotation.in_turn(lambda: self._find(everywhere=everywhere))

    def stop(self) -> None:
        """Stop searching; what was found stays."""
        if self._wanted is not None:
            self._ports.stop()
            self._finish(f"Stopped. {self._counted}")

    def accept(self) -> None:
        """Write the proposal at hand into the labels; the opened one as it was corrected."""
        self._annotation.in_turn(self._accept)

    def accept_above(self, quality: float) -> None:
        """Write all proposals of at least a quality into the labels, as one step."""
        self._annotation.in_turn(lambda: self._accept_all(quality))

    def reject(self) -> None:
        """Say no to the proposal at hand; the opened one is dropped."""
        self._annotation.in_turn(self._reject)

    def next(self) -> None:
        """Look at the next proposal, the most doubtful first."""
        self._annotation.in_turn(self._next)

    def open_at(self, click: Click, view: Box | None = None) -> bool:
        """Make the proposal under a click the current object; tell whether there is one.

        Not while another object is at work.
        """
        now = self._annotation.current
        if now is None or not now.is_untouched:
            return False
        found = next((each for each in reversed(self.queue) if each.mask.contains(click)), None)
        if found is None:
            return False
        self._at = found.number
        document = self._annotation.document
        self._annotation.do(open_step(now, document.next_object(), found, view))
        self._say("Opened: click to correct it, Enter keeps it.")
        return True

    # What the worker reports

    def receive(self, report: SearchReport) -> None:
        """Take a report of the worker; those of an older search are dropped."""
        wanted = self._wanted
        if report.wanted is not wanted or wanted is None:
            return
        if isinstance(report, SearchOver):
            troubles = " ".join(as_sentence(trouble) for trouble in report.troubles)
            if not troubles:
                self._replace(wanted.replaced)
            self._finish(troubles or self._counted, error=bool(troubles))
            return
        self._take(report, wanted)
        self._say(f"{self._counted} Searching on …")
        self.changed.emit()

    # Parts of the above

    def _take(self, report: ProposalFound, wanted: SearchWanted) -> None:
        proposals, found = self._annotation.document.proposals, report.proposal
        there = [n for n in wanted.replaced if is_same_place(found.boxed, proposals[n].mask)]
        if any(proposals.verdict(n) not in (OPEN, REPLACED) for n in there):
            return  # answered meanwhile
        self._count += 1
        self._replace(
            there,
            FoundObject(
                proposals.next_number(),
                wanted.plane,
                found.boxed,
                _sequence(found.clicks),
                found.quality,
                report.category,
            ),
        )

    def _replace(self, numbers: Sequence[int], *found: FoundObject) -> None:
        """Take what was found instead of the proposals of some numbers that are still open."""
        document = self._annotation.document
        replaced = [n for n in numbers if document.proposals.verdict(n) == OPEN]
        if found or replaced:
            document.discover(found, replaced)

    @property
    def _counted(self) -> str:
        if not self._count:
            return NOTHING
        return f"{self._count} proposal{'s' * (self._count != 1)}."

    def _finish(self, sentence: str, *, error: bool = False) -> None:
        self._wanted = None
        self.said.emit(Message(sentence, error=error))
        self.changed.emit()

    def _find(self, *, everywhere: bool) -> None:
        wanted = wanted_now(self._annotation, self._ports, everywhere=everywhere)
        self._wanted, self._count, self._at = wanted, 0, None
        self._ports.search(wanted)
        self._say("Searching …")
        self.changed.emit()

    @property
    def _answers_opened(self) -> bool:
        """Whether the proposal that was opened is the one at hand, and not a later one."""
        now = self._annotation.current
        return now is not None and now.opened is not None and self.at is None

    def _answer(self, act: Callable[[FoundObject], object]) -> None:
        """Answer the proposal at hand, else the most doubtful one, and look at the next."""
        if not self.queue:
            raise ValueError("there is no proposal to answer; press Find similar first")
        at = self.at or self.queue[0]
        act(at)
        self._go_on(at)

    def _accept(self) -> None:
        if self._answers_opened:
            self._annotation.commit(self._go_on)
        else:
            self._answer(lambda found: self._write([found]))

    def _reject(self) -> None:
        if self._answers_opened:
            self._drop()
        else:
            self._answer(lambda found: self._annotation.do(reject_step(found.plane, [found])))

    def _drop(self) -> None:
        """Reject the proposal that was opened."""
        plane, now = self._annotation.plane, self._annotation.current
        assert plane is not None
        assert now is not None
        fresh = self._annotation.document.next_object()
        self._annotation.do(close_step(plane, now, fresh, REJECTED))
        self._go_on()

    def _accept_all(self, quality: float) -> None:
        # From the surest down, which gets what two of them have.
        chosen = apart(self.above(quality)[::-1])
        if not chosen:
            raise ValueError(f"no proposal has a quality of {quality:.2f} or more; lower it")
        count = self._write(chosen)
        left = len(self.queue)
        rest = f"; {left} more to review" if left else ""
        self._say(f"Accepted {count} of them{rest}. Undo takes them back.")

    def _write(self, found: Sequence[FoundObject]) -> int:
        """Write proposals of one plane into labels, as one step; return how many.

        Pixels of objects that are being edited stay theirs.
        """
        plane, annotation = found[0].plane, self._annotation
        target = self._ports.labels(plane)
        if target is None:
            raise ValueError("there are no labels to write to; keep an object first")
        masks = [annotation.editor.free_of(each.mask, target, plane) for each in found]
        pairs = zip(found, masks, strict=True)
        found = [replace(each, mask=mask) for each, mask in pairs if mask is not None]
        if not found:
            raise ValueError(BEING_EDITED)
        box = found[0].mask.box
        for each in found:
            box = box.union(each.mask.box)
        target.check(plane, 0, box)  # before ids are looked for
        objects = self._numbered(found, annotation.editor.next_label(target, plane))
        for label in (min(objects), max(objects)):
            target.check(plane, label, box)
        annotation.do(accept_step(plane, target, objects, annotation.document.facts))
        return len(found)

    def _numbered(self, found: Sequence[FoundObject], first: int) -> dict[int, list[FoundObject]]:
        """Return proposals by id: that of their class where it counts, else each a new one."""
        wish = self._annotation.commit_as
        classes = [each.category or wish.category if wish.semantic else 0 for each in found]
        fresh = count(max(first, *(number + 1 for number in classes)))
        objects: dict[int, list[FoundObject]] = {}
        for each, number in zip(found, classes, strict=True):
            objects.setdefault(number or next(fresh), []).append(each)
        return objects

    def _next(self) -> None:
        if not self.queue:
            raise ValueError("no proposal is left to look at; press Find similar for more")
        numbers = [each.number for each in self.queue]
        place = numbers.index(self._at) + 1 if self._at in numbers else 0
        self._show(self.queue[place % len(numbers)])

    def _go_on(self, after: FoundObject | None = None) -> None:
        """Look at the most doubtful proposal that is left, at least as sure as the one before."""
        later = [
            e for e in self.queue if after and (e.quality, e.number) > (after.quality, after.number)
        ]
        left = later or self.queue
        if left:
            self._show(left[0])
        else:
            self._at = None
            self._say("All proposals are answered.")
            self.changed.emit()

    def _show(self, found: FoundObject) -> None:
        self._at = found.number
        left = len(self.queue)
        self._say(f"Quality {found.quality:.2f}; {left} proposal{'s' * (left != 1)} to answer.")
        self.look_at.emit(found)
        self.changed.emit()

    def _on_change(self) -> None:
        model = self._annotation.model
        if self._wanted is not None and self._wanted.model != model:
            self.stop()
        self.changed.emit()

    def _on_adopted(self) -> None:
        self._at = None
        self.stop()

    def _say(self, text: str) -> None:
        self.said.emit(Message(text))


def _sequence(clicks: Sequence[Click]) -> Any:
    from napari_iafpn.prompts import Prompts

    return Prompts.of(clicks)
