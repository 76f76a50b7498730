"""Evaluate a model on every set of a folder and print a table.

    python benchmarks/evaluate_val.py DATA_DIR --model default --output scores.json

DATA_DIR holds objects.json and one folder (images/, labels/) for each set it names. Results are
appended to OUTPUT's neighbour ``*.jsonl`` object by object, and a second run goes on from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_iafpn.clicks import Click
from napari_iafpn.evaluation import (
    ObjectResult,
    Sample,
    Summary,
    evaluate_set,
    read_folder,
    summarise,
    write_json,
)
from napari_iafpn.inference import Predictor
from napari_iafpn.networks import find_model

MAX_CLICKS = 20
SIZES = ("coarse_size", "fine_size", "min_crop")


def main() -> None:
    """Run the evaluation from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--model", default="default", help="a model's name or file")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--limit", type=int, help="at most this many objects of each set")
    for name in SIZES:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help="instead of the model's")
    options = parser.parse_args()
    weights = hashlib.sha256(find_model(options.model).read_bytes()).hexdigest()[:12]
    predictor = Predictor.load(options.model, options.device)
    sizes = {name: getattr(options, name) for name in SIZES if getattr(options, name) is not None}
    config = dataclasses.replace(predictor.cascade.config, **sizes)
    predictor.cascade.config = config
    sizes = {name: getattr(config, name) for name in SIZES}
    version = "-".join([weights, *map(str, sizes.values())])
    journal = Journal(options.output.with_suffix(".jsonl"), version)
    names = options.sets or sorted(json.loads((options.data / "objects.json").read_text()))
    summaries = {}
    for name in names:
        samples = journal.remaining(name, limited(read_folder(options.data / name), options.limit))
        evaluate_set(predictor, samples, MAX_CLICKS, progress=journal.writer(name))
        summaries[name] = summarise(journal.results[name], MAX_CLICKS)
        print(row(name, summaries[name]), flush=True)
    write_json(
        options.output,
        summaries,
        model=options.model,
        weights=weights,
        **sizes,
        device=str(predictor.device),
        max_clicks=MAX_CLICKS,
        limit=options.limit,
    )


class Journal:
    """The finished objects of all sets, in a file of one JSON line each.

    ``weights`` identifies model and sizes; lines of others are left alone.
    """

    def __init__(self, path: Path, weights: str) -> None:
        self.path, self.weights = path, weights
        self.results: dict[str, list[ObjectResult]] = {}
        for line in path.read_text().splitlines() if path.is_file() else ():
            entry = json.loads(line)
            if entry["weights"] != weights:
                continue
            clicks = tuple(Click(**click) for click in entry["clicks"])
            result = ObjectResult(
                entry["name"], clicks, tuple(entry["ious"]), tuple(entry["seconds"])
            )
            self.results.setdefault(entry["set"], []).append(result)

    def remaining(self, name: str, samples: Iterator[Sample]) -> Iterator[Sample]:
        """Leave out the objects that are finished."""
        done = {result.name for result in self.results.setdefault(name, [])}
        for sample in samples:
            left = tuple(o for o in sample.objects if sample.object_name(o) not in done)
            yield dataclasses.replace(sample, objects=left)

    def writer(self, name: str) -> Callable[[ObjectResult], None]:
        """Return a function that appends a result of the set ``name``."""

        def write(result: ObjectResult) -> None:
            self.results[name].append(result)
            entry = {"set": name, "weights": self.weights, **dataclasses.asdict(result)}
            with self.path.open("a") as file:
                file.write(json.dumps(entry) + "\n")

        return write


def limited(samples: Iterator[Sample], limit: int | None) -> Iterator[Sample]:
    """Yield the first ``limit`` objects."""
    left = limit
    for sample in samples:
        if left is not None and left <= 0:
            return
        objects = sample.objects[:left]
        yield dataclasses.replace(sample, objects=objects)
        left = None if left is None else left - len(objects)


def row(name: str, summary: Summary) -> str:
    """Return one line of the table."""
    noc = " / ".join(f"{summary.noc[target]:5.2f}" for target in ("80", "85", "90"))
    return (
        f"{name:20} {summary.objects:4} objects   NoC@80/85/90 {noc}   NoF@90 {summary.failures:3}"
        f"   mIoU@1 {summary.miou['1']:.3f}   {summary.seconds_per_click:.3f} s/click"
    )


if __name__ == "__main__":
    main()
