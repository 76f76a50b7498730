"""What happens between objects and labels; knows nothing of the network, napari or Qt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.inference.context import neighbours
from napari_iafpn.masks import BoxedMask, difference
from napari_iafpn.plugin.messages import PropagationWanted
from napari_iafpn.plugin.ports import LabelsTarget, Ports
from napari_iafpn.plugin.propagating import PropagationRange
from napari_iafpn.prompts import Click, Prompts
from napari_iafpn.sessions import (
    KEEP,
    Commit,
    CurrentObject,
    DisplaySettings,
    Document,
    EditedLabel,
    ObjectChange,
    ObjectStats,
    PlaneKey,
    Propagation,
    Step,
)
from napari_iafpn.sessions.actions import (
    commit_step,
    edit_step,
    propagate_step,
    put_back_step,
    split_step,
)
from napari_iafpn.sessions.pixels import lifted, region_of, written
from napari_iafpn.sessions.reviewing import close_step

NO_ROOM = (
    "the image is {} x {} pixels now and the object at work reaches beyond it; discard the "
    "object, or bring the old image back"
)
BEING_EDITED = (
    "every pixel of it belongs to an object that is being edited; keep or discard that one first"
)
RIM = 0.01
"""The share of an object that its neighbours may have without a word."""
SPLIT_HINT = "double-click on an object first, then click on each of its parts"


@dataclass(frozen=True)
class CommitAs:
    """Under which id objects are committed.

    Attributes
    ----------
    label : int
        The chosen id; 0: a new one for each object.
    category : int
        The class of the objects; 0: none.
    semantic : bool
        The id is that of the class.
    policy : {"keep", "overwrite"}
        Whether pixels of other objects stay theirs.
    """

    label: int = 0
    category: int = 0
    semantic: bool = False
    policy: str = KEEP


class Editor:
    """Commits, edits and splits objects of a document.

    Every method does one step and returns a sentence about it; ValueError, and nothing changed,
    where it cannot.

    Parameters
    ----------
    document : Document
    ports : Ports
    """

    def __init__(self, document: Document, ports: Ports) -> None:
        self._document = document
        self._ports = ports
        self._begun: dict[int, float] = {}

    def changed(
        self, plane: PlaneKey, shape: tuple[int, int], kind: str, after: CurrentObject
    ) -> Step:
        """Return the step that makes ``after`` of the object of a plane of ``shape`` (H, W)."""
        before = self._document[plane]
        for prompt in {*after.clicks} - {*before.clicks}:
            prompt.check_inside(shape)
        check_inside(after, shape)
        self._begun.setdefault(after.number, time.monotonic())
        return Step(kind, plane, (ObjectChange(plane, before, after),))

    def neighbours(self, plane: PlaneKey, shape: tuple[int, int], first: Click) -> Prompts:
        """Return clicks on the objects near ``first``, in the labels that were written to last."""
        commits = (s.commit for s in reversed(self._document.steps) if s.plane.layer == plane.layer)
        last = next(filter(None, commits), None)
        if last is None:
            return Prompts()

        def read(box: Box) -> NDArray[Any]:
            target.check(plane, 0, box)
            return np.asarray(target.data[region_of(plane, box)]).reshape(box.shape)

        with suppress(ValueError):  # the labels are gone, or do not fit any more
            target = self._ports.labels_there(last.labels)
            return neighbours(first, self._document.usual_side(plane.layer), shape, read)
        return Prompts()

    def next_label(self, target: LabelsTarget, plane: PlaneKey | None = None) -> int:
        """Return an id that no object of the labels has; those being edited are not in them."""
        lifted = (now.edited for now in self._document.objects.values())
        ids = [edited.label for edited in lifted if edited and edited.labels == target.id]
        return max([target.next_label(plane), *(label + 1 for label in ids)])

    def commit(
        self,
        plane: PlaneKey,
        shape: tuple[int, int],
        mask: BoxedMask | None,
        wish: CommitAs,
        model: str,
        display: DisplaySettings,
        *,
        quality: float | None = None,
    ) -> str:
        """Write the object of a plane of ``shape``, whose pixels are ``mask``, into labels."""
        current = self._document[plane]
        check_inside(current, shape)
        if mask is None:
            raise ValueError(
                f"the mask is empty at threshold {current.threshold:.2f}; lower the threshold or "
                "click on the object again"
            )
        edited, elsewhere = current.edited, ""
        try:
            target, label = self._place_of(edited, plane, mask, wish)
        except ValueError as error:
            if edited is None:
                raise
            # The labels that it came from are gone or others by now; it must not be stuck.
            edited, elsewhere = None, f" in other labels, since {error}"
            target, label = self._place_of(None, plane, mask, wish)
        free = self.free_of(mask, target, plane, wish.policy, current)
        if free is None:
            raise ValueError(BEING_EDITED)
        step = commit_step(
            ObjectChange(plane, current, self._document.next_object()),
            target,
            free,
            Commit(target.id, label, wish.policy, model, display),
            self._document.facts,
            replace(
                self._effort(current),
                category=0 if edited else self._category(current, wish),
                quality=quality and round(quality, 3),
            ),
        )
        self._document.do(step)
        said = f"Kept as object {label}{elsewhere}."
        return " ".join(filter(None, (said, _left_to_others(step, mask, label), target.unseen)))

    def free_of(
        self,
        mask: BoxedMask,
        target: LabelsTarget,
        plane: PlaneKey,
        policy: str = KEEP,
        own: CurrentObject | None = None,
    ) -> BoxedMask | None:
        """Return a mask without the pixels of objects that are being edited, except ``own``.

        Those are lifted from the labels, and stay theirs unless objects are to be overwritten.
        """
        free: BoxedMask | None = mask
        for other, now in self._document.objects.items():
            same = (other.axes, other.index) == (plane.axes, plane.index)
            if policy != KEEP or now is own or now.edited is None or not same:
                continue
            if free is not None and now.edited.labels == target.id:
                free = difference(free, now.edited.start)
        return free

    def _place_of(
        self, edited: EditedLabel | None, plane: PlaneKey, mask: BoxedMask, wish: CommitAs
    ) -> tuple[LabelsTarget, int]:
        """Return the labels and the id under which an object is committed."""
        if edited is not None:
            target, label = self._ports.labels_of(edited.labels), edited.label
        else:
            target = self._ports.target(plane)
            label = wish.category if wish.semantic else wish.label
            target.check(plane, label, mask.box)  # before ids are looked for in what is computed
            label = label or self.next_label(target, plane)
        target.check(plane, label, mask.box)
        return target, label

    def edit(self, plane: PlaneKey, target: LabelsTarget, label: int) -> str:
        """Take a committed object of a plane up again."""
        target.check(plane, label)
        fresh = self._document.next_object()
        region = target.region_on(plane, label)
        self._document.do(edit_step(plane, self._document[plane], fresh, target, label, region))
        return f"Editing object {label}."

    def put_back(self, plane: PlaneKey) -> str:
        """Leave the object that is being edited, or the proposal, as it was."""
        current = self._document[plane]
        if current.opened is not None:
            self._document.do(close_step(plane, current, self._document.next_object()))
            return "The proposal is back for review."
        assert current.edited is not None
        target = self._ports.labels_of(current.edited.labels)
        target.check(plane, current.edited.label, current.edited.start.box)
        self._document.do(put_back_step(plane, current, self._document.next_object(), target))
        return f"Object {current.edited.label} was left as it was."

    def follow(
        self,
        plane: PlaneKey | None,
        where: PropagationRange,
        model: str,
        *,
        semantic: bool = False,
    ) -> PropagationWanted:
        """Return the propagation of the object that was last kept on a plane, or came to it.

        ``semantic``: where objects have the number of their class, only that one of them.
        """
        if plane is None:
            raise ValueError("there is no plane to propagate from; show a plane of an image")
        source = self._ports.source_of(plane)
        shape = source.array.shape
        for step in reversed(self._document.steps):
            kept = step.kept_on(plane)
            if kept is None:
                continue
            labels, label, threshold = kept
            target = self._ports.labels_of(labels)
            joins = semantic and self._is_class(target, label)
            start = _start_of(step if joins else None, target, plane, label)
            if start is not None:
                target.check(plane, label)
                going = replace(where.propagation(plane, shape, threshold), joins=joins)
                wanted = PropagationWanted(model, source, target.id, label, start, going)
                self._check_free(wanted)
                return wanted
        raise ValueError("no object was kept on this plane yet; click on one, then propagate it")

    def _is_class(self, target: LabelsTarget, label: int) -> bool:
        """Tell whether an id is the number of the class of what has it."""
        known = self._document.facts.get((target.id, label))
        return known is not None and known.category == label

    def propagate(
        self,
        wanted: PropagationWanted,
        done: Propagation,
        masks: Mapping[PlaneKey, BoxedMask],
        wish: CommitAs,
    ) -> None:
        """Write the masks that a propagation found, instead of what its object has there."""
        target, source = self._ports.labels_of(wanted.labels), wanted.source
        commit = Commit(target.id, wanted.label, wish.policy, wanted.model, source.display)
        free = {
            plane: self.free_of(mask, target, plane, wish.policy) for plane, mask in masks.items()
        }
        masks = {plane: mask for plane, mask in free.items() if mask is not None}
        regions = {plane: target.region_on(plane, wanted.label) for plane in masks}
        step = propagate_step(source.key, target, masks, commit, done, regions)
        if step.labels[0].pixels:
            self._document.do(step)

    def _check_free(self, wanted: PropagationWanted) -> None:
        """Raise ValueError where the object is at work on a plane that would be written."""
        going = wanted.propagation
        for plane, now in self._document.objects.items():
            edited = now.edited
            same = edited is not None and (edited.labels, edited.label) == (
                wanted.labels,
                wanted.label,
            )
            if same and going.reaches(wanted.plane, plane):
                raise ValueError(
                    f"object {wanted.label} is being edited on plane "
                    f"{plane.index_along(going.axis)}; keep or discard it there first"
                )

    def split(self, plane: PlaneKey) -> str:
        """Divide the object that is being edited, one part for each positive click."""
        current = self._document[plane]
        if current.edited is None:
            raise ValueError(SPLIT_HINT)
        target = self._ports.labels_of(current.edited.labels)
        box = current.edited.start.box
        target.check(plane, current.edited.label, box)
        first, count = self.next_label(target, plane), len(current.clicks.positives)
        target.check(plane, first + max(count - 2, 0), box)
        step = split_step(
            ObjectChange(plane, current, self._document.next_object()),
            target,
            range(first, first + count),
            self._document.facts,
            self._effort(current),
        )
        self._document.do(step)
        return f"Split into {len(step.facts)} objects."

    def _effort(self, current: CurrentObject) -> ObjectStats:
        begun = self._begun.get(current.number, time.monotonic())
        return ObjectStats(
            clicks=max(0, current.clicks.effort - current.answered.effort),
            seconds=round(time.monotonic() - begun, 1),
            found=current.opened is not None,
        )

    def _category(self, current: CurrentObject, wish: CommitAs) -> int:
        """Return the class that is chosen, else that of the exemplars that led to the object."""
        opened = current.opened
        found = 0 if opened is None else self._document.proposals.category(opened.proposal)
        return wish.category or found


def _start_of(
    step: Step | None, target: LabelsTarget, plane: PlaneKey, label: int
) -> BoxedMask | None:
    """Return what a plane has of an id, or only what a step gave to it there."""
    if step is not None:
        return written(target.data, plane, label, step.labels[0].pixels)
    found = lifted(target.data, plane, label, target.region_on(plane, label))
    return None if found is None else found[0]


def _left_to_others(step: Step, mask: BoxedMask, label: int) -> str:
    """Say how much of a mask other objects kept; empty where that is hardly anything."""
    after = step.labels[0].pixels[0].after.reshape(mask.mask.shape)
    lost = np.count_nonzero(mask.mask & (after != label))
    if lost <= RIM * mask.area:
        return ""
    return f"{lost:,} pixels of it belong to other objects and stay theirs."


def check_inside(current: CurrentObject, shape: tuple[int, int]) -> None:
    """Raise ValueError where an object reaches beyond its plane of ``shape`` (H, W).

    So it is after another image took the place of the one that it was made on.
    """
    hand = current.hand
    boxes = [pixels.box for pixels in (current.start, hand.drawn, hand.erased) if pixels]
    boxes += [prompt.extent for prompt in (*current.clicks, *current.neighbours)]
    boxes += [current.view] if current.clicks and current.view else []
    if not all(map(Box.whole(shape).encloses, boxes)):
        raise ValueError(NO_ROOM.format(*shape))
