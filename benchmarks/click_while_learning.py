"""What a click takes while the model learns in its process of the lowest priority.

    python benchmarks/click_while_learning.py --clicks 60

Clicks on disks are predicted alone, while a process learns from some of them, and alone again;
printed are the median and the 95th percentile of the milliseconds, the ratio of the percentiles,
and how many steps the process took meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor
from napari_iafpn.masks import BoxedMask
from napari_iafpn.prompts import Click
from napari_iafpn.training.adaptation import object_sample, write_objects
from napari_iafpn.training.finetuning import Step, event_from_json

SIDE, RADIUS, APART = 1024, 30, 128
PAUSE = 0.2
"""Seconds between two clicks: users look at what they got."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--model", default="default")
    parser.add_argument("--urgent", action="store_true", help="at the usual priority")
    options = parser.parse_args()
    plane, labels = disks()
    predictor = Predictor.load(options.model, "cpu")
    clicks(predictor, plane, 5)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_objects(home / "objects", samples(plane, labels))
        before = clicks(predictor, plane, options.clicks)
        process, steps = learning(home, options.model, urgent=options.urgent)
        while process.poll() is None and not steps:
            time.sleep(1.0)
        first = len(steps)
        meanwhile = clicks(predictor, plane, options.clicks)
        taken = len(steps) - first
        process.kill()
        process.wait()
        after = clicks(predictor, plane, options.clicks)
    alone = [*before, *after]
    for name, seconds in (("alone", alone), ("while it learns", meanwhile)):
        low, high = np.percentile(seconds, (50, 95)) * 1e3
        print(f"{name:16} median {low:7.0f} ms   95 % {high:7.0f} ms")
    ratio = np.percentile(meanwhile, 95) / np.percentile(alone, 95)
    print(f"95th percentile x {ratio:.2f}; {taken} steps meanwhile")


def disks() -> tuple[Plane, np.ndarray]:
    """Return an image of disks on a grid, and their ids."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    near = np.hypot(rows % APART - APART // 2, cols % APART - APART // 2) <= RADIUS
    ids = 1 + rows // APART * (SIDE // APART) + cols // APART
    noise = np.random.default_rng(0).integers(-12, 13, (SIDE, SIDE))
    return Plane((np.where(near, 170, 70) + noise).astype(np.uint8)), np.where(near, ids, 0)


def samples(plane: Plane, labels: np.ndarray) -> list:
    """Return ten of the disks as objects to learn from."""
    return [
        object_sample(
            str(label), plane, BoxedMask.of(labels == label), lambda box: labels[box.slices]
        )
        for label in range(1, 11)
    ]


def clicks(predictor: Predictor, plane: Plane, count: int) -> list[float]:
    """Return the seconds of first clicks on disks, with pauses in between."""
    seconds = []
    for number in range(count):
        row, col = (APART * (n % (SIDE // APART)) + APART // 2 for n in divmod(number, 8))
        time.sleep(PAUSE)
        start = time.perf_counter()
        predictor.predict(plane, [Click(row, col)])
        seconds.append(time.perf_counter() - start)
    return seconds


def learning(home: Path, model: str, *, urgent: bool) -> tuple[subprocess.Popen, list]:
    """Start the process as the window does; return it and the steps that it tells of."""
    arguments = ["adapt", "--objects", home / "objects", "--output", home / "new.safetensors"]
    arguments += ["--start", model, "--steps", "100000", *(["--urgent"] if urgent else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_iafpn", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    steps: list = []

    def listen() -> None:
        for line in process.stdout:
            event = event_from_json(line)
            if isinstance(event, Step):
                steps.append(event)

    threading.Thread(target=listen, daemon=True).start()
    return process, steps


if __name__ == "__main__":
    main()
