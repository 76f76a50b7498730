"""The command ``evaluate``: sets and models in, a folder with a report out."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iafpn.cli.console import plain_console, printable
from napari_iafpn.cli.progress import progress_on
from napari_iafpn.cli.scores import print_scores

if TYPE_CHECKING:
    from napari_iafpn.evaluation import Evaluation, Protocol

WHOLE = "whole"
INTERRUPTED = 130
"""The exit code of a command that Ctrl+C ended, as shells have it."""


@dataclass(frozen=True)
class EvaluateRequest:
    """The arguments of the command; None where the preset decides."""

    sets: tuple[str, ...]
    objects: Path | None
    models: tuple[str, ...]
    preset: str
    view_scales: tuple[str, ...]
    max_clicks: int
    target: float
    threshold: float | None
    flip: bool | None
    user: str
    jitter: float
    jobs: int
    threads: int
    limit: int | None
    seed: int
    keep_255: bool
    strict: bool
    device: str
    scheduler: str | None
    output: Path
    first: str = "click"


def evaluate_sets(request: EvaluateRequest) -> int:
    """Evaluate, or go on where an interrupted run stopped; return the exit code."""
    from napari_iafpn.evaluation.report import write_report
    from napari_iafpn.evaluation.run import evaluate

    evaluation = make_evaluation(request)
    try:
        with progress_on(sys.stderr) as report:
            results = evaluate(evaluation, request.output, report=report)
    except KeyboardInterrupt:
        sys.stderr.write(
            f"stopped; everything that was finished is kept in {printable(str(request.output))}, "
            "the same command goes on from there\n"
        )
        return INTERRUPTED
    write_report(results, evaluation.sets, request.output)
    print_scores(results, evaluation.protocol)
    for note in results.notes:
        plain_console().print(f"note: {note}")
    plain_console().print(f"report: {request.output / 'report.html'}")
    return 0


def make_evaluation(request: EvaluateRequest) -> Evaluation:
    """Return what the arguments ask for; ValueError where they are no arguments."""
    from napari_iafpn.evaluation.readers import open_set
    from napari_iafpn.evaluation.run import Evaluation

    return Evaluation(
        sets=tuple(
            open_set(spec, objects=request.objects, keep_255=request.keep_255)
            for spec in request.sets
        ),
        models=request.models,
        protocol=_protocol(request),
        view_scales=tuple(map(parse_view_scale, request.view_scales)),
        limit=request.limit,
        seed=request.seed,
        strict=request.strict,
        jobs=request.jobs,
        threads=request.threads,
        device=request.device,
        scheduler=request.scheduler,
    )


def parse_view_scale(text: str) -> float | None:
    """Read a number, or ``whole`` (None)."""
    if text == WHOLE:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(
            f"view scale {text!r} is not understood; give a number, for example 8, or {WHOLE}"
        ) from error


def _protocol(request: EvaluateRequest) -> Protocol:
    from napari_iafpn.evaluation.protocol import PRESETS

    if request.preset not in PRESETS:
        raise ValueError(
            f"unknown preset {request.preset!r}; choose one of {', '.join(sorted(PRESETS))}"
        )
    preset = PRESETS[request.preset]
    return replace(
        preset,
        max_clicks=request.max_clicks,
        target=request.target,
        threshold=preset.threshold if request.threshold is None else request.threshold,
        flip=preset.flip if request.flip is None else request.flip,
        user=request.user,
        jitter=request.jitter,
        seed=request.seed,
        first=request.first,
    )
