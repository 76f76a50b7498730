"""What the simulated user costs, beside one interaction of the model that it clicks for.

    python benchmarks/click_simulation.py --model default

The bundled samples are resized to half a million pixels. On a few objects of each the simulated
user clicks until it gives up or is satisfied; each of these clicks is repeated and timed beside the
prediction that follows it and beside two exact distance transforms, one for each kind of error.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.masks import iou
from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels
from napari_iafpn.prompts import Prompts, simulated_click

PIXELS = 500_000
CLICKS = 6
REPEATS = 5
Mask = NDArray[np.bool_]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--objects", type=int, default=2, help="objects of each sample")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    predictor = Predictor.load(options.model, options.device)
    print(f"device {predictor.device}, {options.threads} threads; milliseconds per click\n")
    print(
        f"{'sample':16}{'clicks':>7}{'user':>8}{'worst':>8}{'network':>9}{'two EDTs':>10}", end=""
    )
    print(f"{'user / network':>16}")
    everything = []
    for name in SAMPLES:
        rows = measure(predictor, name, options.objects)
        print_row(name, rows)
        everything += rows
    print_row("all", everything)


def print_row(name: str, rows: list[tuple[float, float, float]]) -> None:
    """Print mean times of some clicks and their ratio."""
    user, network, transforms = (
        1e3 * statistics.fmean(column) for column in zip(*rows, strict=True)
    )
    worst = 1e3 * max(row[0] for row in rows)
    print(f"{name:16}{len(rows):7}{user:8.1f}{worst:8.1f}{network:9.1f}{transforms:10.1f}", end="")
    print(f"{user / network:16.3f}", flush=True)


def measure(predictor: Predictor, name: str, objects: int) -> list[tuple[float, float, float]]:
    """Return user, network and distance transform seconds of each click on the largest objects."""
    image, labels = load_image(name), load_labels(name)
    scale = (PIXELS / labels.size) ** 0.5
    size = round(labels.shape[1] * scale), round(labels.shape[0] * scale)
    plane = Plane(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)))
    shown = Image.fromarray(labels.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    labels = np.asarray(shown)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    rows = []
    for label in np.argsort(-counts)[: min(objects, np.count_nonzero(counts))]:
        rows += clicks_on(ClickReplay(predictor, plane), labels == label)
    return rows


def clicks_on(replay: ClickReplay, truth: Mask) -> list[tuple[float, float, float]]:
    """Annotate one object; return the seconds of each click."""
    not_clicked, clicks = np.ones_like(truth), Prompts()
    last = replay.predict(clicks)
    rows = []
    while len(clicks) < CLICKS and iou(last.mask(), truth) < 0.95:
        state = truth, last.mask(), None, not_clicked
        user = fastest(partial(simulated_click, *state))
        transforms = fastest(partial(two_transforms, truth, last.mask()))
        click = simulated_click(*state)
        clicks, not_clicked[click.pixel] = clicks.add(click), False
        predict = partial(replay.predictor.predict, replay.plane, clicks, last)
        rows.append((user, fastest(predict), transforms))
        last = replay.predict(clicks)
    return rows


def two_transforms(truth: Mask, mask: Mask) -> None:
    """Compute the exact depth of every missing and every superfluous pixel."""
    for region in (truth & ~mask, mask & ~truth):
        distance_transform_edt(np.pad(region, 1)).argmax()


def fastest(task: Callable[[], object]) -> float:
    """Return the least of a few durations, in seconds."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
