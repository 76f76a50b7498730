"""The objects that a model can learn from: what the user clicked and kept, as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.ports import LabelsTarget
from napari_iafpn.sessions import PlaneKey, Step
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

    By the number of the step that committed the object at first: of one that was corrected there is
    the last step only, except where a correction was of a whole class. What was undone is not among
    the steps.
    """
    found: dict[int, Step] = {}
    for step in steps:
        if step.commit is None or step.propagation is not None or not step.labels:
            continue
        before = step.objects[0].before
        same = [n for n, other in found.items() if before.edited and _are_same(other, step)]
        if len(same) > 1:
            continue  # which of the class was corrected is not known
        for number in same:
            del found[number]
        if before.asks or same:
            found[min([*same, step.number])] = step
    return found


def _are_same(first: Step, second: Step) -> bool:
    """Whether a step corrects the object of another one, whose id a whole class may have."""
    one, edited = first.commit, second.objects[0].before.edited
    assert one is not None
    assert edited is not None
    if first.plane != second.plane or (one.labels, one.label) != (edited.labels, edited.label):
        return False  # nearly all of them: no pixels are looked at
    mask = written_by(first)
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


class Cuttings:
    """Objects as they were committed, for when their images are closed.

    Parameters
    ----------
    background : callable
        Takes work and what to do with its result, or its error.
    """

    def __init__(
        self, background: Callable[[Callable[[], object], Callable[[object], None]], None]
    ) -> None:
        self._background = background
        self._samples: dict[int, Sample | None] = {}  # by the step; None: there is none yet

    def cut(self, objects: Mapping[int, KeptObject | Sample | None]) -> None:
        """Cut the objects of steps out in the background, as far as their images are open."""
        self._samples |= dict.fromkeys(objects, None)
        there = {number: kept for number, kept in objects.items() if isinstance(kept, KeptObject)}
        if there:
            self._background(lambda: {n: kept.sample() for n, kept in there.items()}, self._take)

    def knows(self, step: Step) -> bool:
        """Tell whether the object of a step has been cut out, or is being so."""
        return step.number in self._samples

    def of(self, step: Step) -> Sample | None:
        """Return the object that a step committed."""
        return self._samples.get(step.number)

    def _take(self, samples: object) -> None:
        if isinstance(samples, dict):  # else an error: an image that cannot be read teaches nothing
            self._samples |= samples
        for old in [n for n, each in self._samples.items() if each is not None][:-MOST]:
            self._samples[old] = None
