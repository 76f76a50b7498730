"""Clicks on some objects before and after a model learned from others of their kind.

    python benchmarks/adaptation.py FOLDER ... [--learned 20] [--judged 30]

At most twelve objects of each image, images and objects in a drawn order: the first ones are
learned from, as in the window but without its trial, the others are counted on with both models, in
the surroundings that the window keeps. Printed are clicks to 85 %, the IoU after the first click,
how many objects took fewer clicks and how many more, and the seconds of learning, of one thread.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from napari_iafpn.evaluation.protocol import Protocol, evaluate_object
from napari_iafpn.evaluation.readers import LayerSet, open_set
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.masks import BoxedMask
from napari_iafpn.networks import find_model, load_cascade
from napari_iafpn.networks.threads import use_threads
from napari_iafpn.training.adaptation import adapt, object_sample

PROTOCOL = Protocol(target=0.90, max_clicks=20)
TARGET = 0.85
LEAST_AREA = 60
OF_AN_IMAGE = 12


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--learned", type=int, default=20)
    parser.add_argument("--judged", type=int, default=30)
    options = parser.parse_args()
    use_threads(1)
    start = load_cascade(find_model("default"))
    for spec in options.sets:
        annotated = open_set(spec)
        samples = drawn(annotated, options.learned + options.judged)
        learned, judged = samples[: options.learned], samples[options.learned :]
        began = time.process_time()
        model = adapt(start, LayerSet("yours", tuple(learned)))
        seconds = time.process_time() - began
        (before, first), (after, then) = (counted(each, judged) for each in (start, model))
        print(
            f"{annotated.name}: {before.mean():.2f} -> {after.mean():.2f} clicks, "
            f"IoU {first:.2f} -> {then:.2f}, {(after < before).sum()} fewer, "
            f"{(after > before).sum()} more, {seconds:.0f} s",
            flush=True,
        )


def drawn(annotated, count):
    """Return objects with their surroundings."""
    rng, found = np.random.default_rng([0, 9]), []
    for index in rng.permutation(len(annotated)).tolist():
        sample = annotated.read(index)
        plane, ids = Plane(sample.image), sample.instances
        for label in rng.permutation(list(sample.ids(LEAST_AREA)))[:OF_AN_IMAGE].tolist():
            mask, name = BoxedMask.of(ids == label), f"o{len(found)}"
            found.append(object_sample(name, plane, mask, lambda box, ids=ids: ids[box.slices]))
        if len(found) >= count:
            break
    return found[:count]


def counted(cascade, samples):
    """Return the clicks on each object, and the mean IoU after the first one."""
    predictor, clicks, first = Predictor(cascade), [], []
    for sample in samples:
        plane, label = Plane(sample.image, limits=(0, 255)), sample.objects[0]
        found = evaluate_object(
            predictor, plane, sample, label, protocol=PROTOCOL, view_scale=8.0
        ).ious
        reached = [place for place, iou in enumerate(found, 1) if iou >= TARGET]
        clicks.append(reached[0] if reached else PROTOCOL.max_clicks)
        first.append(found[0])
    return np.array(clicks), np.mean(first)


if __name__ == "__main__":
    main()
