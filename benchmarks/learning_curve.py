"""Clicks for each object with a model that learns from the objects before it, and without.

    python benchmarks/learning_curve.py FOLDER ... --output RUN [--orders 3] [--others FOLDER ...]

The objects are annotated as in the protocol of whole images, twenty of each image, images and
objects in an order of their own for each seed, and kept when their overlap with the truth is the
target. Each object is counted before anything learns from it; when a model learns and is taken is
decided as in the window. RUN keeps each finished order, so the same command goes on; commands for
other sets may share it.

Printed are, for each set, the clicks on ten objects after the other; the change over all objects
after the first ten, with its 95 % interval (bootstrap over images); how many of the trials were
won; and the seconds of learning and trying, of one thread. Of the other sets the clicks with the
first model, and the change with the last model of each set's first order.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_iafpn.evaluation.images import ImageProtocol, annotate_image
from napari_iafpn.evaluation.images.annotating import objects_in_order
from napari_iafpn.evaluation.protocol import Protocol, evaluate_object
from napari_iafpn.evaluation.readers import open_set
from napari_iafpn.evaluation.statistics import compare_paired
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.networks import find_model, load_cascade
from napari_iafpn.networks.threads import use_threads
from napari_iafpn.training.adaptation import Learner
from napari_iafpn.training.adaptation.wording import EVERY, is_better

OF_AN_IMAGE = 20
VIEW = 8.0


def main() -> None:
    """Annotate what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--objects", type=int, default=60)
    parser.add_argument("--target", type=float, default=0.85)
    parser.add_argument("--others", nargs="*", default=[])
    parser.add_argument("--other-objects", type=int, default=20)
    options = parser.parse_args()
    use_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    sets, others = ([open_set(spec) for spec in given] for given in (options.sets, options.others))
    for order in range(1, options.orders + 1):
        for annotated in sets:
            path = options.output / f"{annotated.name}-{order}.json"
            if not path.exists():
                found, learned = annotated_once(annotated, order, options.objects, options.target)
                known = others if order == 1 else ()
                found["others"] = {
                    other.name: compared(learned, other, options.other_objects, options.target)
                    for other in known
                }
                path.write_text(json.dumps(found))
    print("set, change after the first ten, first IoU, ten by ten, taken, seconds")
    for annotated in sets:
        print_set(annotated.name, options.output)


def annotated_once(annotated, order, count, target):
    """Annotate objects in one order with both models; return what came of it, and the last one."""
    start = load_cascade(find_model("default"))
    first, learner = Predictor(start), Learner(start, EVERY)
    found = {"images": [], "clicks": [], "first_iou": [], "seconds": [0.0, 0.0]}
    for index in np.random.default_rng(order).permutation(len(annotated)).tolist():
        sample = annotated.read(index)
        left = min(count - len(found["images"]), OF_AN_IMAGE)
        if not (chosen := tuple(objects_in_order(sample, order)[:left])):
            continue
        sample, plane = replace(sample, objects=chosen), Plane(sample.image)
        runs = []
        for place, learns in enumerate((None, learner)):
            began = time.process_time()
            protocol = ImageProtocol(seed=order, target=target)
            runs.append(annotate_image(first, plane, sample, protocol, learner=learns).objects)
            found["seconds"][place] += time.process_time() - began
        for before, after in zip(*runs, strict=True):
            found["clicks"].append([before.clicks, after.clicks])
            found["first_iou"].append([before.first_iou, after.first_iou])
        found["images"] += [sample.name] * len(chosen)
    found["taken"] = [is_better(gain) for _, gain in learner.trials]
    return found, learner.predictor


def compared(learned, annotated, count, target):
    """Return the clicks on some objects with the first model and with another, and their images."""
    clicks, images = [], []
    models = Predictor(load_cascade(find_model("default"))), learned
    rng = np.random.default_rng(0)
    for index in (rng.permutation(len(annotated)).tolist() * count)[:count]:
        sample = annotated.read(index)
        plane, label = Plane(sample.image), int(rng.choice(objects_in_order(sample)))
        given = {"protocol": Protocol(target=target), "view_scale": VIEW}
        runs = [evaluate_object(model, plane, sample, label, **given) for model in models]
        clicks.append([len(run.ious) for run in runs])
        images.append(sample.name)
    return {"clicks": clicks, "images": images}


def print_set(name, output):
    """Print what came of all orders of a set."""
    orders = [json.loads(path.read_text()) for path in sorted(output.glob(f"{name}-*.json"))]
    clicks = np.array([each["clicks"] for each in orders])  # orders, objects, before and after
    later, images = clicks[:, EVERY:], [name for each in orders for name in each["images"][EVERY:]]
    first = np.array([each["first_iou"] for each in orders])[:, EVERY:].mean((0, 1))
    tens = clicks.reshape(len(orders), -1, EVERY, 2).mean((0, 2))
    taken = [was for each in orders for was in each["taken"]]
    spent = np.mean([each["seconds"][1] - each["seconds"][0] for each in orders])
    print(
        f"{name}, {told(later.reshape(-1, 2), images)}, {first[0]:.2f} -> {first[1]:.2f}, "
        + " ".join(f"{before:.1f}/{after:.1f}" for before, after in tens)
        + f", {sum(taken)} of {len(taken)}, {spent:.0f}"
    )
    for other, found in orders[0]["others"].items():
        print(f"    then {other}: {told(np.array(found['clicks']), found['images'])}")


def told(clicks, images):
    """Tell the mean clicks (N, 2) with both models, and the change in per cent."""
    before, after = clicks.mean(axis=0)
    gained = compare_paired(clicks[:, 0], clicks[:, 1], images).difference
    low, high = gained.low / before, gained.high / before
    return f"{before:.2f} -> {after:.2f} ({after / before - 1:+.0%}, {low:+.0%} to {high:+.0%})"


if __name__ == "__main__":
    main()
