"""What it saves to propagate an object through a stack, and what it costs in accuracy.

    python benchmarks/propagation.py STACKS [STACKS ...] --objects 6 --planes 9

STACKS is a folder with ``images/NAME_INDEX.png`` and ``labels/NAME_INDEX.png``: the planes of a
stack by their index, with the same ids in all of them. For some objects the simulated user

- clicks on every plane, up to the target;
- clicks on the first plane, and the object is propagated to the others (a plane that it does not
  reach counts as IoU 0);
- the same, and corrects planes below the least IoU up to the target, from which the object is
  propagated again.

Printed are clicks per object, the mean IoU over planes, and how many planes were corrected.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.clicks import ClickSequence, simulated_click
from napari_iafpn.evaluation.metrics import iou
from napari_iafpn.images import Plane
from napari_iafpn.images.files import read_array
from napari_iafpn.inference import ClickReplay, Prediction, Predictor
from napari_iafpn.inference.propagation import propagate

Mask = NDArray[np.bool_]
TARGET, LEAST, MOST_CLICKS = 0.85, 0.7, 20
SMALLEST = 150
"""Pixels of an object on each of its planes."""


@dataclass(frozen=True)
class Stack:
    """One object in successive planes."""

    planes: Sequence[Plane]
    truths: Sequence[Mask]


@dataclass
class Cost:
    """What an object took."""

    clicks: int
    ious: list[float]
    corrected: int = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", type=Path, nargs="+", metavar="STACKS")
    parser.add_argument("--model", default="default")
    parser.add_argument("--objects", type=int, default=6, help="of each folder")
    parser.add_argument("--planes", type=int, default=9, help="of each object")
    parser.add_argument("--seed", type=int, default=1, help="chooses the objects")
    options = parser.parse_args()
    predictor = Predictor.load(options.model)
    ways = {
        "click every plane": click_every_plane,
        "propagate": lambda *given: propagate_once(*given, correct=False),
        "propagate, correct": lambda *given: propagate_once(*given, correct=True),
    }
    head = f"{'stacks':<16} {'objects':>7}  {'':<19} {'clicks':>7} {'IoU':>6} {'corrected':>9}"
    print(f"{head} {'s':>5}")
    for folder in options.stacks:
        objects = list(objects_of(folder, options.objects, options.planes, options.seed))
        for name, way in ways.items():
            begun = time.perf_counter()
            costs = [way(predictor, stack) for stack in objects]
            print(
                f"{folder.name:<16} {len(objects):>7}  {name:<19} "
                f"{np.mean([cost.clicks for cost in costs]):7.1f} "
                f"{np.mean([cost.ious for cost in costs]):6.3f} "
                f"{np.mean([cost.corrected for cost in costs]):9.1f} "
                f"{(time.perf_counter() - begun) / len(costs):5.1f}",
                flush=True,
            )


def objects_of(folder: Path, most: int, planes: int, seed: int) -> Iterator[Stack]:
    """Yield objects that are in so many successive planes, from where each begins."""
    stacks: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((folder / "labels").iterdir()):
        stacks[path.stem.rpartition("_")[0]].append(path)
    found: list[tuple[list[Path], int]] = []
    for paths in stacks.values():
        areas = np.stack([_areas(read_array(path)) for path in paths])
        for label in range(1, areas.shape[1]):
            there = np.flatnonzero(areas[:, label] >= SMALLEST)
            part = there[:planes]
            if len(part) == planes and part[-1] - part[0] == planes - 1:
                found.append((paths[part[0] : part[-1] + 1], label))
    order = np.random.default_rng(seed).permutation(len(found))[:most]
    for paths, label in (found[place] for place in sorted(order)):
        images = [next((folder / "images").glob(f"{path.stem}.*")) for path in paths]
        yield Stack(
            [Plane(read_array(path)) for path in images],
            [np.asarray(read_array(path)) == label for path in paths],
        )


def click_every_plane(predictor: Predictor, stack: Stack) -> Cost:
    """Click on each plane from nothing."""
    cost = Cost(0, [])
    for plane, truth in zip(stack.planes, stack.truths, strict=True):
        clicks, mask = click(predictor, plane, truth, None)
        cost.clicks += clicks
        cost.ious.append(iou(mask, truth))
    return cost


def propagate_once(predictor: Predictor, stack: Stack, *, correct: bool) -> Cost:
    """Click on the first plane and propagate; correct what is wrong and go on from there."""
    clicks, mask = click(predictor, stack.planes[0], stack.truths[0], None)
    cost = Cost(clicks, [iou(mask, stack.truths[0])])
    while (place := len(cost.ious)) < len(stack.planes):
        start = Prediction.from_array(mask, mask.shape)
        lost = None
        for reached in propagate(
            predictor, stack.planes.__getitem__, start, range(place, len(stack.planes))
        ):
            found, truth = reached.prediction.mask(), stack.truths[reached.index]
            if reached.doubt or (correct and iou(found, truth) < LEAST):
                lost = found
                break
            cost.ious.append(iou(found, truth))
        if lost is None:
            break
        if not correct:
            cost.ious += [0.0] * (len(stack.planes) - len(cost.ious))
            break
        place = len(cost.ious)
        truth = stack.truths[place]
        if iou(lost, truth) < LEAST:
            clicks, mask = click(predictor, stack.planes[place], truth, lost)
            cost.clicks += clicks
            cost.corrected += 1
        else:  # The propagation stopped although it need not have; the user lets it go on.
            mask = lost
        cost.ious.append(iou(mask, truth))
    return cost


def click(predictor: Predictor, plane: Plane, truth: Mask, start: Mask | None) -> tuple[int, Mask]:
    """Let the simulated user click up to the target; return the number of clicks and the mask."""
    replay = ClickReplay(predictor, plane, initial=start)
    clicks, free = ClickSequence(), np.ones_like(truth)
    mask = np.zeros_like(truth) if start is None else start
    while len(clicks) < MOST_CLICKS and (iou(mask, truth) < TARGET or not clicks):
        clicks = clicks.add(simulated_click(truth, mask, not_clicked=free))
        free[clicks[-1].pixel] = False
        mask = replay.predict(clicks).mask()
    return len(clicks), mask


def _areas(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    return np.bincount(labels.ravel(), minlength=np.iinfo(np.uint16).max + 1)


if __name__ == "__main__":
    main()
