"""The conditions of an evaluation, and the numbers of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_iafpn.evaluation.metrics import (
    SecondsPerClick,
    clicks_needed,
    count_failures,
    first_success,
    keep_last,
    seconds_per_click,
    success_counts,
)
from napari_iafpn.evaluation.protocol import ObjectResult, Protocol
from napari_iafpn.evaluation.statistics import Interval, bootstrap, mean_interval


@dataclass(frozen=True)
class Condition:
    """One model on one set in one view; ``view_scale`` None is the whole image."""

    model: str
    set: str
    view_scale: float | None = None

    @property
    def key(self) -> str:
        """What reports call set and view: ``NAME``, or ``NAME@view8``."""
        return self.set if self.view_scale is None else f"{self.set}@view{self.view_scale:g}"

    @property
    def view(self) -> str:
        """The view in words."""
        if self.view_scale is None:
            return "whole image"
        return f"{self.view_scale:g} x the object"


def condition_of(result: ObjectResult) -> Condition:
    """Return the condition that a result belongs to."""
    return Condition(result.model, result.set, result.view_scale)


def by_condition(
    objects: Iterable[ObjectResult],
) -> dict[Condition, tuple[ObjectResult, ...]]:
    """Group results by condition, both in the order in which they come."""
    groups = defaultdict(list)
    for result in objects:
        groups[condition_of(result)].append(result)
    return {condition: tuple(group) for condition, group in groups.items()}


def names_of(conditions: Iterable[Condition]) -> tuple[list[str], list[str]]:
    """Return the models and the keys of sets and views, each once, in their order."""
    conditions = list(conditions)
    models = dict.fromkeys(condition.model for condition in conditions)
    return list(models), list(dict.fromkeys(condition.key for condition in conditions))


def object_id(result: ObjectResult) -> str:
    """Return what tells the object from the others of its set."""
    return f"{result.image}:{result.label}"


TARGETS = (0.80, 0.85, 0.90, 0.95)
COUNTS = (1, 2, 3, 5, 10, 20)
"""The k of mIoU@k."""
HEADLINE = 0.85
"""The overlap that plain words speak of, unless the user stopped before."""


@dataclass(frozen=True)
class Curve:
    """A mean after click 1, 2, ... and the bounds of its 95 % interval."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def after(self, click: int) -> Interval:
        """Return the value after click 1, 2, ..."""
        return Interval(self.mean[click - 1], self.low[click - 1], self.high[click - 1])


@dataclass(frozen=True)
class Summary:
    """The numbers of one set, model and view; intervals are at 95 %, over images.

    Attributes
    ----------
    objects, images : int
    max_clicks : int
    noc : dict of Interval
        By target, in percent ("85"): mean clicks per object; an object that never gets there
        counts as ``max_clicks``.
    failures : dict of int
        NoF by target, as published: a success at the very last click counts as a failure.
    unreached : dict of int
        By target: objects that never get there.
    successes : dict of tuple of int
        By target: how many objects get there first at click 1, 2, ...
    iou : Curve
        Mean IoU; a finished object keeps its last one.
    boundary_iou : Interval
        After the last click.
    seconds : SecondsPerClick
    failed : tuple of str
        "IMAGE:ID" of the objects that never reach the highest target, the worst first.
    """

    objects: int
    images: int
    max_clicks: int
    noc: dict[str, Interval]
    failures: dict[str, int]
    unreached: dict[str, int]
    successes: dict[str, tuple[int, ...]]
    iou: Curve
    boundary_iou: Interval
    seconds: SecondsPerClick
    failed: tuple[str, ...]

    def clicks_for(self, target: str, share: float) -> int | None:
        """Return after how many clicks ``share`` of the objects have got there, None if never."""
        got_there = np.cumsum(self.successes[target])
        enough = np.flatnonzero(got_there >= share * self.objects - 1e-9)
        return int(enough[0]) + 1 if enough.size else None


def percent(target: float) -> str:
    """Return 0.85 as "85"."""
    return f"{target * 100:.10g}"


def targets_of(protocol: Protocol) -> tuple[float, ...]:
    """Return the targets that the runs tell of: the usual ones and the one they stopped at."""
    usual = protocol.measurable(TARGETS)
    own = (protocol.target,) if protocol.target <= 1 else ()
    return usual + tuple(target for target in own if percent(target) not in map(percent, usual))


def headline_target(protocol: Protocol) -> float:
    """Return the target that plain words speak of."""
    return min(HEADLINE, protocol.target)


def summarise(objects: Sequence[ObjectResult], protocol: Protocol) -> Summary:
    """Summarise the results of one condition, of which there must be at least one."""
    if not objects:
        raise ValueError("there is no result to summarise; evaluate at least one object")
    runs = [result.ious for result in objects]
    images = [result.image for result in objects]
    most = protocol.max_clicks
    targets = {percent(target): target for target in targets_of(protocol)}
    last = targets_of(protocol)[-1]
    return Summary(
        objects=len(objects),
        images=len(set(images)),
        max_clicks=most,
        noc={
            name: mean_interval([clicks_needed(run, target, most) for run in runs], images)
            for name, target in targets.items()
        },
        failures={
            name: count_failures(runs, target, most, as_published=True)
            for name, target in targets.items()
        },
        unreached={
            name: count_failures(runs, target, most, as_published=False)
            for name, target in targets.items()
        },
        successes={
            name: tuple(int(count) for count in success_counts(runs, target, most))
            for name, target in targets.items()
        },
        iou=_iou_curve(runs, images, most),
        boundary_iou=mean_interval([result.boundary_ious[-1] for result in objects], images),
        seconds=seconds_per_click(objects),
        failed=tuple(
            object_id(result)
            for result in sorted(objects, key=lambda result: result.ious[-1])
            if first_success(result.ious, last, most) is None
        ),
    )


def _iou_curve(runs: Sequence[Sequence[float]], images: Sequence[str], most: int) -> Curve:
    kept = np.array([keep_last(run, most) for run in runs])  # (objects, clicks)
    low, high = bootstrap(kept, images)
    return Curve(*(tuple(map(float, values)) for values in (kept.mean(axis=0), low, high)))
