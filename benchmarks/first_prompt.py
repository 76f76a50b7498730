"""How good the mask after the first prompt is: a click, a box, or a stroke along the object.

    python benchmarks/first_prompt.py SET... --view-scale 8

Each SET is a folder with images/ and labels/. The click is the simulated user's, the box the
object's own; the stroke lies in the object along its longer axis, as far as a straight line through
its deepest point goes. Two more are printed: the stroke as the whole line instead of places along
it (which a network trained on clicks takes for something else), and a lasso that is drawn a little
beside the outline.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from napari_iafpn.evaluation.protocol import view_of
from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.masks import iou
from napari_iafpn.prompts import KINDS as PROMPTS, Prompt, Stroke, simulated_click
from napari_iafpn.prompts.prompt import Segment
from napari_iafpn.prompts.stroke import simplified
from napari_iafpn.training.mixture import open_known
from napari_iafpn.training.selection import draw_objects
from napari_iafpn.training.settings import HeldOutConfig

KINDS = (*PROMPTS, "line", "lasso")
BESIDE = 0.06


class Line(Stroke):
    """A stroke of which the networks see the whole line."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its straight pieces."""
        return tuple(pairwise(self.points))


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
        given = first_prompts(truth, ignore)
        yield [
            iou(predictor.predict(plane, [given[kind]], view=view).mask(), truth, ignore)
            for kind in KINDS
        ]


def first_prompts(truth: NDArray[np.bool_], ignore: NDArray[np.bool_]) -> dict[str, Prompt]:
    """Return one prompt of each kind for an object (H, W)."""
    click = simulated_click(truth, np.zeros_like(truth), ignore)
    rng = np.random.default_rng(0)
    prompts = {name: kind.first(truth & ~ignore, click, 0, rng) for name, kind in PROMPTS.items()}
    line = Line(prompts["stroke"].outline)
    return {**prompts, "line": line, "lasso": lasso_around(truth)}


def lasso_around(truth: NDArray[np.bool_]) -> Stroke:
    """Return a lasso that keeps 6 % of the object's size, at least 2 px, away from it."""
    away = max(2.0, BESIDE * float(np.sqrt(truth.sum())))
    margin = int(away) + 2
    apart = ndimage.distance_transform_edt(~np.pad(truth, margin))
    line = max(find_contours(-apart, -away), key=len) - margin
    inside = np.clip(line, 0, np.array(truth.shape) - 1)
    points = simplified([(float(row), float(col)) for row, col in inside], 1.0)
    return Stroke((*points[:-1], points[0]))


if __name__ == "__main__":
    main()
