"""Whether training can do its work: eight real objects, learned by heart, from one click each.

    python benchmarks/overfit.py DATA --output RUN --seconds 100

DATA is the folder of the sets below. The default architecture learns the coarse, then the fine
level from ImageNet weights; the IoU after one click is printed for the coarse level alone and for
the cascade. The time of one call can be limited; the next call goes on in RUN.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

from napari_iafpn.evaluation.protocol import Protocol, evaluate_set
from napari_iafpn.evaluation.readers import FolderSet, LayerSet, Sample
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.networks import build_cascade
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.loop import run_stage
from napari_iafpn.training.recipe import Recipe, recipe_from
from napari_iafpn.training.run import Run, RunProgress
from napari_iafpn.training.selection import coarse_alone
from napari_iafpn.training.state import holds_run, load_state
from napari_iafpn.training.train import ComputeSettings, launch, start_fine

SETS = ("dsb2018_train", "emps_train330", "usiigaci_train40", "coco_train340")
EACH = 2
VIEW = 1.5
LONG = 128 / VIEW
"""Length in pixels from which on a view is `VIEW` times the object; smaller ones are seen in
evaluation with more around them."""
STAGE = {
    "batch": 8,
    "size": 224,
    "learning_rate": 2e-3,
    "backbone_factor": 0.5,
    "weight_decay": 0.0,
    "warmup_steps": 10,
    "ema": 0.9,
}
RECIPE = {
    "name": "overfit",
    "model": {"preset": "default", "coarse_size": 224, "fine_size": 224},
    "sets": [{"name": "eight", "weight": 1.0}],
    "view": {"scale": [VIEW, VIEW], "whole": 0.0, "merge": 0.0, "background": 0.0},
    "augment": dict.fromkeys(
        [
            "flip",
            "rotate90",
            "colour",
            "gamma",
            "stretch",
            "invert",
            "grey",
            "shuffle",
            "blur",
            "noise",
        ],
        0.0,
    ),
    "clicks": {"decay": 0.01, "rounds": 0},
    "coarse": {"steps": 450, **STAGE},
    "fine": {"steps": 320, **STAGE},
}


def main() -> None:
    """Train and print the overlaps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--output", type=Path, required=True, metavar="RUN")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of training")
    options = parser.parse_args()
    samples = [s for name in SETS for s in large_objects(FolderSet.open(options.data / name))]
    recipe = recipe_from(RECIPE)
    if not learn(recipe, samples, options.output, options.seconds):
        print("not finished; call again to go on")


def large_objects(images: FolderSet) -> list[Sample]:
    """Return the first images of a set that have an object as long as it must be."""
    found = []
    for index in range(len(images)):
        sample = images.read(index)
        inner = [
            label
            for label, box in sample.boxes.items()
            if LONG <= max(box.shape) < min(sample.shape) / 2
        ]
        if inner:
            found.append(as_predicted(dataclasses.replace(sample, objects=(inner[0],))))
        if len(found) == EACH:
            return found
    raise ValueError(f"{images.name} has fewer than {EACH} images with a large object")


def as_predicted(sample: Sample) -> Sample:
    """Return a sample in the contrast that predictions have without a window."""
    plane = Plane(sample.image)
    pixels = plane.read(Box.whole(plane.shape), plane.shape)
    return dataclasses.replace(sample, image=np.rint(255 * pixels.transpose(1, 2, 0)).astype("u1"))


def learn(recipe: Recipe, samples: list[Sample], output: Path, seconds: float) -> bool:
    """Train until the end or the deadline; return whether it came to the end."""
    deadline = time.monotonic() + seconds
    fabric = launch(ComputeSettings(), recipe.precision)
    state = load_state(output, recipe.run_digest) if holds_run(output) else None
    cascade = build_cascade(recipe.model, "none" if state else recipe.pretrained)
    if state:
        cascade.load_state_dict(state["cascade"])
    cascade.to(fabric.device)
    dataset = ClickDataset(recipe, [LayerSet("eight", tuple(samples))])
    run = Run(fabric, cascade, dataset, output, workers=1)

    def watch(progress: RunProgress) -> bool:
        if progress.step % 20 == 0:
            print(f"{progress.stage} {progress.step}: loss {progress.loss:.4f}", flush=True)
        return time.monotonic() < deadline

    stages = list(recipe.stages)
    for stage in stages[stages.index(state["stage"]) if state else 0 :]:
        resumed = state if state and state["stage"] == stage else None
        if stage == "fine" and resumed is None:
            start_fine(cascade)
        if not run_stage(run, stage, recipe.stages[stage], resumed=resumed, control=watch):
            return False
        model = coarse_alone(cascade) if stage == "coarse" else cascade
        protocol = Protocol(max_clicks=1, target=1.01)
        results = evaluate_set(Predictor(model), samples, protocol, view_scale=VIEW)
        overlaps = [result.ious[0] for result in results]
        print(f"{stage}: IoU after one click {np.round(overlaps, 3)}, least {min(overlaps):.3f}")
    return True


if __name__ == "__main__":
    main()
