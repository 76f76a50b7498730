"""The objects that a model can learn from: what the user clicked and kept, as it is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.ports import LabelsTarget
from napari_iafpn.sessions import PlaneKey, Step
from napari_iafpn.sessions.pixels import lifted, region_of

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import Sample

LEAST_PIXELS = 24
MOST = 60
"""The newest ones: more cost time and teach little."""


@dataclass(frozen=True)
class KeptObject:
    """A committed object and where it lies.

    Attributes
    ----------
    number : int
        Of the step that committed it.
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
    the last step only. What was undone is not among the steps.
    """
    found: dict[int, Step] = {}
    for step in steps:
        if step.commit is None or step.propagation is not None or not step.labels:
            continue
        before = step.objects[0].before
        same = [n for n, other in found.items() if before.edited and _are_same(other, step)]
        for number in same:
            del found[number]
        if before.asks:
            found[min([*same, step.number])] = step
    return found


def _are_same(first: Step, second: Step) -> bool:
    """Whether a step corrects the object of another one, whose id a whole class may have."""
    one, edited = first.commit, second.objects[0].before.edited
    assert one is not None
    assert edited is not None
    if first.plane != second.plane or (one.labels, one.label) != (edited.labels, edited.label):
        return False  # nearly all of them: no pixels are looked at
    mask = lifted_by(first)
    return mask is not None and mask.box.intersection(edited.start.box) is not None


def lifted_by(step: Step) -> BoxedMask | None:
    """Return what a step wrote."""
    assert step.commit is not None
    change = step.labels[0].pixels[0]
    rows, cols = step.plane.axes
    there = change.after == step.commit.label
    corner = change.start[rows], change.start[cols]
    return BoxedMask.of(there.reshape(there.shape[rows], there.shape[cols]), corner)


def kept_objects(
    steps: Iterable[Step],
    source_of: Callable[[PlaneKey], PlaneSource],
    labels_of: Callable[[str], LabelsTarget],
) -> list[KeptObject]:
    """Return what is there now of the objects of steps; none whose image or labels are gone."""
    found, steps = [], list(steps)
    shared = Counter(_pixels_of(step) for step in steps)
    for step in steps:
        assert step.commit is not None
        try:
            source, labels = source_of(step.plane), labels_of(step.commit.labels)
        except ValueError:
            continue
        region = step.labels[0].pixels[0].region
        now = lifted(labels.data, step.plane, step.commit.label, region)
        mask = now and now[0]
        if mask and shared[_pixels_of(step)] > 1:
            mask = _pieces_of(mask, step)
        if mask and mask.area >= LEAST_PIXELS:
            found.append(KeptObject(step.number, mask, source, labels.data))
    return found[-MOST:]


def _pixels_of(step: Step) -> tuple[Any, ...]:
    """Return what the pixels of a step's object are known by; a class gives it to many."""
    assert step.commit is not None
    return step.plane, step.commit.labels, step.commit.label


def _pieces_of(mask: BoxedMask, step: Step) -> BoxedMask | None:
    """Return the pieces of a mask in which something is that a step wrote."""
    written = lifted_by(step)
    if written is None:
        return None
    pieces, _ = ndimage.label(mask.mask, np.ones((3, 3)))
    own = np.unique(pieces[written.within(mask.box)])
    return BoxedMask.of(np.isin(pieces, own[own > 0]), (mask.box.row_start, mask.box.col_start))


def write_kept(folder: Path, objects: Iterable[KeptObject]) -> None:
    """Write objects where a process learns from them."""
    from napari_iafpn.training.adaptation import write_objects

    write_objects(folder, [each.sample() for each in objects])
