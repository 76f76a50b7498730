"""What of the user's folders can be used, what is trained on, and what is held out.

All of it is the same for the same folders and seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers import (
    AnnotatedSet,
    FileSet,
    FolderSet,
    Sample,
    Selection,
    SessionSet,
    Survey,
    Truth,
    open_pair,
    survey,
)
from napari_iafpn.evaluation.readers.sets import caveats_of
from napari_iafpn.training.finetuning.counting import (
    CountedObject,
    TargetList,
    shuffled_over_images,
)
from napari_iafpn.training.finetuning.request import FinetuneRequest
from napari_iafpn.training.state import disk_sentences

NAME = "your images"
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
class Found:
    """What can be used.

    Attributes
    ----------
    usable : Selection
        Images with at least one usable object.
    left_out : tuple of str
        A sentence for everything else that was noticed.
    twins : mapping of int to int
        Place of an image in ``usable`` -> that of an earlier one with the same objects.
    views : mapping of int to int
        Place of an image -> that of an earlier one of the same pixels, with other objects.
    stacks : mapping of int to int
        Place of an image -> that of an earlier plane of the same stack.
    checksums : tuple of int
        Of the labels and pixels of each image.
    """

    usable: Selection
    left_out: tuple[str, ...]
    twins: Mapping[int, int] = field(default_factory=dict)
    views: Mapping[int, int] = field(default_factory=dict)
    stacks: Mapping[int, int] = field(default_factory=dict)
    checksums: tuple[int, ...] = ()

    @property
    def objects(self) -> tuple[tuple[int, ...], ...]:
        """The usable ids of each image."""
        return tuple(self.usable.objects(index) for index in range(len(self.usable)))

    @property
    def count(self) -> int:
        """Number of usable objects."""
        return sum(map(len, self.objects))

    @property
    def digest(self) -> str:
        """A short hash of the images' names, ids, labels and pixels."""
        names = [self.usable.image_name(index) for index in range(len(self.usable))]
        text = json.dumps([names, self.objects, self.checksums])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def look_through(
    request: FinetuneRequest, asked: Callable[[], None], kept: Path | None = None
) -> Found:
    """Pair the folders and judge every image and its labels; ``asked`` is called after each.

    Label files are copied into ``kept``, or taken from there where they are there already: the user
    may go on with the labels, and a run with those that it began with.

    Raises
    ------
    ValueError
        Where there are no pairs, or none of them can be used.
    """
    base = open_pair(request.images, request.labels, NAME, keep_255=request.keep_255)
    # What breaks off is found before the training; a session's stack is one file for all planes.
    is_folder = isinstance(base, FolderSet)
    if kept is not None and kept.is_dir():
        base = _with_labels_in(base, kept)
    seen = survey(base, decode=is_folder, report=lambda *_: asked())
    usable = seen.usable()
    if kept is not None:
        usable = replace(usable, base=_with_labels_in(base, kept))
    places = {index: place for place, index in enumerate(usable.indices)}
    twins = {places[index]: places[original] for index, original in seen.twins.items()}
    checksums = tuple(seen.inspections[index].checksum for index in usable.indices)
    kin = views_of(base, usable.indices), stacks_of(base, usable.indices)
    return Found(usable, _sentences(seen), twins, *kin, checksums)


def _with_labels_in(base: FileSet, folder: Path) -> FileSet:
    """Copy the label files that are not there yet, and return the set with those that are there."""
    if not isinstance(base, FolderSet):
        return base  # in memory, or read once
    with disk_sentences(folder.parent):
        for name in (name for pair in base.pairs for name in pair.labels):
            here, there = base.labels / name, folder / name
            if there.exists() or not os.access(here, os.R_OK):
                continue
            there.parent.mkdir(parents=True, exist_ok=True)
            begun = there.with_name(f"{there.name}.begun")
            shutil.rmtree(begun, ignore_errors=True)
            (shutil.copytree if here.is_dir() else shutil.copyfile)(here, begun)
            begun.replace(there)
    return replace(base, labels=folder)


def views_of(base: FileSet, indices: Sequence[int]) -> dict[int, int]:
    """Return the place of each plane of a session that an earlier one shows with other labels."""
    first: dict[object, int] = {}
    pictures = [base.picture(index) for index in indices] if isinstance(base, SessionSet) else ()
    firsts = [first.setdefault(picture, place) for place, picture in enumerate(pictures)]
    return {place: original for place, original in enumerate(firsts) if place != original}


def stacks_of(base: FileSet, indices: Sequence[int]) -> dict[int, int]:
    """Return the place of each plane of a stack whose first plane is at an earlier one."""
    first: dict[str, int] = {}
    found = {}
    for place, index in enumerate(indices):
        if (stack := base.stack(index)) is not None and first.setdefault(stack, place) != place:
            found[place] = first[stack]
    return found


def _sentences(seen: Survey) -> tuple[str, ...]:
    found = (finding.sentence for finding in seen.findings)
    sentences = dict.fromkeys((*caveats_of((seen.base,)), *found))
    return tuple(_ended(sentence[:1].upper() + sentence[1:]) for sentence in sentences)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def survey_words(found: Found, training: int, held_out: int, kind: str) -> str:
    """Say what was found and how it is used."""
    images = len(found.usable)
    where = (
        "on images that are not trained on"
        if kind == "images"
        else "in the same images, where the training ignores their pixels"
    )
    return (
        f"{found.count} objects in {images} image{'s' if images > 1 else ''}: {training} are "
        f"trained on, {held_out} are held out to count clicks, {where}."
    )


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
class PartialSelection(Selection):
    """Chosen objects of images, of which others are hidden: their pixels are ignored.

    Attributes
    ----------
    hidden : tuple of (tuple of int)
        Ids of each chosen image.
    """

    hidden: Objects = ()

    def truth(self, index: int) -> Truth:
        """Return the truth without the hidden objects."""
        truth = super().truth(index)
        instances, ignore = _hide(truth.instances, truth.ignore, self.hidden[index])
        return replace(truth, instances=instances, ignore=ignore)

    def read(self, index: int) -> Sample:
        """Return the image without the hidden objects."""
        sample = super().read(index)
        instances, ignore = _hide(sample.instances, sample.ignore, self.hidden[index])
        return replace(sample, instances=instances, ignore=ignore)


def split(
    base: AnnotatedSet,
    objects: Objects,
    share: float,
    seed: int,
    twins: Mapping[int, int] = MappingProxyType({}),
    views: Mapping[int, int] = MappingProxyType({}),
    stacks: Mapping[int, int] = MappingProxyType({}),
) -> Split:
    """Hold out ``share`` of the images, or of the objects where there are few images.

    As many images are held out as bring the share of the objects nearest; where that is far from
    it, as where one image has most of the objects, objects of all images are.

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
    views : mapping of int to int
        Images that show the same pixels as an earlier one with other objects: they are held out, or
        trained on, together.
    stacks : mapping of int to int
        Planes of the stack of an earlier one. Neighbouring planes show the same objects: stacks are
        held out whole, or, of few stacks, the planes at one end.

    Raises
    ------
    ValueError
        Where there are too few objects for a part to train on and one to measure.
    """
    originals = [index for index in range(len(base)) if index not in twins]
    pictures = [index for index in originals if index not in views]
    total = sum(len(objects[index]) for index in originals)
    if total < MIN_OBJECTS:
        raise ValueError(
            f"there are {total} usable object(s) in {len(originals)} image(s); annotate at least "
            f"{MIN_OBJECTS}, some to train on and some to measure the clicks"
        )
    sizes = dict.fromkeys(pictures, 0)  # objects of all layers of labels
    for index in originals:
        sizes[views.get(index, index)] += len(objects[index])
    rng = np.random.default_rng([seed, 2])
    away = _away(sizes, stacks, share, rng) if len(pictures) >= FEW_IMAGES else set()
    if not away:
        return _by_objects(base, objects, share, rng, twins)
    return _by_images(base, objects, away, rng, {**views, **twins}, twins)


def _away(
    sizes: Mapping[int, int], stacks: Mapping[int, int], share: float, rng: np.random.Generator
) -> set[int]:
    """Return the images that are held out, by the objects of each; none where few would fit."""
    members: dict[int, list[int]] = {}
    for picture in sizes:
        members.setdefault(stacks.get(picture, picture), []).append(picture)
    if len(members) < FEW_IMAGES:  # then some are stacks
        away = set[int]()
        for planes in members.values():
            if len(planes) > 1:
                from_the_end = planes[::-1] if rng.random() < 0.5 else planes
                held = np.cumsum([sizes[plane] for plane in from_the_end])
                last = int(np.argmin(np.abs(held[:-1] - share * held[-1])))
                away.update(from_the_end[: last + 1])
        return away
    units = list(members.values())
    away, missed = _near(share, [units[place] for place in rng.permutation(len(units))], sizes)
    return away if missed < 0.5 or len(members) < len(sizes) else set()


def _near(
    share: float, units: Sequence[Sequence[int]], sizes: Mapping[int, int]
) -> tuple[set[int], float]:
    """Return the images of those of the ``units`` whose objects come nearest to a share of all.

    They are taken in order, and left where they would lead further away. Also returned is how much
    of the share is missed, or is too much.
    """
    goal, held, away = share * sum(sizes[each] for unit in units for each in unit), 0, set[int]()
    for unit in units:
        more = sum(sizes[each] for each in unit)
        if abs(held + more - goal) < abs(held - goal):
            held, away = held + more, away | set(unit)
    return away, abs(held - goal) / goal


def _by_images(
    base: AnnotatedSet,
    objects: Objects,
    away: set[int],
    rng: np.random.Generator,
    same: Mapping[int, int],
    twins: Mapping[int, int],
) -> Split:
    held_out, kept = [], []
    for index in range(len(base)):
        picture = same.get(index, index)
        if same.get(picture, picture) not in away:
            kept.append(index)
        elif index not in twins:
            held_out.append(index)
    training = Selection(base, tuple(kept), tuple(objects[index] for index in kept))
    targets = shuffled_over_images(
        [[CountedObject(index, label) for label in objects[index]] for index in held_out], rng
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
        CountedObject(index, label)
        for index, ids in enumerate(objects)
        if index not in twins
        for label in ids
    ]
    order = rng.permutation(len(every))
    count = min(max(2, round(share * len(every))), len(every) - 2)
    held_out = {every[place] for place in order[:count]}
    away = tuple(
        tuple(label for label in ids if CountedObject(twins.get(index, index), label) in held_out)
        for index, ids in enumerate(objects)
    )
    shown = tuple(
        tuple(label for label in ids if label not in hidden)
        for ids, hidden in zip(objects, away, strict=True)
    )
    ordered = [
        [CountedObject(index, label) for label in ids if index not in twins]
        for index, ids in enumerate(away)
    ]
    selection, report = _parts(base, shuffled_over_images(ordered, rng))
    training = PartialSelection(base, tuple(range(len(base))), shown, away)
    return Split(training, selection, report, "objects", sum(map(len, shown)), count)


def _parts(base: AnnotatedSet, targets: Sequence[CountedObject]) -> tuple[TargetList, TargetList]:
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
