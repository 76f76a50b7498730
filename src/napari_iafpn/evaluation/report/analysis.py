"""Everything that a report says, worked out once for all of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from napari_iafpn.evaluation.protocol import ObjectResult, Protocol
from napari_iafpn.evaluation.report.comparison import Comparison, compare_models
from napari_iafpn.evaluation.report.conditions import Condition, by_condition
from napari_iafpn.evaluation.report.summary import Summary, summarise
from napari_iafpn.evaluation.results import Results


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
