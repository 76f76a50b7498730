"""Clicks that it takes to repair a wrong label, and to segment its object from nothing.

    python benchmarks/edit_label.py DATA --objects 30

Each object of the lists beside the sets in DATA gets an error that segmentation tools make: a part
is missing, it is joined with its neighbour (with a disk at its border, where there is none), or its
outline is eroded or grown. The simulated user then corrects it until the IoU reaches 0.9, once from
that mask and once from nothing. "IoU in 3" is where three clicks at most lead to from the mask.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np
from listed import arguments, listed_objects
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.masks import iou
from napari_iafpn.prompts import Prompts
from napari_iafpn.prompts.simulated import simulated_click

SETS = ("dsb2018_val60", "emps_val60", "axon_sem_val3", "superalloy_val5")
TARGET, MOST, SOON = 0.9, 20, 3
Mask = NDArray[np.bool_]


def main() -> None:
    """Print clicks of both ways, per kind of error."""
    options = arguments(__doc__, 30, "in all", SETS)
    predictor = Predictor.load(options.model)
    rng = np.random.default_rng(0)
    results: dict[str, list[Repair]] = {}
    each = -(-options.objects // len(options.sets))
    left = options.objects
    for name in options.sets:
        for sample, label in listed_objects(options.data / name, min(each, left)):
            kind = str(rng.choice(list(ERRORS)))
            truth = sample.truth(label)
            wrong = damaged(kind, sample, label, rng)
            plane = Plane(sample.image)
            repaired = overlaps(ClickReplay(predictor, plane, initial=wrong), truth, sample)
            anew = overlaps(ClickReplay(predictor, plane), truth, sample)
            results.setdefault(kind, []).append(Repair(repaired, anew))
            left -= 1
    report(results)


@dataclass(frozen=True)
class Repair:
    """IoU after 0, 1, 2 ... clicks, until it reaches the target, from the mask and from nothing."""

    repaired: list[float]
    anew: list[float]

    def row(self) -> tuple[float, ...]:
        """Return what the columns of the table are means of."""
        clicks = len(self.repaired) - 1
        soon = self.repaired[min(SOON, clicks)]
        return self.repaired[0], clicks, len(self.anew) - 1, soon, 100.0 * (clicks <= SOON)


def report(results: dict[str, list[Repair]]) -> None:
    """Print the table."""
    print("error    objects  IoU before  clicks from the mask  from nothing  IoU in 3  done in 3")
    everything = [repair for repairs in results.values() for repair in repairs]
    for kind, repairs in [*sorted(results.items()), ("all", everything)]:
        columns = zip(*(repair.row() for repair in repairs), strict=True)
        before, repaired, anew, soon, done = (statistics.mean(column) for column in columns)
        print(
            f"{kind:7} {len(repairs):8} {before:11.2f} {repaired:21.2f} {anew:13.2f} "
            f"{soon:9.3f} {done:8.0f} %"
        )


def overlaps(replay: ClickReplay, truth: Mask, sample: Sample) -> list[float]:
    """Return the IoU after 0, 1, 2 ... clicks, at most `MOST`, until it reaches the target."""
    clicks, free = Prompts(), np.ones_like(truth)
    found: list[float] = []
    while True:
        mask = replay.predict(clicks).mask()
        found.append(iou(mask, truth, sample.ignore))
        if found[-1] >= TARGET or len(clicks) == MOST:
            return found
        click = simulated_click(truth, mask, sample.ignore, free)
        free[click.pixel] = False
        clicks = clicks.add(click)


def damaged(kind: str, sample: Sample, label: int, rng: np.random.Generator) -> Mask:
    """Return the object's mask with an error that brings its IoU below the target."""
    truth = sample.truth(label)
    wrong = truth
    for strength in range(1, 40):
        wrong = ERRORS[kind](Damage(truth, sample.instances, label, strength, rng))
        if wrong.any() and iou(wrong, truth, sample.ignore) < TARGET - 0.1:
            break
    return wrong


@dataclass(frozen=True)
class Damage:
    """What an error does to the mask of an object, more with more strength."""

    truth: Mask
    instances: NDArray[np.integer]
    label: int
    strength: int
    rng: np.random.Generator

    def cut(self) -> Mask:
        """Leave a part out, behind a straight line."""
        rows, cols = np.nonzero(self.truth)
        angle = self.rng.uniform(0, 2 * np.pi)
        along = rows * np.sin(angle) + cols * np.cos(angle)
        behind = along > np.quantile(along, 1 - min(0.15 + 0.05 * self.strength, 0.6))
        wrong = self.truth.copy()
        wrong[rows[behind], cols[behind]] = False
        return wrong

    def joined(self) -> Mask:
        """Join the object with its nearest neighbour, or with a disk at its border."""
        others = (self.instances > 0) & (self.instances != self.label)
        distance = ndimage.distance_transform_edt(~self.truth)
        if others.any():
            nearest = self.instances.ravel()[np.where(others, distance, np.inf).argmin()]
            neighbour: Mask = self.instances == nearest
            if distance[neighbour].min() < 20:
                return self.truth | neighbour
        rows, cols = np.nonzero((distance > 0) & (distance < 2))
        place = self.rng.integers(len(rows))
        radius = max(3.0, 0.15 * (3 + self.strength) * np.sqrt(self.truth.sum() / np.pi))
        grid = np.mgrid[: self.truth.shape[0], : self.truth.shape[1]]
        disk: Mask = np.hypot(grid[0] - rows[place], grid[1] - cols[place]) < radius
        return self.truth | disk

    def eroded(self) -> Mask:
        """Draw the outline too far inside."""
        smaller: Mask = ndimage.binary_erosion(self.truth, iterations=self.strength)
        return smaller if smaller.any() else self.truth

    def grown(self) -> Mask:
        """Draw the outline too far outside."""
        larger: Mask = ndimage.binary_dilation(self.truth, iterations=self.strength)
        return larger


ERRORS = {
    "cut": Damage.cut,
    "joined": Damage.joined,
    "eroded": Damage.eroded,
    "grown": Damage.grown,
}


if __name__ == "__main__":
    main()
