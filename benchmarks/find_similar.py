"""How long finding similar objects takes in a real window, and whether the window stays alive.

    xvfb-run -a python benchmarks/find_similar.py --threads 2

The bundled nuclei, mirrored to the right and down, are a field of a hundred. Three are clicked,
then the whole plane is searched. Printed are the seconds to the first proposal and to the end, the
candidates that were drawn, the longest pause of a timer that fires every 50 ms, the time from a
click in the middle of the search to its mask, and the memory before and at most. Times of a machine
that does something else as well mean little: its load is printed too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
import psutil
import torch
from qtpy.QtCore import QTimer
from qtpy.QtTest import QTest

from napari_iafpn.finding.exemplars import deepest_click
from napari_iafpn.inference import Predictor
from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin.samples import load_image, load_labels
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation

SIDE = 1024
TICK = 50
"""Milliseconds."""


class Counting(Predictor):
    """Counts the candidates that it draws."""

    drawn = 0

    def predict_each(self, plane, batch, views, sizes=None):
        """Segment several objects."""
        Counting.drawn += len(batch)
        return super().predict_each(plane, batch, views, sizes)


def field(image: np.ndarray) -> np.ndarray:
    """Mirror an image to the right and down."""
    half = np.concatenate([image, image[:, ::-1]], axis=1)
    return np.concatenate([half, half[::-1]])[:SIDE, :SIDE]


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder))


def measure(folder: Path) -> None:
    """Click on three nuclei, search, and click on another one meanwhile."""
    image, labels = field(load_image("nuclei")), load_labels("nuclei")
    viewer = napari.Viewer(show=True)
    viewer.add_image(image, name="nuclei")
    widget = ClickSegmentation(viewer, load=Counting.load, paths=UserPaths(folder))
    viewer.window.add_dock_widget(widget)
    controller, review = widget.annotator.controller, widget.finding.review
    wait(lambda: controller.current is not None and not controller.busy)
    masks = [BoxedMask.of(labels == label) for label in np.unique(labels)[1:]]
    masks.sort(key=lambda mask: mask.area)
    for mask in (masks[len(masks) * n // 4] for n in (1, 2, 3)):
        controller.add(deepest_click(mask))
        wait(lambda: not controller.busy)
        controller.commit()
    ticks, pauses, process = [time.perf_counter()], [], psutil.Process()
    memory = [process.memory_info().rss]
    Counting.drawn = 0

    def tick() -> None:
        ticks.append(time.perf_counter())
        pauses.append(ticks[-1] - ticks[-2])
        memory.append(process.memory_info().rss)

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(TICK)
    start, cpu = time.perf_counter(), time.process_time()
    review.find(everywhere=True)
    wait(lambda: review.queue or not review.is_searching)
    first = time.perf_counter() - start
    wait(lambda: len(review.queue) > 10 or not review.is_searching)
    clicked = time.perf_counter()
    controller.add(review.queue[0].clicks[-1])
    wait(lambda: not controller.busy)
    answer = time.perf_counter() - clicked
    wait(lambda: not review.is_searching)
    seconds = time.perf_counter() - start
    timer.stop()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"first proposal after {first:.1f} s; all {len(review.queue)} after {seconds:.1f} s")
    print(
        f"candidates drawn: {Counting.drawn}; seconds of processor: {time.process_time() - cpu:.1f}"
    )
    print(f"a click meanwhile: {answer:.2f} s")
    print(f"the timer of {TICK} ms paused for {max(pauses):.2f} s at most")
    print(f"memory: {memory[0] / 2**20:.0f} MiB before, {max(memory) / 2**20:.0f} MiB at most")
    viewer.close()


def wait(done) -> None:
    """Let the window live until something is done."""
    while not done():
        QTest.qWait(10)


if __name__ == "__main__":
    main()
