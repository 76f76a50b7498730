"""Two models on the same objects, and all that a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from napari_iafpn.evaluation.metrics import clicks_needed
from napari_iafpn.evaluation.protocol import ObjectResult, Protocol
from napari_iafpn.evaluation.report.summary import (
    Condition,
    Summary,
    by_condition,
    headline_target,
    summarise,
    targets_of,
)
from napari_iafpn.evaluation.results import Results
from napari_iafpn.evaluation.statistics import Interval, compare_paired


@dataclass(frozen=True)
class Analysis:
    """Results with their summaries.

    Attributes
    ----------
    results : Results
    protocol : Protocol
    groups : mapping of Condition to tuple of ObjectResult
    summaries : mapping of Condition to Summary
    comparisons : tuple of Comparison
        Every later model with the first one.
    """

    results: Results
    protocol: Protocol
    groups: Mapping[Condition, tuple[ObjectResult, ...]]
    summaries: Mapping[Condition, Summary]
    comparisons: tuple[Comparison, ...]


def analyse(results: Results) -> Analysis:
    """Summarise and compare what ``results`` hold; ValueError without any object."""
    if not results.objects:
        raise ValueError("there is no result to report; evaluate at least one object")
    options = results.provenance["options"]
    known = [field.name for field in fields(Protocol) if field.name in options]
    protocol = Protocol(**{name: options[name] for name in known})
    groups = by_condition(results.objects)
    return Analysis(
        results,
        protocol,
        groups,
        {condition: summarise(group, protocol) for condition, group in groups.items()},
        tuple(compare_models(groups, protocol)),
    )


@dataclass(frozen=True)
class Comparison:
    """Clicks per object of a second model beside those of a first.

    Attributes
    ----------
    first, second : str
        Names of the models.
    key : str
        Set and view.
    target : float
        The IoU to reach.
    objects : int
        Objects that both have annotated; only these count.
    left_out : int
        Objects that only one of them has.
    difference : Interval
        Clicks of the second minus clicks of the first, per object, with its 95 % interval.
    better, equal, worse : int
        Objects on which the second needs fewer, as many or more clicks.
    """

    first: str
    second: str
    key: str
    target: float
    objects: int
    left_out: int
    difference: Interval
    better: int
    equal: int
    worse: int

    @property
    def certain(self) -> bool:
        """Whether the interval excludes that both need as many clicks."""
        return self.difference.low > 0 or self.difference.high < 0


def compare(
    first: Sequence[ObjectResult],
    second: Sequence[ObjectResult],
    protocol: Protocol,
    target: float | None = None,
) -> Comparison:
    """Compare the results of two models on the objects of one set and view that both have.

    ``target`` is an IoU up to the one at which the user stopped; default: the one that the
    report's plain words speak of.
    """
    target = _checked(target, protocol)
    one, two = _by_object(first), _by_object(second)
    common = [place for place in one if place in two]
    if not common:
        raise ValueError("the models have no object in common; evaluate them on the same objects")
    before, after = (
        [clicks_needed(side[place].ious, target, protocol.max_clicks) for place in common]
        for side in (one, two)
    )
    paired = compare_paired(before, after, [image for image, _ in common])
    a, b = one[common[0]], two[common[0]]
    return Comparison(
        first=a.model,
        second=b.model,
        key=Condition(b.model, b.set, b.view_scale).key,
        target=target,
        objects=len(common),
        left_out=len(one.keys() ^ two.keys()),
        difference=paired.difference,
        better=round(paired.better * len(common)),
        equal=round(paired.equal * len(common)),
        worse=round(paired.worse * len(common)),
    )


def compare_models(
    groups: Mapping[Condition, Sequence[ObjectResult]], protocol: Protocol
) -> list[Comparison]:
    """Compare every later model with the first one, set by set and target by target."""
    first = next(iter(groups)).model
    comparisons = []
    for condition, objects in groups.items():
        base = groups.get(Condition(first, condition.set, condition.view_scale), ())
        shared = {(r.image, r.label) for r in base} & {(r.image, r.label) for r in objects}
        if condition.model != first and shared:
            comparisons += [
                compare(base, objects, protocol, target) for target in targets_of(protocol)
            ]
    return comparisons


def _by_object(results: Sequence[ObjectResult]) -> dict[tuple[str, int], ObjectResult]:
    places = {(result.set, result.view_scale, result.model) for result in results}
    if len(places) > 1:
        raise ValueError("results of several sets, views or models; compare one with one")
    return {(result.image, result.label): result for result in results}


def _checked(target: float | None, protocol: Protocol) -> float:
    if target is None:
        return headline_target(protocol)
    if not protocol.measurable([target]):
        raise ValueError(
            f"target is {target}, but the user stopped at {protocol.target}; give one up to that"
        )
    return target
