"""What is trained on and what is held out; the same for the same folders and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers import AnnotatedSet, Sample, Selection, Truth
from napari_iafpn.training.finetuning.targets import Target, TargetList

FEW_IMAGES = 4
"""With fewer images, objects of each image are held out instead of images."""
MIN_OBJECTS = 4
"""Two to train on, two to measure."""
SELECTION_SHARE = 3
"""Every third held-out object chooses the best state, the others tell the gain."""
ENOUGH = 12
"""With fewer held-out objects, all of them do both."""

Objects = tuple[tuple[int, ...], ...]
"""The usable ids of each image."""


@dataclass(frozen=True)
class Split:
    """The parts of the user's images.

    Attributes
    ----------
    training : AnnotatedSet
    selection, report : TargetList
        Held-out objects: those that choose the best state, and those that tell the gain.
    kind : {"images", "objects"}
        What is held out.
    training_objects, held_out_objects : int
    """

    training: AnnotatedSet
    selection: TargetList
    report: TargetList
    kind: str
    training_objects: int
    held_out_objects: int

    @property
    def shared(self) -> bool:
        """Whether the objects that tell the gain have also chosen the best state."""
        return self.selection == self.report


@dataclass(frozen=True)
class Partial:
    """Images of which some objects are hidden: their pixels are ignored.

    Attributes
    ----------
    base : AnnotatedSet
    shown, hidden : tuple of (tuple of int)
        Ids of each image of ``base``.
    """

    base: AnnotatedSet
    shown: Objects
    hidden: Objects

    @property
    def name(self) -> str:
        """The name of ``base``."""
        return self.base.name

    def __len__(self) -> int:
        return len(self.base)

    def image_name(self, index: int) -> str:
        """Return the image's name in ``base``."""
        return self.base.image_name(index)

    def objects(self, index: int) -> tuple[int, ...]:
        """Return the ids that are shown."""
        return self.shown[index]

    def image_shape(self, index: int) -> tuple[int, int]:
        """Return (H, W) of the image."""
        return self.base.image_shape(index)

    def image_file(self, index: int) -> Path | None:
        """Return the file of the image, None where it is in memory."""
        return self.base.image_file(index)

    def listed(self, index: int) -> tuple[int, ...]:
        """Return the ids that are shown."""
        return self.shown[index]

    def truth(self, index: int) -> Truth:
        """Return the truth without the hidden objects."""
        truth = self.base.truth(index)
        instances, ignore = _hide(truth.instances, truth.ignore, self.hidden[index])
        return replace(truth, instances=instances, ignore=ignore)

    def read(self, index: int) -> Sample:
        """Return the image without the hidden objects."""
        sample = self.base.read(index)
        instances, ignore = _hide(sample.instances, sample.ignore, self.hidden[index])
        return replace(sample, objects=self.shown[index], instances=instances, ignore=ignore)


def split(
    base: AnnotatedSet,
    objects: Objects,
    share: float,
    seed: int,
    twins: Mapping[int, int] = MappingProxyType({}),
) -> Split:
    """Hold out ``share`` of the images, or of the objects where there are few images.

    Parameters
    ----------
    base : AnnotatedSet
        Images that all have a usable object.
    objects : tuple of (tuple of int)
        The usable ids of each.
    share : float
    seed : int
    twins : mapping of int to int
        Images that show the same objects as an earlier one: what is held out of that one is held
        out of them, and measured once.

    Raises
    ------
    ValueError
        Where there are too few objects for a part to train on and one to measure.
    """
    originals = [index for index in range(len(base)) if index not in twins]
    total = sum(len(objects[index]) for index in originals)
    if total < MIN_OBJECTS:
        raise ValueError(
            f"there are {total} usable object(s) in {len(originals)} image(s); annotate at least "
            f"{MIN_OBJECTS}, some to train on and some to measure the clicks"
        )
    rng = np.random.default_rng([seed, 2])
    by = _by_objects if len(originals) < FEW_IMAGES else _by_images
    return by(base, objects, share, rng, twins)


def target_list(base: AnnotatedSet, seed: int) -> TargetList:
    """Return all objects of a set, shuffled so that a beginning has objects of many images."""
    by_image = [
        [Target(index, label) for label in base.objects(index)] for index in range(len(base))
    ]
    return TargetList(base, tuple(_mixed(by_image, np.random.default_rng([seed, 4]))))


def _by_images(
    base: AnnotatedSet,
    objects: Objects,
    share: float,
    rng: np.random.Generator,
    twins: Mapping[int, int],
) -> Split:
    originals = [index for index in range(len(base)) if index not in twins]
    order = rng.permutation(len(originals))
    count = min(max(1, round(share * len(originals))), len(originals) - 1)
    held_out = sorted(originals[place] for place in order[:count])
    kept = [index for index in range(len(base)) if twins.get(index, index) not in set(held_out)]
    training = Selection(base, tuple(kept), tuple(objects[index] for index in kept))
    targets = _mixed(
        [[Target(index, label) for label in objects[index]] for index in held_out], rng
    )
    selection, report = _parts(base, targets)
    trained = sum(len(objects[index]) for index in kept)
    return Split(training, selection, report, "images", trained, len(targets))


def _by_objects(
    base: AnnotatedSet,
    objects: Objects,
    share: float,
    rng: np.random.Generator,
    twins: Mapping[int, int],
) -> Split:
    every = [
        Target(index, label)
        for index, ids in enumerate(objects)
        if index not in twins
        for label in ids
    ]
    order = rng.permutation(len(every))
    count = min(max(2, round(share * len(every))), len(every) - 2)
    held_out = {every[place] for place in order[:count]}
    away = tuple(
        tuple(label for label in ids if Target(twins.get(index, index), label) in held_out)
        for index, ids in enumerate(objects)
    )
    shown = tuple(
        tuple(label for label in ids if label not in hidden)
        for ids, hidden in zip(objects, away, strict=True)
    )
    ordered = [
        [Target(index, label) for label in ids if index not in twins]
        for index, ids in enumerate(away)
    ]
    selection, report = _parts(base, _mixed(ordered, rng))
    training = Partial(base, shown, away)
    return Split(training, selection, report, "objects", sum(map(len, shown)), count)


def _mixed(by_image: Sequence[Sequence[Target]], rng: np.random.Generator) -> list[Target]:
    """Shuffle the objects so that a beginning has objects of as many images as there are."""
    shuffled = [[targets[place] for place in rng.permutation(len(targets))] for targets in by_image]
    rounds = max((len(targets) for targets in shuffled), default=0)
    mixed = []
    for number in range(rounds):
        there = [targets[number] for targets in shuffled if number < len(targets)]
        mixed += [there[place] for place in rng.permutation(len(there))]
    return mixed


def _parts(base: AnnotatedSet, targets: Sequence[Target]) -> tuple[TargetList, TargetList]:
    if len(targets) < ENOUGH:
        both = TargetList(base, tuple(targets))
        return both, both
    chosen = targets[::SELECTION_SHARE]
    others = [target for number, target in enumerate(targets) if number % SELECTION_SHARE]
    return TargetList(base, tuple(chosen)), TargetList(base, tuple(others))


def _hide(
    instances: NDArray[np.integer], ignore: NDArray[np.bool_] | None, hidden: tuple[int, ...]
) -> tuple[NDArray[np.integer], NDArray[np.bool_] | None]:
    if not hidden:
        return instances, ignore
    away: NDArray[np.bool_] = np.isin(instances, hidden)
    shown = np.where(away, np.zeros((), instances.dtype), instances)
    return shown, away if ignore is None else ignore | away
