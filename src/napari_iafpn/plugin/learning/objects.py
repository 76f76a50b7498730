"""The objects that a model can learn from: what the user clicked and kept, as it is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.ports import LabelsTarget
from napari_iafpn.sessions import EditedLabel, PlaneKey, Step
from napari_iafpn.sessions.pixels import lifted, region_of
from napari_iafpn.training.adaptation import LEAST_PIXELS

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import Sample

MOST = 60
"""The newest ones: more cost time and teach little."""


@dataclass(frozen=True)
class KeptObject:
    """A committed object and where it lies.

    Attributes
    ----------
    number : int
        Of the step that committed it at first.
    mask : BoxedMask
    source : PlaneSource
        Of its plane, as that is shown now.
    labels : array-like
        All ids; read in another thread.
    """

    number: int
    mask: BoxedMask
    source: PlaneSource
    labels: Any = field(repr=False)

    def sample(self) -> Sample:
        """Cut it out with its surroundings."""
        from napari_iafpn.training.adaptation import object_sample

        key = self.source.key
        return object_sample(
            f"{self.number:06}",
            self.source.open(),
            self.mask,
            lambda box: np.asarray(self.labels[region_of(key, box)]).reshape(box.shape),
        )


def commits_of(steps: Iterable[Step]) -> dict[int, Step]:
    """Return the steps that committed objects which the user clicked on, the newest last.

    By the number of the step that committed the object at first: of one that was corrected, or
    committed again under its id, there is the last step only, except where a correction was of a
    whole class. What was undone is not among the steps; what was deleted, or merged into another,
    is left out.
    """
    found: dict[tuple[str, int], dict[int, Step]] = defaultdict(dict)  # by the labels and the id
    for step in steps:
        for fact in step.facts:
            if fact.after is None:
                found.pop((fact.labels, fact.label), None)
        commit = step.commit
        if commit is None or step.propagation is not None or not step.labels:
            continue
        before = step.objects[0].before
        origin = before.edited or commit
        others = found[origin.labels, origin.label]
        same = _same_object(step, before.edited, others)
        if len(same) > 1:
            continue  # which of the class was corrected is not known
        for number in same:
            del others[number]
        if before.asks or same:
            found[commit.labels, commit.label][min([*same, step.number])] = step
    commits = [item for objects in found.values() for item in objects.items()]
    return dict(sorted(commits, key=lambda item: item[1].number))


def _same_object(
    step: Step, edited: EditedLabel | None, others: Mapping[int, Step]
) -> Sequence[int]:
    """Return which of the commits under one id, that a class may share, were of a step's object."""
    if edited is None and _is_of_class(step):
        return []  # one more of the class
    here = [number for number, other in others.items() if other.plane == step.plane]
    return [n for n in here if not _is_of_class(others[n]) or _is_part(others[n], edited)]


def _is_part(step: Step, edited: EditedLabel | None) -> bool:
    """Tell whether what a step wrote may be in what was edited."""
    if edited is None:
        return False
    mask = written_by(step)
    return mask is not None and mask.box.intersection(edited.start.box) is not None


def written_by(step: Step) -> BoxedMask | None:
    """Return the pixels that a step gave to its object."""
    assert step.commit is not None
    change, label = step.labels[0].pixels[0], step.commit.label
    rows, cols = step.plane.axes
    there = (change.after == label) & (change.before != label)
    corner = change.start[rows], change.start[cols]
    return BoxedMask.of(there.reshape(there.shape[rows], there.shape[cols]), corner)


def kept_object(
    number: int,
    step: Step,
    source_of: Callable[[PlaneKey], PlaneSource],
    labels_of: Callable[[str], LabelsTarget],
) -> KeptObject | None:
    """Return what is there now of the object of a step, None where that teaches nothing.

    Raises
    ------
    ValueError
        Where its image or its labels are closed.
    """
    commit = step.commit
    assert commit is not None
    source, labels = source_of(step.plane), labels_of(commit.labels)
    now = lifted(labels.data, step.plane, commit.label, labels.region_on(step.plane, commit.label))
    mask = now and now[0]
    if mask and _is_of_class(step):
        mask = _pieces_of(mask, step)
    if not mask or mask.area < LEAST_PIXELS:
        return None
    return KeptObject(number, mask, source, labels.data)


def _is_of_class(step: Step) -> bool:
    """Tell whether the id of a step's object is that of its class, which others have too."""
    commit = step.commit
    assert commit is not None
    stats = (fact.after for fact in step.facts if fact.label == commit.label)
    return any(after is not None and after.category == commit.label for after in stats)


def _pieces_of(mask: BoxedMask, step: Step) -> BoxedMask | None:
    """Return the pieces of a mask in which something is that a step wrote."""
    written = written_by(step)
    if written is None:
        return None
    pieces, _ = ndimage.label(mask.mask, np.ones((3, 3)))
    own = np.unique(pieces[written.within(mask.box)])
    return BoxedMask.of(np.isin(pieces, own[own > 0]), (mask.box.row_start, mask.box.col_start))


@dataclass(frozen=True)
class _Change:
    """Where a step changed pixels of labels, and the ids that lost or got some."""

    labels: str
    region: tuple[slice, ...]
    ids: frozenset[int]

    @classmethod
    def all_of(cls, step: Step) -> Iterator[_Change]:
        """Find what a step changed."""
        for change in step.labels:
            for pixels in change.pixels:
                before, after = pixels.before, pixels.after
                others = before != after
                ids = np.union1d(before[others], after[others])
                yield cls(change.labels, pixels.region, frozenset(ids.tolist()))

    def meets(self, step: Step) -> bool:
        """Tell whether it may be of the object that a step committed."""
        commit, own = step.commit, step.labels[0].pixels[0].region
        assert commit is not None
        if commit.labels != self.labels or commit.label not in self.ids:
            return False
        # What else is of its class on the plane lies elsewhere.
        axes = range(len(own)) if _is_of_class(step) else step.plane.other_axes
        both = [(self.region[axis], own[axis]) for axis in axes]
        return all(a.start <= b.stop and b.start <= a.stop for a, b in both)


class Cuttings:
    """Objects as they were last, for when their images are closed.

    They are of one history, whose steps have numbers of their own.

    Parameters
    ----------
    background : callable
        Takes work and what to do with its result, or its error.
    """

    def __init__(
        self, background: Callable[[Callable[[], object], Callable[[object], None]], None]
    ) -> None:
        self._background = background
        # By the step; what is still being cut, and None where there is nothing.
        self._samples: dict[int, KeptObject | Sample | None] = {}
        self._written: dict[int, Step] = {}

    def keep_up(self, steps: Iterable[Step], commits: Iterable[Step]) -> None:
        """Forget what is no longer among ``commits``, or was changed since the last call.

        Steps that were undone or done since then have changed it.
        """
        before, self._written = self._written, {step.number: step for step in steps if step.labels}
        all_, new = before | self._written, before.keys() ^ self._written.keys()
        changes = [change for number in new for change in _Change.all_of(all_[number])]
        there = {step.number: step for step in commits}
        self._samples = {
            number: each
            for number, each in self._samples.items()
            if number in there and not any(change.meets(there[number]) for change in changes)
        }

    def cut(self, objects: Mapping[int, KeptObject | Sample | None]) -> None:
        """Cut the objects of steps out in the background, as far as their images are open."""
        self._samples |= objects
        there = {number: kept for number, kept in objects.items() if isinstance(kept, KeptObject)}
        if there:
            self._background(
                lambda: {n: kept.sample() for n, kept in there.items()}, partial(self._take, there)
            )

    def knows(self, step: Step) -> bool:
        """Tell whether the object of a step has been cut out, or is being so."""
        return step.number in self._samples

    def of(self, step: Step) -> Sample | None:
        """Return the object that a step committed, None where it is not cut out."""
        found = self._samples.get(step.number)
        return None if isinstance(found, KeptObject) else found

    def _take(self, objects: Mapping[int, KeptObject], samples: object) -> None:
        # Else it is an error: an image that cannot be read teaches nothing.
        cut = samples if isinstance(samples, dict) else {}
        for number, kept in objects.items():
            if self._samples.get(number) is kept:  # it was not changed meanwhile
                self._samples[number] = cut.get(number)
        for old in sorted(n for n, each in self._samples.items() if each is not None)[:-MOST]:
            self._samples[old] = None
