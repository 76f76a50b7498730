"""The files ``results.json`` and ``objects.csv``."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from napari_iafpn.evaluation.protocol import ObjectResult, Protocol
from napari_iafpn.evaluation.report.comparison import Analysis, Comparison
from napari_iafpn.evaluation.report.summary import COUNTS, Summary, percent
from napari_iafpn.evaluation.statistics import Interval

SECONDS = ("network_seconds", "user_seconds", "other_seconds")
"""Last, since only they differ between two runs."""
COLUMNS = (
    "model",
    "set",
    "view",
    "image",
    "object",
    "click",
    "row",
    "col",
    "sign",
    "iou",
    "boundary_iou",
    *SECONDS,
)


def objects_csv(objects: Iterable[ObjectResult]) -> str:
    """Return the table, one line per click, in the order of ``objects``.

    ``view`` is "whole" or the view scale, ``click`` counts from 1, ``sign`` is + or -. A box or a
    stroke before the clicks has the line of click 2, since it costs two; its place is its middle,
    its sign its kind.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in objects:
        writer.writerows(_lines(result))
    return stream.getvalue()


def _lines(result: ObjectResult) -> Iterator[tuple[object, ...]]:
    view = "whole" if result.view_scale is None else f"{result.view_scale:g}"
    place = (result.model, result.set, view, result.image, result.label)
    shown = [(c.row, c.col, "+" if c.positive else "-") for c in result.clicks]
    if result.first is not None:
        box = result.first.extent
        middle = (box.row_start + box.row_stop - 1) / 2, (box.col_start + box.col_stop - 1) / 2
        shown.insert(0, (*middle, result.first.kind))
    for index, (row, col, sign) in enumerate(shown, len(result.ious) - len(shown)):
        seconds = (getattr(result, part)[index] for part in SECONDS)
        yield (
            *place,
            index + 1,
            repr(row),
            repr(col),
            sign,
            repr(float(result.ious[index])),
            repr(float(result.boundary_ious[index])),
            *(repr(float(value)) for value in seconds),
        )


ABOUT = "about"
SHOWN = ("80", "85", "90")


def results_json(analysis: Analysis) -> str:
    """Return ``{model: {set: numbers}, "about": ...}``.

    A model that is itself called "about" stands under the name that ``about["renamed"]`` gives.
    """
    models = dict.fromkeys(condition.model for condition in analysis.summaries)
    keys = {model: _free_name(model, models) for model in models}
    numbers: dict[str, dict[str, Any]] = {key: {} for key in keys.values()}
    intervals: dict[str, dict[str, Any]] = defaultdict(dict)
    details: dict[str, dict[str, Any]] = defaultdict(dict)
    for condition, summary in analysis.summaries.items():
        model = keys[condition.model]
        numbers[model][condition.key] = set_numbers(summary)
        intervals[model][condition.key] = _intervals(summary)
        details[model][condition.key] = _details(summary)
    about = {
        **analysis.results.provenance,
        "renamed": {name: key for name, key in keys.items() if name != key},
        "mIoU": miou_rule(analysis.protocol),
        "intervals": intervals,
        "details": details,
        "comparisons": [comparison_numbers(comparison) for comparison in analysis.comparisons],
        "problems": [asdict(problem) for problem in analysis.results.problems],
    }
    written = {**numbers, ABOUT: about}
    return json.dumps(written, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def set_numbers(summary: Summary) -> dict[str, float | int | None]:
    """Return the numbers of one set; None for what the runs do not tell."""
    noc = {
        f"NoC@{target}": summary.noc[target].mean if target in summary.noc else None
        for target in SHOWN
    }
    miou = {
        f"mIoU@{count}": summary.iou.mean[count - 1]
        for count in COUNTS
        if count <= summary.max_clicks
    }
    return {
        "n": summary.objects,
        **noc,
        "NoF@90": summary.failures.get("90"),
        **miou,
        "SPC": summary.seconds.total,
    }


def miou_rule(protocol: Protocol) -> str:
    """Say what mIoU@k is a mean of."""
    if protocol.target > 1:
        return "as published: every object gets all clicks"
    return (
        f"an object that reached {percent(protocol.target)} % keeps its last mask; "
        "published values go on clicking"
    )


def _intervals(summary: Summary) -> dict[str, list[float]]:
    counts = [count for count in COUNTS if count <= summary.max_clicks]
    return {
        **{f"NoC@{target}": _bounds(interval) for target, interval in summary.noc.items()},
        **{f"mIoU@{count}": _bounds(summary.iou.after(count)) for count in counts},
        "boundary IoU": _bounds(summary.boundary_iou),
    }


def _details(summary: Summary) -> dict[str, Any]:
    return {
        "images": summary.images,
        **{f"NoC@{target}": interval.mean for target, interval in summary.noc.items()},
        **{f"NoF@{target}": count for target, count in summary.failures.items()},
        **{f"unreached@{target}": count for target, count in summary.unreached.items()},
        "successes": {target: list(counts) for target, counts in summary.successes.items()},
        "boundary IoU": summary.boundary_iou.mean,
        "seconds per click": asdict(summary.seconds),
        "failed": list(summary.failed),
    }


def comparison_numbers(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data."""
    return {
        "first": comparison.first,
        "second": comparison.second,
        "set": comparison.key,
        "measure": f"NoC@{percent(comparison.target)}",
        "n": comparison.objects,
        "left out": comparison.left_out,
        "second minus first": comparison.difference.mean,
        "interval": _bounds(comparison.difference),
        "better": comparison.better,
        "equal": comparison.equal,
        "worse": comparison.worse,
    }


def _bounds(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _free_name(model: str, taken: Collection[str]) -> str:
    if model != ABOUT:
        return model
    name = f"{ABOUT} (model)"
    while name in taken:
        name += "'"
    return name
