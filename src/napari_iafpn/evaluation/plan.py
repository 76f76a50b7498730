"""Which objects are evaluated, cut into units of work."""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_iafpn.evaluation.results import Problem

if TYPE_CHECKING:
    from napari_iafpn.evaluation.models import ModelFile
    from napari_iafpn.evaluation.protocol import ObjectResult
    from napari_iafpn.evaluation.readers import AnnotatedSet

UNIT_SIZE = 4
"""Objects per unit: few, so that progress is smooth and the last units end together."""

Key = tuple[str, str, float | None, str, int]
"""Model, set, view scale, image and label: what tells a result from all others."""


def key_of(result: ObjectResult) -> Key:
    """Return the key of a result."""
    return result.model, result.set, result.view_scale, result.image, result.label


@dataclass(frozen=True)
class ChosenImage:
    """An image, by its number in its set, and the objects in it that are evaluated."""

    set: str
    index: int
    name: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The chosen objects of all sets, in the order of the sets.

    Attributes
    ----------
    images : tuple of ChosenImage
        Those with at least one object.
    problems : tuple of Problem
        Images whose objects could not be listed.
    counts : mapping
        Objects that each set holds, by its name.
    """

    images: tuple[ChosenImage, ...]
    problems: tuple[Problem, ...]
    counts: Mapping[str, int]

    def chosen(self, name: str) -> int:
        """Return the number of objects of a set that are evaluated."""
        return sum(len(image.labels) for image in self.images if image.set == name)


@dataclass(frozen=True)
class Unit:
    """A few objects of one image for one model; each label with the view scales it lacks."""

    model: ModelFile
    image: ChosenImage
    tasks: tuple[tuple[int, tuple[float | None, ...]], ...]

    @property
    def size(self) -> int:
        """Number of results."""
        return sum(len(scales) for _, scales in self.tasks)


def stop_if(cancelled: Callable[[], bool]) -> None:
    """Raise Cancelled if ``cancelled`` returns True."""
    if cancelled():
        from napari_iafpn.inference import Cancelled

        raise Cancelled


def make_plan(
    sets: Sequence[AnnotatedSet],
    limit: int | None,
    seed: int,
    cancelled: Callable[[], bool],
) -> Plan:
    """List the objects of every set and choose at most ``limit`` of each with ``seed``.

    What is chosen depends on the seed and the set alone, so every model gets the same objects.

    Raises
    ------
    Cancelled
        When ``cancelled``, which is asked before each image, returns True.
    """
    images: list[ChosenImage] = []
    problems: list[Problem] = []
    counts = {}
    for annotated in sets:
        listed = []
        for index in range(len(annotated)):
            stop_if(cancelled)
            name = annotated.image_name(index)
            try:
                labels = annotated.objects(index)
            except (ValueError, OSError) as error:
                problems.append(Problem(annotated.name, name, None, str(error)))
            else:
                listed.append(ChosenImage(annotated.name, index, name, labels))
        counts[annotated.name] = sum(len(image.labels) for image in listed)
        of_set = zlib.crc32(os.fsencode(annotated.name))
        images += _limited(listed, limit, (seed, of_set))
    return Plan(tuple(images), tuple(problems), counts)


def _limited(
    images: Sequence[ChosenImage], limit: int | None, seed: tuple[int, int]
) -> Iterator[ChosenImage]:
    """Yield the images with their chosen objects; images without any are left out."""
    places = [(place, label) for place, image in enumerate(images) for label in image.labels]
    if limit is not None and limit < len(places):
        picked = np.random.default_rng(seed).choice(len(places), limit, replace=False)
        places = [places[number] for number in np.sort(picked)]
    chosen = defaultdict(list)
    for place, label in places:
        chosen[place].append(label)
    for place, labels in chosen.items():
        yield replace(images[place], labels=tuple(labels))


def result_keys(
    plan: Plan, models: Sequence[ModelFile], scales: Sequence[float | None]
) -> list[Key]:
    """Return the keys of all results in their order: model, set, view, image, label."""
    by_set = defaultdict(list)
    for image in plan.images:
        by_set[image.set].append(image)
    return [
        (model.name, name, scale, image.name, label)
        for model, name, scale in product(models, by_set, scales)
        for image in by_set[name]
        for label in image.labels
    ]


def units_left(
    plan: Plan,
    models: Sequence[ModelFile],
    scales: Sequence[float | None],
    done: Container[Key],
) -> Iterator[Unit]:
    """Yield the work that is left, model by model, so that a process rarely changes its model."""
    for model, image in product(models, plan.images):
        tasks = []
        for label in image.labels:
            keys = [(model.name, image.set, scale, image.name, label) for scale in scales]
            missing = tuple(key[2] for key in keys if key not in done)
            if missing:
                tasks.append((label, missing))
        for start in range(0, len(tasks), UNIT_SIZE):
            yield Unit(model, image, tuple(tasks[start : start + UNIT_SIZE]))
