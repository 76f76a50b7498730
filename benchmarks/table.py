"""What the table of objects costs with many objects, compared with few.

    xvfb-run -a python benchmarks/table.py --objects 10000

Opens napari with labels of a hundred squares and of many, and does with each what a user does with
the table. Prints milliseconds of processor time of the GUI thread, which no other program
lengthens, and in brackets how many times those of the few. As many objects are deleted of both.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation

FEW, DELETED = 100, 50
START, SETTLE = 1000, 60
"""Milliseconds: until the window is idle, and until what was changed is on the screen."""
STEP, SIDE = 20, 10
"""Pixels from one square to the next, and of a square."""


def main() -> None:
    """Print the table of both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=10_000)
    many = parser.parse_args().objects
    viewer = napari.Viewer()
    side = STEP * math.ceil(math.sqrt(many))
    viewer.add_image(np.zeros((side, side), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        widget = ClickSegmentation(viewer, paths=UserPaths(Path(folder)))
        viewer.window.add_dock_widget(widget, name="Click segmentation")
        QTest.qWait(START)
        few_times, many_times = (times(viewer, widget, side, count) for count in (FEW, many))
        print(f"{'ms of':12} {FEW:>10} {many:>20}")
        for part, first in few_times.items():
            print(f"{part:12} {first:10.1f} {many_times[part]:10.1f} ", end="")
            print(f"({many_times[part] / first:7.2f})")
        viewer.close()


def times(
    viewer: napari.Viewer, widget: ClickSegmentation, side: int, count: int
) -> dict[str, float]:
    """Return the milliseconds of each action on so many objects."""
    labels = viewer.add_labels(squares(side, count))
    QTest.qWait(START)
    table, controller, taken = widget.objects, widget.annotator.controller, {}

    def timed(part: str, act: Callable[[], object]) -> None:
        start = time.thread_time()
        act()
        QTest.qWait(SETTLE)
        taken[part] = 1000 * (time.thread_time() - start)

    timed("show", lambda: widget.annotator.set_labels(labels))
    down, up = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder
    timed("sort twice", lambda: [table.table.sortByColumn(0, order) for order in (down, up)])
    timed("choose all", table.table.selectAll)
    timed("reviewed", table.buttons["Reviewed"].click)
    timed("undo", controller.undo)
    table.choose(range(1, DELETED + 1))
    timed(f"delete {DELETED}", table.buttons["Delete"].click)
    timed("bring back", controller.undo)
    return taken


def squares(side: int, count: int) -> np.ndarray:
    """Return labels of squares in rows."""
    data = np.zeros((side, side), np.int32)
    across = side // STEP
    for place in range(count):
        row, col = divmod(place, across)
        row, col = row * STEP, col * STEP
        data[row : row + SIDE, col : col + SIDE] = place + 1
    return data


if __name__ == "__main__":
    main()
