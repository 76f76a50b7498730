"""Whether hours of annotating slow a window down: thousands of objects in one sitting.

    python benchmarks/soak.py --objects 2000

A real napari window gets real mouse clicks on a grid; each object takes two clicks and a commit. A
stand-in answers the clicks at once, so that what is timed is the window: from the press to the mask
on the screen, and from Enter to the object in the labels. Printed are the median times of the first
and the last tenth, and the memory before and after.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
import psutil
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.prompts import Prompts

SIDE, STEP, RADIUS = 1000, 20, 7


class Disks:
    """Answers each click with a disk around the positive ones."""

    device = "stand-in"

    def predict(self, plane, clicks, *_: object, **__: object):
        """Return the disks of all positive clicks."""
        clicks = Prompts.of(clicks)
        row, col = clicks.positives[0].pixel
        box = Box(row - 12, row + 13, col - 12, col + 13).intersection(Box.whole(plane.shape))
        rows, cols = np.mgrid[box.row_start : box.row_stop, box.col_start : box.col_stop]
        inside = np.zeros(box.shape, bool)
        for click in clicks.positives:
            inside |= (rows - click.row) ** 2 + (cols - click.col) ** 2 <= RADIUS**2
        probability = np.where(inside, 0.9, 0.1).astype(np.float32)
        return Prediction(plane.shape, box, probability, Box.whole(plane.shape), 0.0, self.device)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak(options.objects, Path(folder))


def soak(objects: int, folder: Path) -> None:
    """Annotate ``objects`` objects and print what it cost."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1300, 1000)
    viewer.add_image(np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8))
    widget = ClickSegmentation(
        viewer, load=lambda _: Disks(), models=("stand-in",), paths=UserPaths(folder)
    )
    viewer.window.add_dock_widget(widget, name="Click segmentation")
    QTest.qWait(500)
    viewer.reset_view()
    QTest.qWait(200)
    canvas = viewer.window._qt_viewer.canvas
    clicks, commits, memory = [], [], []
    places = [(r, c) for r in range(10, SIDE, STEP) for c in range(10, SIDE, STEP)]
    for number in range(objects):
        row, col = places[number % len(places)]
        if number == objects // 20:
            memory.append(resident())
        for shift in (0, 2):
            x, y = canvas.view.scene.transform.map((col + shift, row))[:2]
            clicks.append(timed(widget, canvas, QPoint(round(x), round(y))))
        start = time.perf_counter()
        QTest.keyClick(canvas.native, Qt.Key.Key_Return)
        QApplication.processEvents()
        commits.append(time.perf_counter() - start)
    memory.append(resident())
    report(clicks, commits, memory, widget)
    viewer.close()


def timed(widget: ClickSegmentation, canvas: object, point: QPoint) -> float:
    """Return the seconds from a click to its mask."""
    start = time.perf_counter()
    QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=point)
    while widget.annotator.controller.busy:
        QApplication.processEvents()
    QApplication.processEvents()
    return time.perf_counter() - start


def resident() -> float:
    """Return the memory of the process in MB."""
    return psutil.Process(os.getpid()).memory_info().rss / 2**20


def report(
    clicks: list[float], commits: list[float], memory: list[float], widget: ClickSegmentation
) -> None:
    """Print medians of the first and the last tenth."""
    labels = widget.annotator.labels
    print(f"objects in the labels: {len(np.unique(labels.data)) - 1}")
    for name, times in (("click to mask", clicks), ("commit", commits)):
        tenth = max(len(times) // 10, 1)
        first, last = (statistics.median(part) for part in (times[:tenth], times[-tenth:]))
        print(
            f"{name:14} first tenth {first * 1e3:6.1f} ms, last tenth {last * 1e3:6.1f} ms, "
            f"ratio {last / first:.2f}"
        )
    print(f"memory         {memory[0]:.0f} MB -> {memory[1]:.0f} MB, {memory[1] - memory[0]:+.0f}")
    path = widget.sessions.keeper.path
    widget.sessions.keeper.flush()
    print(f"journal        {path.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
