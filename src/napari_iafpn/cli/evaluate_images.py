"""The command ``evaluate --protocol images``: whole images, with and without help."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from napari_iafpn.cli.console import plain_console, printable
from napari_iafpn.cli.evaluate import INTERRUPTED, WHOLE, parse_view_scale

if TYPE_CHECKING:
    from napari_iafpn.evaluation.images import ImageEvaluation, ImageResult
    from napari_iafpn.evaluation.readers import AnnotatedSet

DEFAULT_VIEW_SCALE = 8.0
COLUMNS = {
    "objects": "objects",
    "clicks": "clicks",
    "actions": "actions",
    "actions_accept_all": "accept all",
    "precision@50": "precision",
    "recall@50": "recall",
}


@dataclass(frozen=True)
class ImagesRequest:
    """The arguments of the command."""

    sets: tuple[str, ...]
    objects: Path | None
    models: tuple[str, ...]
    assists: tuple[str, ...]
    exemplars: int
    images: int | None
    view_scales: tuple[str, ...]
    max_clicks: int
    target: float
    threads: int
    keep_255: bool
    device: str
    output: Path
    adapt: int = 0
    seed: int = 0


def evaluate_images_of(request: ImagesRequest) -> int:
    """Evaluate, or go on where an interrupted run stopped; return the exit code."""
    from napari_iafpn.evaluation.images import evaluate_images, write_image_report
    from napari_iafpn.evaluation.images.report import image_numbers
    from napari_iafpn.training.adaptation import Learner

    evaluation = make_image_evaluation(request)
    try:
        results = evaluate_images(
            evaluation,
            request.output,
            report=_tell,
            learner_of=partial(Learner.of_file, device=request.device),
        )
    except KeyboardInterrupt:
        sys.stderr.write(
            f"stopped; everything that was finished is kept in {printable(str(request.output))}, "
            "the same command goes on from there\n"
        )
        return INTERRUPTED
    write_image_report(results, evaluation.sets, request.output)
    console = plain_console()
    for model, sets in image_numbers(results).items():
        console.print(_table(model, sets))
    for problem in results.problems:
        console.print(f"problem: {problem}")
    for note in results.notes:
        console.print(f"note: {note}")
    console.print(f"report: {request.output / 'report.html'}")
    return 0


def make_image_evaluation(request: ImagesRequest) -> ImageEvaluation:
    """Return what the arguments ask for; ValueError where they are no arguments."""
    from napari_iafpn.evaluation.images import ImageEvaluation, ImageProtocol

    if len(request.view_scales) > 1 or WHOLE in request.view_scales:
        raise ValueError(
            "whole images are annotated in one view scale; give one number, for example "
            "--view-scale 8"
        )
    scale = DEFAULT_VIEW_SCALE
    if request.view_scales:
        scale = parse_view_scale(request.view_scales[0]) or scale
    return ImageEvaluation(
        sets=tuple(_open_set(spec, request) for spec in request.sets),
        models=request.models,
        protocols=tuple(
            ImageProtocol(
                assist,
                exemplars=request.exemplars,
                target=request.target,
                max_clicks=request.max_clicks,
                view_scale=scale,
                adapt=adapt,
                seed=request.seed,
            )
            for assist in request.assists
            for adapt in dict.fromkeys((0, request.adapt))
        ),
        images=request.images,
        threads=request.threads,
        device=request.device,
    )


def _open_set(spec: str, request: ImagesRequest) -> AnnotatedSet:
    """Open a set with all of its objects: a list beside it is for those that stand alone."""
    from napari_iafpn.evaluation.readers import Selection, open_set

    opened = open_set(spec, objects=request.objects, keep_255=request.keep_255)
    if request.objects is None and isinstance(opened, Selection):
        return opened.base
    return opened


def _tell(done: int, total: int, last: ImageResult | None) -> None:
    line = f"{done} of {total} images and modes"
    if last is not None:
        objects = len(last.objects)
        line += (
            f"; {last.set}, {last.image}, {last.assist}: {objects} objects, "
            f"{last.actions / objects:.2f} actions per object"
        )
    sys.stderr.write(printable(line) + "\n")


def _table(model: str, sets: dict[str, Any]) -> Table:
    """Return what fits into a terminal; the report has everything."""
    table = Table(title=f"{model}: means per object")
    for title in ("set", "mode", *COLUMNS.values()):
        table.add_column(title)
    for name, assists in sets.items():
        for assist, numbers in assists.items():
            values = [numbers[column] for column in COLUMNS]
            shown = ["-" if v is None else f"{v:g}" if v == int(v) else f"{v:.2f}" for v in values]
            table.add_row(name, assist, *shown)
    return table
