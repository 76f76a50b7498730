"""The objects on which clicks are counted, and the counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_iafpn.evaluation.metrics import clicks_needed
from napari_iafpn.evaluation.protocol import Protocol, evaluate_object
from napari_iafpn.evaluation.readers import AnnotatedSet, Sample
from napari_iafpn.evaluation.statistics import compare_paired
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.networks.tables import Real
from napari_iafpn.training.finetuning.events import ClickComparison, Clicks

FULL = Protocol(target=0.90, max_clicks=20)
"""Before and after: what the user of the plugin does."""
QUICK = Protocol(target=0.85, max_clicks=15)
"""During: the user stops at the mark that decides which state is the best."""
LARGE = 1024
"""Planes with a longer side are looked at in part, as a user zooms in."""
LARGE_VIEW = 8.0
"""Side of that part over the object's longer side."""
FEW_IMAGES = 5
"""With fewer images the interval draws objects, not images."""

Overlaps = dict[str, tuple[Real, ...]]
"""IoU after each click, by the object's name, in the order of the measurement."""


@dataclass(frozen=True)
class CountedObject:
    """An object of an image."""

    index: int
    label: int


@dataclass(frozen=True)
class TargetList:
    """Objects in the order in which they are measured: any beginning is a fair sample."""

    base: AnnotatedSet
    targets: tuple[CountedObject, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def first(self, count: int) -> TargetList:
        """Return the first ``count``."""
        return TargetList(self.base, self.targets[:count])

    def names(self) -> list[str]:
        """Return the objects' names."""
        return [f"{self.base.image_name(t.index)}:{t.label}" for t in self.targets]

    def samples(self) -> Iterator[tuple[Sample, int]]:
        """Read the images of the objects one after the other."""
        sample, last = None, -1
        for target in self.targets:
            if sample is None or target.index != last:
                sample, last = self.base.read(target.index), target.index
            yield sample, target.label


def target_list(base: AnnotatedSet, seed: int) -> TargetList:
    """Return all objects of a set, shuffled so that a beginning has objects of many images."""
    by_image = [
        [CountedObject(index, label) for label in base.objects(index)] for index in range(len(base))
    ]
    return TargetList(base, tuple(shuffled_over_images(by_image, np.random.default_rng([seed, 4]))))


def shuffled_over_images(
    by_image: Sequence[Sequence[CountedObject]], rng: np.random.Generator
) -> list[CountedObject]:
    """Shuffle the objects so that a beginning has objects of as many images as there are."""
    shuffled = [[targets[place] for place in rng.permutation(len(targets))] for targets in by_image]
    rounds = max((len(targets) for targets in shuffled), default=0)
    mixed = []
    for number in range(rounds):
        there = [targets[number] for targets in shuffled if number < len(targets)]
        mixed += [there[place] for place in rng.permutation(len(there))]
    return mixed


def measure(
    predictor: Predictor,
    targets: TargetList,
    protocol: Protocol,
    go_on: Callable[[int], bool],
) -> Overlaps:
    """Count the clicks on ``targets``.

    ``go_on`` is asked before each object, with the number that is done; False ends it.
    """
    runs: Overlaps = {}
    for sample, label in targets.samples():
        if not go_on(len(runs)):
            break
        result = evaluate_object(
            predictor,
            Plane(sample.image),
            sample,
            label,
            protocol=protocol,
            view_scale=LARGE_VIEW if max(sample.shape) > LARGE else None,
        )
        runs[sample.object_name(label)] = tuple(float(value) for value in result.ious)
    return runs


def clicks_of(runs: Mapping[str, Sequence[float]], protocol: Protocol) -> Clicks:
    """Return the mean numbers of clicks of ``runs``, of which there is at least one."""

    def mean(target: float) -> float:
        counts = [clicks_needed(ious, target, protocol.max_clicks) for ious in runs.values()]
        return float(np.mean(counts))

    return Clicks(
        objects=len(runs),
        noc80=mean(0.80),
        noc85=mean(0.85),
        noc90=mean(0.90) if protocol.measurable((0.90,)) else None,
        miou1=float(np.mean([ious[0] for ious in runs.values()])),
        max_clicks=protocol.max_clicks,
    )


def compare_clicks(before: Overlaps, after: Overlaps, protocol: Protocol = FULL) -> ClickComparison:
    """Compare two measurements on the objects that both have."""
    names = [name for name in before if name in after]
    one, two = ({name: runs[name] for name in names} for runs in (before, after))
    images = [name.rsplit(":", 1)[0] for name in names]
    paired = compare_paired(
        [clicks_needed(one[name], 0.85, protocol.max_clicks) for name in names],
        [clicks_needed(two[name], 0.85, protocol.max_clicks) for name in names],
        images if len(set(images)) >= FEW_IMAGES else names,
    )
    difference = paired.difference
    return ClickComparison(
        clicks_of(one, protocol),
        clicks_of(two, protocol),
        change=difference.mean,
        low=difference.low,
        high=difference.high,
    )
