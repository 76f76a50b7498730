"""Summaries of evaluations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_iafpn.evaluation.metrics import clicks_needed, mean_iou_after
from napari_iafpn.evaluation.protocol import ObjectResult

TARGETS = (0.80, 0.85, 0.90)
COUNTS = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Summary:
    """The numbers of one set.

    Attributes
    ----------
    objects : int
    noc : dict
        Mean number of clicks to reach 80, 85 and 90 % IoU.
    failures : int
        Objects with NoC@90 equal to ``max_clicks``; a success at the very last click counts as a
        failure, as it does in the published numbers.
    unreached : int
        Objects that never reach 90 %.
    miou : dict
        Mean IoU after k clicks, for the k that every run has.
    seconds_per_click : float
        Mean duration of a prediction.
    """

    objects: int
    noc: dict[str, float]
    failures: int
    unreached: int
    miou: dict[str, float]
    seconds_per_click: float


def summarise(results: Sequence[ObjectResult], max_clicks: int = 20) -> Summary:
    """Summarise the results of one set, which must not be empty."""
    if not results:
        raise ValueError("there is no result to summarise; evaluate at least one object")
    runs = [result.ious for result in results]
    needed = {
        f"{target:.0%}".rstrip("%"): [clicks_needed(ious, target, max_clicks) for ious in runs]
        for target in TARGETS
    }
    miou = {str(count): mean_iou_after(runs, count) for count in COUNTS}
    return Summary(
        objects=len(results),
        noc={target: float(np.mean(counts)) for target, counts in needed.items()},
        failures=sum(count == max_clicks for count in needed["90"]),
        unreached=sum(clicks_needed(ious, 0.90, max_clicks + 1) > max_clicks for ious in runs),
        miou={count: value for count, value in miou.items() if value is not None},
        seconds_per_click=float(np.mean([s for result in results for s in result.seconds])),
    )


def write_json(path: Path | str, summaries: dict[str, Summary], **about: Any) -> None:
    """Write the summaries of several sets; ``about`` says what was evaluated and how."""
    sets = {name: asdict(summary) for name, summary in summaries.items()}
    Path(path).write_text(json.dumps({**about, "sets": sets}, indent=2) + "\n")
