"""What it saves to propagate an object through a stack, and what it costs in accuracy.

    python benchmarks/propagation.py brain STACKS [STACKS ...] --objects 6 --planes 9
    python benchmarks/propagation.py PICTURES --move 5       # its objects move by themselves
    python benchmarks/propagation.py PICTURES --drift 5      # everything moves

STACKS is a folder with ``images/NAME_INDEX.png`` and ``labels/NAME_INDEX.png``: the planes of a
stack by their index, with the same ids in all of them, or with any ids and ``--link``: an object
goes on in the one that it overlaps most. ``brain`` is the sample of the package, its truth what is
not black. PICTURES are such folders of single planes, of whose objects films are made: the object
is cut out and moves to where fewest others are, or the whole picture moves. For some objects the
simulated user

- clicks on every plane, up to the target;
- clicks on the first plane, and the object is propagated to the others (a plane that it does not
  reach counts as IoU 0);
- the same, and corrects planes below the least IoU up to the target, from which the object is
  propagated again.

Printed are clicks per object, the mean IoU over planes, how many planes were corrected, and of the
planes that were reached how many of a hundred were wrong (IoU below a half) without a doubt, and
how many were right (above the least IoU) and doubted.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.images import Plane
from napari_iafpn.images.files import read_array
from napari_iafpn.inference import ClickReplay, Prediction, Predictor
from napari_iafpn.inference.propagation import propagate
from napari_iafpn.masks import iou
from napari_iafpn.plugin.samples import open_brain
from napari_iafpn.prompts import Prompts, simulated_click

Mask = NDArray[np.bool_]
TARGET, LEAST, WRONG, MOST_CLICKS = 0.85, 0.7, 0.5, 20
SMALLEST = 150
"""Pixels of an object on each of its planes."""
LINKED = 0.4
"""IoU with the object on the plane before, from which it is the same one."""
NOISE = 2
"""Standard deviation of what is added to each plane of a film, in grey values."""


@dataclass(frozen=True)
class Stack:
    """One object in successive planes."""

    planes: Sequence[Plane]
    truths: Sequence[Mask]


@dataclass
class Cost:
    """What an object took; ``reached`` has the IoU and the doubt of each propagated plane."""

    clicks: int
    ious: list[float]
    corrected: int = 0
    reached: list[tuple[float, str]] = field(default_factory=list)

    def share(self, *, doubted: bool) -> float:
        """Return how many of a hundred planes were doubted and right, or wrong and not."""
        found = [
            iou >= LEAST if doubted else iou < WRONG
            for iou, doubt in self.reached
            if bool(doubt) == doubted
        ]
        return 100 * sum(found) / max(1, len(self.reached))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="+", metavar="STACKS")
    parser.add_argument("--model", default="default")
    parser.add_argument("--objects", type=int, default=6, help="of each folder")
    parser.add_argument("--planes", type=int, default=9, help="of each object")
    parser.add_argument("--seed", type=int, default=1, help="chooses the objects")
    parser.add_argument("--link", action="store_true", help="ids differ from plane to plane")
    parser.add_argument("--move", type=int, metavar="PX", help="make films of moving objects")
    parser.add_argument("--drift", type=int, metavar="PX", help="make films of moving pictures")
    parser.add_argument("--exact", action="store_true", help="only propagate, from true masks")
    options = parser.parse_args()
    predictor = Predictor.load(options.model)
    ways = {
        "click every plane": click_every_plane,
        "propagate": propagate_once,
        "propagate, correct": lambda *given: propagate_once(*given, correct=True),
    }
    if options.exact:
        ways = {"propagate, exact": lambda *given: propagate_once(*given, exact=True)}
    head = f"{'stacks':<20} {'objects':>7}  {'':<19} {'clicks':>7} {'IoU':>6} {'corrected':>9}"
    print(f"{head} {'wrong %':>8} {'doubted %':>9} {'s':>6}")
    for source in options.stacks:
        objects = list(objects_of(source, options))
        for name, way in ways.items():
            begun = time.perf_counter()
            costs = [way(predictor, stack) for stack in objects]
            print(
                f"{Path(source).name:<20} {len(objects):>7}  {name:<19} "
                f"{np.mean([cost.clicks for cost in costs]):7.1f} "
                f"{np.mean([np.mean(cost.ious) for cost in costs]):6.3f} "
                f"{np.mean([cost.corrected for cost in costs]):9.1f} "
                f"{np.mean([cost.share(doubted=False) for cost in costs]):8.1f} "
                f"{np.mean([cost.share(doubted=True) for cost in costs]):9.1f} "
                f"{(time.perf_counter() - begun) / len(costs):6.1f}",
                flush=True,
            )


def objects_of(source: str, options: argparse.Namespace) -> Iterator[Stack]:
    """Yield objects of the sample or of a folder."""
    if source == "brain":
        yield from brain(options.planes)
    elif options.move or options.drift:
        yield from films(Path(source), options)
    else:
        yield from stacked(Path(source), options)


def brain(planes: int) -> Iterator[Stack]:
    """Yield the brain of the sample, from the middle up and from the middle down."""
    ((stack, _, _),) = open_brain()
    truths = [ndimage.binary_fill_holes(plane > 12) for plane in stack]
    for step in (1, -1):
        route = range(len(stack) // 2, -1 if step < 0 else len(stack), step)[:planes]
        yield Stack([Plane(stack[z]) for z in route], [truths[z] for z in route])


def stacked(folder: Path, options: argparse.Namespace) -> Iterator[Stack]:
    """Yield objects that are in so many successive planes, from where each begins."""
    stacks: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((folder / "labels").iterdir()):
        stacks[path.stem.rpartition("_")[0]].append(path)
    found: list[tuple[list[Path], list[Mask]]] = []
    for paths in stacks.values():
        labels = [np.asarray(read_array(path)) for path in paths]
        begun: set[int] = set()
        for first in range(len(labels) - options.planes + 1):
            part = labels[first : first + options.planes]
            for label in set(np.unique(part[0])) - {0} - begun:
                masks = list(propagate_planes(part, int(label), link=options.link))
                if len(masks) == len(part):
                    begun |= set() if options.link else {label}
                    found.append((paths[first : first + options.planes], masks))
            if options.link:
                break
    for paths, masks in chosen(found, options):
        yield Stack([Plane(read_array(picture_of(path))) for path in paths], masks)


def propagate_planes(
    labels: Sequence[NDArray[np.integer]], label: int, *, link: bool
) -> Iterator[Mask]:
    """Yield an object's mask from plane to plane as long as it is there and large enough."""
    mask = labels[0] == label
    for plane in labels:
        if link:
            overlaps = np.bincount(plane[mask])
            overlaps[:1] = 0
            label = int(overlaps.argmax())
        before, mask = mask, plane == label
        if label == 0 or np.count_nonzero(mask) < SMALLEST or (link and iou(before, mask) < LINKED):
            return
        yield mask


def films(folder: Path, options: argparse.Namespace) -> Iterator[Stack]:
    """Yield films in which an object of a picture moves, or the whole picture."""
    found = []
    for path in sorted((folder / "labels").iterdir()):
        labels = np.asarray(read_array(path))
        for label, area in enumerate(np.bincount(labels.ravel())):
            if label and SMALLEST <= area <= labels.size / 20:
                found.append((path, label))
    for path, label in chosen(found, options):
        image, labels = (np.asarray(read_array(p)) for p in (picture_of(path), path))
        yield film(image, labels, label, options)


def film(
    image: NDArray[np.integer], labels: NDArray[np.integer], label: int, options: argparse.Namespace
) -> Stack:
    """Let an object move where it meets fewest others and the border least."""
    mask, rng, speed = labels == label, np.random.default_rng(0), options.move or options.drift
    others, ground = (labels > 0) & ~mask, without(image, mask)

    def places(angle: float) -> list[tuple[int, int]]:
        steps = [
            (speed * np.sin(angle) * n, speed * np.cos(angle) * n) for n in range(options.planes)
        ]
        return [(round(rows), round(cols)) for rows, cols in steps]

    def met(angle: float) -> int:
        masks = [shifted(mask, place) for place in places(angle)]
        lost = sum(np.count_nonzero(mask) - np.count_nonzero(there) for there in masks)
        crossed = sum(np.count_nonzero(there & others) for there in masks)
        return 9 * lost + (0 if options.drift else crossed)

    planes, truths = [], []
    for place in places(min(np.linspace(0, 2 * np.pi, 16, endpoint=False), key=met)):
        if options.drift:
            frame = shifted(image.astype(float), place, mode="reflect")
        else:
            share = ndimage.gaussian_filter(
                ndimage.binary_dilation(shifted(mask, place), iterations=2).astype(float), 1
            ).reshape(*mask.shape, *(1,) * (image.ndim - 2))
            frame = ground * (1 - share) + shifted(image.astype(float), place) * share
        frame = frame + rng.normal(0, NOISE, frame.shape)
        planes.append(Plane(frame.clip(0, 255).astype(np.uint8)))
        truths.append(shifted(mask, place))
    return Stack(planes, truths)


def without(image: NDArray[np.integer], mask: Mask) -> NDArray[np.floating]:
    """Return an 8 bit image in which the nearest pixels around an object are in its place."""
    hole = ndimage.binary_dilation(mask, iterations=4)
    nearest = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    filled = image.astype(float)
    smooth = ndimage.gaussian_filter(filled[tuple(nearest)], (3, 3, *(0,) * (image.ndim - 2)))
    filled[hole] = smooth[hole]
    return filled


def shifted(values: NDArray, by: tuple[int, int], mode: str = "constant") -> NDArray:
    """Return values (H, W, ...) moved down and to the right."""
    return ndimage.shift(values, (*by, *(0,) * (values.ndim - 2)), order=0, mode=mode)


def chosen(found: list, options: argparse.Namespace) -> list:
    """Return some of them, by chance."""
    order = np.random.default_rng(options.seed).permutation(len(found))[: options.objects]
    return [found[place] for place in sorted(order)]


def picture_of(path: Path) -> Path:
    """Return the image of a label image."""
    return next((path.parents[1] / "images").glob(f"{path.stem}.*"))


def click_every_plane(predictor: Predictor, stack: Stack) -> Cost:
    """Click on each plane from nothing."""
    cost = Cost(0, [])
    for plane, truth in zip(stack.planes, stack.truths, strict=True):
        clicks, mask = click(predictor, plane, truth, None)
        cost.clicks += clicks
        cost.ious.append(iou(mask, truth))
    return cost


def propagate_once(
    predictor: Predictor, stack: Stack, *, correct: bool = False, exact: bool = False
) -> Cost:
    """Click on the first plane and propagate; correct what is wrong and go on from there."""
    clicks, mask = (
        (0, stack.truths[0]) if exact else click(predictor, stack.planes[0], stack.truths[0], None)
    )
    cost = Cost(clicks, [iou(mask, stack.truths[0])])
    while (place := len(cost.ious)) < len(stack.planes):
        start = Prediction.from_array(mask, mask.shape)
        lost = None
        for reached in propagate(
            predictor, stack.planes.__getitem__, start, range(place, len(stack.planes))
        ):
            found, truth = reached.prediction.mask(), stack.truths[reached.index]
            cost.reached.append((iou(found, truth), reached.doubt))
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
    clicks, free = Prompts(), np.ones_like(truth)
    mask = np.zeros_like(truth) if start is None else start
    while len(clicks) < MOST_CLICKS and (iou(mask, truth) < TARGET or not clicks):
        clicks = clicks.add(simulated_click(truth, mask, not_clicked=free))
        free[clicks[-1].pixel] = False
        mask = replay.predict(clicks).mask()
    return len(clicks), mask


if __name__ == "__main__":
    main()
