"""Whether every engine needs the same clicks: objects of annotated sets, with each engine.

    python benchmarks/engines.py FOLDER ... --objects 50

The protocol of `napari-iafpn evaluate` on whole images. Printed are, for each set and engine, the
clicks to 80, 85 and 90 %, and how many objects take as many clicks with each engine.
"""

from __future__ import annotations

import argparse
from itertools import islice

import numpy as np

from napari_iafpn.evaluation import Protocol, clicks_needed
from napari_iafpn.evaluation.protocol import evaluate_object
from napari_iafpn.evaluation.readers import open_set
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor

TARGETS = (0.8, 0.85, 0.9)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--objects", type=int, default=50)
    options = parser.parse_args()
    engines = {
        name: Predictor.load(options.model, "cpu", engine=name) for name in ("torch", "onnx")
    }
    for spec in options.sets:
        annotated = open_set(spec)
        clicks = {
            name: np.array(list(islice(counted(predictor, annotated), options.objects)))
            for name, predictor in engines.items()
        }
        for name, counts in clicks.items():
            means = " / ".join(f"{mean:.3f}" for mean in counts.mean(axis=0))
            print(f"{spec.rsplit('/', 1)[-1]}, {name}: {means}")
        same = (clicks["torch"] == clicks["onnx"]).all(axis=1)
        print(f"  as many clicks with both: {same.sum()} of {len(same)} objects", flush=True)


def counted(predictor, annotated):
    """Yield the clicks to each target, one object of each image after the other."""
    protocol = Protocol()
    samples = [annotated.read(index) for index in range(len(annotated))]
    for turn in range(max(len(sample.objects) for sample in samples)):
        for sample in samples:
            if turn < len(sample.objects):
                plane, label = Plane(sample.image), sample.objects[turn]
                found = evaluate_object(predictor, plane, sample, label, protocol=protocol)
                yield [clicks_needed(found.ious, t, protocol.max_clicks) for t in TARGETS]


if __name__ == "__main__":
    main()
