"""Numbers in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from napari_iafpn.evaluation.report.comparison import Comparison
from napari_iafpn.evaluation.report.summary import Summary, percent
from napari_iafpn.evaluation.statistics import Interval


def clicks_sentence(summary: Summary, target: float) -> str:
    """Say how many clicks the objects of a condition need to reach ``target``."""
    interval = summary.noc[percent(target)]
    return (
        f"On average {count_of(interval.mean, 'click')} per object to reach {percent(target)} % "
        f"overlap; {share_phrase(summary, target)}."
    )


def share_phrase(summary: Summary, target: float) -> str:
    """Say within how many clicks nine of ten objects get there, or how many ever do."""
    name = percent(target)
    within = summary.clicks_for(name, 0.9)
    if within is not None:
        return f"9 in 10 objects within {within}"
    reached = summary.objects - summary.unreached[name]
    return (
        f"{reached} of {summary.objects} {plural(summary.objects, 'object')} got there within "
        f"{count_of(summary.max_clicks, 'click')}"
    )


def comparison_sentence(comparison: Comparison) -> str:
    """Say which of two models needs fewer clicks, and how sure that is."""
    difference = comparison.difference
    verdict = "" if comparison.certain else ", so these objects do not tell the two apart"
    return (
        f"{comparison.second} needs {_change(difference)} per object to "
        f"{percent(comparison.target)} % than {comparison.first}, {_bounds_phrase(difference)}; "
        f"better on {comparison.better}, equal on {comparison.equal}, worse on {comparison.worse} "
        f"of {comparison.objects}{verdict}."
    )


def tally_sentence(comparisons: Sequence[Comparison]) -> str:
    """Say on how many sets and views the second model is better, for one pair of models."""
    better = sum(comparison.difference.high < 0 for comparison in comparisons)
    worse = sum(comparison.difference.low > 0 for comparison in comparisons)
    first = comparisons[0]
    return (
        f"{first.second} needs fewer clicks per object to {percent(first.target)} % than "
        f"{first.first} on {better} of {len(comparisons)} sets and views, more on {worse}; "
        f"{len(comparisons) - better - worse} do not tell the two apart."
    )


def count_of(value: float, noun: str) -> str:
    """Return a number to one digit after the point, without ".0" where it is whole, and noun."""
    shown = f"{value:.1f}" if value != int(value) else f"{int(value)}"
    return f"{shown} {plural(float(shown), noun)}"


def plural(value: float, noun: str) -> str:
    """Return the form of ``noun`` that goes with ``value``."""
    return noun if value == 1 else f"{noun}s"


def _change(difference: Interval) -> str:
    size = f"{abs(difference.mean):.1f}"
    if size == "0.0":
        return "no more and no fewer clicks"
    return f"{size} clicks {'fewer' if difference.mean < 0 else 'more'}"


def _bounds_phrase(difference: Interval) -> str:
    """Name the interval in the direction of the difference, or both directions."""
    low, high = difference.low, difference.high
    if low < 0 < high:
        return f"{interval_phrase(difference)} {-low:.1f} fewer to {high:.1f} more"
    near, far = sorted((abs(low), abs(high)))
    return f"{interval_phrase(difference)} {near:.1f} to {far:.1f}"


def interval_phrase(interval: Interval) -> str:
    """Say what an interval is one of."""
    return "95 % interval" + " over the objects of this image" * interval.of_one_image
