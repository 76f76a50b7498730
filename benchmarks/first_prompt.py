"""How good the mask after the first prompt is: a click, a box, or a stroke along the object.

    python benchmarks/first_prompt.py SET... --view-scale 8

Each SET is a folder with images/ and labels/. The click is the simulated user's, the box the
object's own; the stroke lies in the object along its longer axis, as far as a straight line through
its deepest point goes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import BoxPrompt, Click, Prompt, Stroke, simulated_click
from napari_iafpn.evaluation.metrics import iou
from napari_iafpn.evaluation.protocol import view_of
from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.training.mixture import open_known
from napari_iafpn.training.selection import draw_objects
from napari_iafpn.training.settings import HeldOutConfig

KINDS = ("click", "box", "stroke")


def main() -> None:
    """Print the mean IoU of each set and prompt."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET")
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--view-scale", type=float)
    parser.add_argument("--objects", type=int, default=30, help="of each set, drawn once")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    predictor, means = Predictor.load(options.model), []
    print(f"{'set':24}" + "".join(f"{kind:>9}" for kind in KINDS))
    for path in options.sets:
        annotated = open_known(path.parent, HeldOutConfig(path.name))
        rows = [
            row
            for sample in draw_objects(annotated, options.objects, options.seed)
            for row in measured(predictor, sample, options.view_scale)
        ]
        means.append(np.mean(rows, axis=0))
        print(f"{path.name:24}" + "".join(f"{value:9.3f}" for value in means[-1]), flush=True)
    print(f"{'mean of the sets':24}" + "".join(f"{v:9.3f}" for v in np.mean(means, axis=0)))


def measured(
    predictor: Predictor, sample: Sample, view_scale: float | None
) -> Iterator[list[float]]:
    """Yield the IoU after each kind of first prompt, for each object of an image."""
    plane = Plane(sample.image)
    for label in sample.objects:
        truth = sample.instances == label
        ignore = np.zeros_like(truth) if sample.ignore is None else sample.ignore
        view = view_of(sample, label, view_scale)
        prompts = first_prompts(truth, ignore)
        yield [
            iou(predictor.predict(plane, [prompts[kind]], view=view).mask(), truth, ignore)
            for kind in KINDS
        ]


def first_prompts(truth: NDArray[np.bool_], ignore: NDArray[np.bool_]) -> dict[str, Prompt]:
    """Return one prompt of each kind for an object (H, W)."""
    click, box = simulated_click(truth, np.zeros_like(truth), ignore), Box.around(truth)
    assert box is not None
    return {"click": click, "box": BoxPrompt(box), "stroke": stroke_in(truth, click)}


def stroke_in(truth: NDArray[np.bool_], click: Click) -> Stroke:
    """Return a straight stroke inside the object through ``click``, along its longer axis."""
    rows, cols = np.nonzero(truth)
    axes = np.linalg.eigh(np.cov(np.stack([rows, cols]), bias=True) + 1e-9 * np.eye(2))[1]
    along = axes[:, 1]
    ends = []
    for way in (-along, along):
        place = np.array(click.pixel, float)
        while _inside(truth, place + way):
            place += way
        ends.append((float(place[0]), float(place[1])))
    return Stroke(tuple(ends))


def _inside(truth: NDArray[np.bool_], place: NDArray[np.float64]) -> bool:
    row, col = np.floor(place + 0.5).astype(int)
    return Box.whole((truth.shape[0], truth.shape[1])).holds(row, col) and bool(truth[row, col])


if __name__ == "__main__":
    main()
