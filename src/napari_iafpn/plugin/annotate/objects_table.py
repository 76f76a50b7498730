"""Keeps the table of objects up to date and does what it asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_iafpn.plugin.annotate.objects_view import ObjectRow, ObjectsView
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.messages import Message
from napari_iafpn.sessions import ObjectStats, PlaneKey, StatsChange, Step
from napari_iafpn.sessions.actions import delete_step

if TYPE_CHECKING:
    from napari_iafpn.plugin.annotator import Annotator


class ObjectsPresenter:
    """Between the table and an annotator.

    Parameters
    ----------
    annotator : Annotator
    view : ObjectsView
    """

    def __init__(self, annotator: Annotator, view: ObjectsView) -> None:
        self._annotator = annotator
        self._view = view
        self._shown: tuple[object, ...] = ()
        annotator.controller.changed.connect(self.refresh)
        annotator.choices_changed.connect(self.refresh)
        view.shown.connect(self._go_to)
        view.unchosen.connect(lambda: annotator.kept.outline(None))
        view.edited.connect(self._edit)
        view.deleted.connect(self._delete)
        view.merged.connect(self._merge)
        view.reviewed.connect(self._review)
        view.classified.connect(self._classify)

    def refresh(self) -> None:
        """Show the objects of the labels that are committed to."""
        labels = self._annotator.labels
        document = self._annotator.controller.document
        state = (labels, document, document.last_done, document.last_undone)
        if state == self._shown:
            return
        self._shown = state
        self._view.set_rows(
            () if labels is None else self._rows(self._annotator.book.target_of(labels))
        )

    def _rows(self, target: LabelsLayer) -> list[ObjectRow]:
        categories, document = self._annotator.categories, self._annotator.controller.document
        facts, edited, id_ = document.facts, self._edited(target), target.id
        given = self._annotator.descriptions.given_by(target, document).classes
        rows = []
        for label, area in sorted((target.areas + edited).items()):
            fact = facts.get((id_, label), ObjectStats())
            name = categories.get(fact.category, {}).get("name", given.get(label, ""))
            told = label, name, area, fact.clicks, fact.seconds, fact.reviewed
            rows.append(
                ObjectRow(*told, edited=label in edited, found=fact.found, quality=fact.quality)
            )
        return rows

    def _edited(self, target: LabelsLayer) -> Counter[int]:
        """Return the objects that are lifted out of the labels, and their pixels before."""
        lifted = (now.edited for now in self._annotator.controller.document.objects.values())
        pixels: Counter[int] = Counter()
        for edited in lifted:
            if edited is not None and edited.labels == target.id:
                pixels[edited.label] += int(edited.start.mask.sum())
        return pixels

    def _go_to(self, label: int) -> None:
        if self._annotator.labels is not None:
            self._annotator.kept.go_to(
                self._annotator.book.target_of(self._annotator.labels), label
            )

    def _edit(self, label: int) -> None:
        if self._annotator.labels is not None:
            self._annotator.kept.edit(self._annotator.labels, label)

    def _delete(self, labels: Sequence[int]) -> None:
        def tell(step: Step) -> None:
            count = len(step.labels[0].pixels)
            objects, them = ("object", "it") if count == 1 else ("objects", "them")
            self._say(f"Deleted {count} {objects}. Undo brings {them} back.")

        self._change(lambda plane, target: self._removal(plane, target, labels), tell)

    def _merge(self, labels: Sequence[int]) -> None:
        into, *others = sorted(labels)

        def tell(_step: Step) -> None:
            self._say(f"Merged into object {into}.")
            self._view.choose([into])

        self._change(lambda plane, target: self._removal(plane, target, others, into), tell)

    def _removal(
        self, plane: PlaneKey, target: LabelsLayer, labels: Sequence[int], into: int = 0
    ) -> Step:
        """Return the step that deletes objects, or with ``into`` makes them part of another."""
        if edited := self._edited(target).keys() & {into, *labels}:
            raise ValueError(f"object {min(edited)} is being edited; keep or discard it first")
        regions = {
            label: region for label in labels if (region := target.region_of(label)) is not None
        }
        facts = self._annotator.controller.document.facts
        step = delete_step(plane, target, regions, facts, into=into)
        if not step.labels[0].pixels:
            raise ValueError(f"the labels {target.name!r} have no pixels of that any more")
        return step

    def _review(self, labels: Sequence[int]) -> None:
        def reviewed(facts: Mapping[int, ObjectStats]) -> dict[int, ObjectStats]:
            done = all(fact.reviewed for fact in facts.values())
            return {label: replace(fact, reviewed=not done) for label, fact in facts.items()}

        self._note("review", labels, reviewed)

    def _classify(self, labels: Sequence[int], category: int) -> None:
        self._note(
            "class",
            labels,
            lambda facts: {k: replace(fact, category=category) for k, fact in facts.items()},
        )

    def _note(
        self,
        kind: str,
        labels: Sequence[int],
        changed: Callable[[Mapping[int, ObjectStats]], Mapping[int, ObjectStats]],
    ) -> None:
        known = self._annotator.controller.document.facts

        def step(plane: PlaneKey, target: LabelsLayer) -> Step:
            id_ = target.id
            before = {label: known.get((id_, label)) for label in labels}
            after = changed({label: fact or ObjectStats() for label, fact in before.items()})
            changes = tuple(StatsChange(id_, label, before[label], after[label]) for label in after)
            return Step(kind, plane, facts=changes)

        self._change(step)

    def _change(
        self,
        made: Callable[[PlaneKey, LabelsLayer], Step],
        tell: Callable[[Step], None] = lambda _: None,
    ) -> None:
        """Do a step in its turn, and say what it did."""
        annotator, labels = self._annotator, self._annotator.labels

        def act() -> None:
            if labels is None:
                raise ValueError("there are no labels to change; choose some first")
            step = made(annotator.nearest_plane, annotator.book.target_of(labels))
            annotator.controller.do(step)
            tell(step)

        annotator.controller.in_turn(act)

    def _say(self, text: str) -> None:
        self._annotator.controller.said.emit(Message(text))
