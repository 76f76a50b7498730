"""The files of a report on whole images."""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_iafpn.evaluation.images.result import ImageResult, summary_of
from napari_iafpn.evaluation.images.run import ImageResults
from napari_iafpn.evaluation.metrics import boundary_band
from napari_iafpn.evaluation.pages import render
from napari_iafpn.evaluation.report.numbers import ABOUT

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import AnnotatedSet, Sample

LONGEST_SIDE = 512
PICTURES = 3
"""Images of a set that are shown."""
CLICKED, ACCEPTED = (255, 214, 0), (0, 200, 255)
TENS = 10
"""Objects whose clicks are told together."""
COLUMNS = {
    "objects": "objects",
    "clicks": "clicks",
    "actions": "actions",
    "actions_accept_all": "actions, accept all",
    "first_iou": "IoU, 1 click",
    "precision@50": "precision@50",
    "recall@50": "recall@50",
    "recall@75": "recall@75",
    "found@target": "found@target",
    "seconds": "seconds",
    "curve": "clicks, ten by ten",
}


def image_numbers(results: ImageResults) -> dict[str, Any]:
    """Return ``{model: {set: {assist: numbers}}}``, what ``results.json`` holds."""
    groups: dict[tuple[str, str, str], list[ImageResult]] = defaultdict(list)
    for result in results.images:
        groups[result.model, result.set, result.assist].append(result)
    numbers: dict[str, Any] = {}
    target = results.provenance["options"]["target"]
    for (model, name, assist), group in groups.items():
        numbers.setdefault(model, {}).setdefault(name, {})[assist] = summary_of(group, target)
    return numbers


def write_image_report(results: ImageResults, sets: Sequence[AnnotatedSet], output: Path) -> None:
    """Write ``results.json`` and ``report.html``, each whole or not at all, the numbers first.

    Raises
    ------
    OSError
        Where ``output`` cannot be written.
    """
    from napari_iafpn.networks import write_atomically

    numbers = image_numbers(results)
    output.mkdir(parents=True, exist_ok=True)
    whole = {
        **numbers,
        ABOUT: {**results.provenance, "problems": [str(p) for p in results.problems]},
    }
    text = json.dumps(whole, indent=1)
    write_atomically(output / "results.json", text.encode("utf-8", errors="backslashreplace"))
    page = _page(results, numbers, sets)
    write_atomically(output / "report.html", page.encode("utf-8", errors="backslashreplace"))


def _page(results: ImageResults, numbers: dict[str, Any], sets: Sequence[AnnotatedSet]) -> str:
    tables = [
        (
            model,
            [
                (name, assist, [_shown(values[column]) for column in COLUMNS])
                for name, assists in of_model.items()
                for assist, values in assists.items()
            ],
        )
        for model, of_model in numbers.items()
    ]
    return render(
        "napari_iafpn.evaluation.images",
        "report.html.jinja",
        titles=COLUMNS.values(),
        tables=tables,
        pictures=list(_pictures(results, sets)),
        problems=results.problems,
        about=json.dumps(results.provenance, indent=1),
    )


def _shown(value: float | list[int] | None) -> str:
    if isinstance(value, list):
        tens = (value[first : first + TENS] for first in range(0, len(value), TENS))
        return " ".join(f"{sum(ten) / len(ten):.1f}" for ten in tens)
    if value is None:
        return "–"  # noqa: RUF001
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _pictures(results: ImageResults, sets: Sequence[AnnotatedSet]) -> list[tuple[str, str]]:
    """Return titles and data URIs of some images after each mode."""
    samples: dict[tuple[str, str], Sample] = {}
    shown: dict[tuple[str, str, str], int] = defaultdict(int)
    pictures = []
    for result in results.images:
        key = result.model, result.set, result.assist
        shown[key] += 1
        if shown[key] > PICTURES:
            continue
        place = result.set, result.image
        if place not in samples:
            found = _read(sets, *place)
            if found is None:
                continue
            samples[place] = found
        source = base64.b64encode(draw_image(samples[place], result)).decode("ascii")
        title = f"{result.set}, {result.image}, {result.assist}: {result.actions} actions"
        pictures.append((title, f"data:image/png;base64,{source}"))
    return pictures


def _read(sets: Sequence[AnnotatedSet], name: str, image: str) -> Sample | None:
    """Return an image of a set, None where it cannot be read any more."""
    for annotated in sets:
        if annotated.name == name:
            for index in range(len(annotated)):
                if annotated.image_name(index) == image:
                    try:
                        return annotated.read(index)
                    except (ValueError, OSError):
                        return None
    return None


def draw_image(sample: Sample, result: ImageResult) -> bytes:
    """Return a PNG of an image with the outlines of everything that was committed."""
    from napari_iafpn.geometry import Box, pick_nearest
    from napari_iafpn.images import Plane

    height, width = sample.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    pixels = Plane(sample.image).read(Box.whole(sample.shape), size)
    canvas = (pixels.transpose(1, 2, 0) * 255).round().astype(np.uint8)
    for cost in result.objects:
        mask = cost.mask.decode()
        canvas[boundary_band(pick_nearest(mask, size), 1)] = ACCEPTED if cost.accepted else CLICKED
    stream = io.BytesIO()
    Image.fromarray(canvas).save(stream, "PNG")
    return stream.getvalue()
