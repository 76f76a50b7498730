"""The files of a report; ``report.html``, the one for people, loads nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from napari_iafpn.evaluation.pages import render
from napari_iafpn.evaluation.report.comparison import Analysis, Comparison, analyse
from napari_iafpn.evaluation.report.figures import curves_png, success_png
from napari_iafpn.evaluation.report.numbers import objects_csv, results_json
from napari_iafpn.evaluation.report.summary import (
    COUNTS,
    Condition,
    Summary,
    condition_of,
    headline_target,
    names_of,
    object_id,
    percent,
    summarise,
)
from napari_iafpn.evaluation.report.thumbnails import Pick, Picks, pick_objects
from napari_iafpn.evaluation.report.wording import (
    clicks_sentence,
    comparison_sentence,
    count_of,
    share_phrase,
    tally_sentence,
)
from napari_iafpn.evaluation.results import Results

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import AnnotatedSet


def write_report(results: Results, sets: Sequence[AnnotatedSet], output: Path) -> None:
    """Write ``results.json``, ``objects.csv``, ``curves.png``, ``success.png``, ``report.html``.

    Each file is written whole or not at all, the numbers first. Images of ``sets`` that cannot be
    read any more leave a sentence in place of the picture.

    Raises
    ------
    ValueError
        Where ``results`` hold no object.
    OSError
        Where ``output`` cannot be written.
    """
    from napari_iafpn.networks import write_atomically

    analysis = analyse(results)
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / "results.json", _encoded(results_json(analysis)))
    write_atomically(output / "objects.csv", _encoded(objects_csv(results.objects)))
    curves, success = curves_png(analysis.summaries), success_png(analysis.summaries)
    write_atomically(output / "curves.png", curves)
    write_atomically(output / "success.png", success)
    page = report_html(analysis, curves, success, pick_objects(analysis, sets))
    write_atomically(output / "report.html", _encoded(page))


def _encoded(text: str) -> bytes:
    # Names of files may hold bytes that are no text; JSON reads the escape back.
    return text.encode("utf-8", errors="backslashreplace")


FEW = 4
"""So many conditions get a sentence each and their pictures unfolded."""
PROBLEMS, FAILURES = 200, 60
"""Longest lists on the page; the files hold everything."""
BINS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 50), (51, 100))


def report_html(
    analysis: Analysis, curves: bytes, success: bytes, picks: Mapping[Condition, Picks]
) -> str:
    """Return the page; ``curves`` and ``success`` are PNGs."""
    return render(
        "napari_iafpn.evaluation.report",
        "report.html.jinja",
        filters={
            "clicks": lambda value: f"{value:.2f}",
            "share": lambda value: f"{100 * value:.1f}",
            "seconds": lambda value: f"{value:.3f}",
            "percent": percent,
            "text": plain_text,
            "name": breakable,
        },
        curves=_data_uri(curves, "png"),
        success=_data_uri(success, "png"),
        **_context(analysis, picks),
    )


@dataclass(frozen=True)
class ConditionRow:
    """A condition, its numbers and what is told of them in words."""

    condition: Condition
    summary: Summary
    within: str
    shares: tuple[float, ...]
    """Share of objects that need the clicks of each bin; the last: never."""
    starts: bool
    """The first row of its set."""


@dataclass(frozen=True)
class Gallery:
    """The pictures of a condition."""

    condition: Condition
    groups: tuple[tuple[str, tuple[Mapping[str, Any], ...]], ...]


def _context(analysis: Analysis, picks: Mapping[Condition, Picks]) -> dict[str, Any]:
    results, target = analysis.results, headline_target(analysis.protocol)
    models, keys = names_of(analysis.summaries)
    first = next(iter(analysis.summaries.values()))
    bins = _bins(analysis.protocol.max_clicks)
    return {
        "models": models,
        "keys": keys,
        "sets": len({condition.set for condition in analysis.summaries}),
        "few": len(analysis.summaries) <= FEW,
        "objects": len({(r.set, object_id(r)) for r in results.objects}),
        "target": target,
        "targets": list(first.noc),
        "failure_target": "90" if "90" in first.noc else list(first.noc)[-1],
        "protocol": analysis.protocol,
        "counts": [count for count in COUNTS if count <= first.max_clicks],
        "sentences": list(_sentences(analysis, target)),
        "compared": list(_compared(analysis.comparisons, target)),
        "comparisons": list(_comparison_rows(analysis.comparisons, keys)),
        "bins": [f"{low}" if low == high else f"{low}-{high}" for low, high in bins],
        "rows": list(_rows(analysis, target)),
        "galleries": [_gallery(condition, found) for condition, found in picks.items()],
        "failures": FAILURES,
        "problems": results.problems[:PROBLEMS],
        "problem_count": len(results.problems),
        "problem_sets": _problem_sets(analysis),
        "about": dict(_about(results.provenance)),
        "started": _readable_time(results.provenance.get("started", "")),
    }


def _sentences(analysis: Analysis, target: float) -> Iterator[tuple[str, str]]:
    """Yield what the numbers are of and the sentence: by condition, or over all sets."""
    if len(analysis.summaries) <= FEW:
        for condition, summary in analysis.summaries.items():
            yield _title(condition), clicks_sentence(summary, target)
        return
    pooled = defaultdict(list)
    for result in analysis.results.objects:
        condition = condition_of(result)
        pooled[condition.model, condition.view].append(result)
    for (model, view), objects in pooled.items():
        count = len({result.set for result in objects})
        title = f"{model} on {count_of(count, 'set')}, {view} ({len(objects)} objects)"
        yield title, clicks_sentence(summarise(objects, analysis.protocol), target)


def _compared(comparisons: Iterable[Comparison], target: float) -> Iterator[str]:
    """Yield a sentence for each comparison, or for each pair of models where they are many."""
    headlines = [comparison for comparison in comparisons if comparison.target == target]
    if len(headlines) <= FEW:
        yield from map(comparison_sentence, headlines)
        return
    for second in dict.fromkeys(comparison.second for comparison in headlines):
        yield tally_sentence([c for c in headlines if c.second == second])


def _title(condition: Condition) -> str:
    return f"{condition.model} on {condition.set}, {condition.view}"


def _rows(analysis: Analysis, target: float) -> Iterator[ConditionRow]:
    """Yield the rows of the tables: set by set, the models under each other."""
    models, keys = names_of(analysis.summaries)
    bins = _bins(analysis.protocol.max_clicks)
    before = None
    for condition in sorted(
        analysis.summaries, key=lambda c: (keys.index(c.key), models.index(c.model))
    ):
        summary = analysis.summaries[condition]
        successes = summary.successes[percent(target)]
        counts = [sum(successes[low - 1 : high]) for low, high in bins]
        counts.append(summary.unreached[percent(target)])
        shares = tuple(count / summary.objects for count in counts)
        yield ConditionRow(
            condition, summary, share_phrase(summary, target), shares, condition.set != before
        )
        before = condition.set


def _bins(most: int) -> list[tuple[int, int]]:
    """Return the ranges of clicks, the last one cut at ``most``."""
    bins = [(low, min(high, most)) for low, high in BINS if low <= most]
    return bins if bins[-1][1] == most else [*bins, (bins[-1][1] + 1, most)]


def _comparison_rows(
    comparisons: Iterable[Comparison], keys: list[str]
) -> Iterator[dict[str, Any]]:
    before = None
    for comparison in sorted(comparisons, key=lambda c: keys.index(c.key)):
        difference = comparison.difference
        yield {
            "comparison": comparison,
            "starts": comparison.key != before,
            "sure": comparison.certain,
            "difference": f"{difference.mean:+.2f}",
            "bounds": f"{difference.low:+.2f} to {difference.high:+.2f}",
        }
        before = comparison.key


def _gallery(condition: Condition, picks: Picks) -> Gallery:
    groups = (("Worst objects", picks.worst), ("Best objects", picks.best))
    return Gallery(
        condition,
        tuple((title, tuple(map(_figure, group))) for title, group in groups if group),
    )


def _figure(pick: Pick) -> dict[str, Any]:
    return {
        "name": object_id(pick.result),
        "picture": None if pick.picture is None else _data_uri(pick.picture, "jpeg"),
        "sentence": pick.sentence,
        "clicks": "never" if pick.clicks is None else count_of(pick.clicks, "click"),
        "made": count_of(len(pick.result.ious), "click"),
        "iou": pick.result.ious[-1],
    }


def _problem_sets(analysis: Analysis) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for problem in analysis.results.problems:
        counts[problem.set] += 1
    return dict(counts)


def _about(about: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield groups of plain entries: those of each mapping, then what stands alone."""
    alone = {}
    for name, value in about.items():
        if isinstance(value, Mapping):
            yield name, dict(value)
        else:
            alone[name] = value
    if alone:
        yield "run", alone


def plain_text(value: Any) -> str:
    """Return an option's value as people write it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain_text(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain_text, value))
    return str(value)


def breakable(name: str) -> Markup:
    """Return ``name``, escaped, with places where a line may break."""
    parts = re.findall(r"\s+|[^\s_/@-]{1,20}[_/@-]*|[_/@-]+", name)
    return Markup("<wbr>").join(parts)


def _readable_time(iso: str) -> str:
    return re.sub(r"^(\S+)T(\d\d:\d\d):\S*?\+00:00$", r"\1 \2 UTC", iso)


def _data_uri(payload: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(payload).decode('ascii')}"
