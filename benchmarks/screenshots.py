"""Drives the real window and saves what it looks like, to be looked at.

    python benchmarks/screenshots.py FOLDER [--sizes 1000x600 1366x768 1920x1080] [--theme light]

The states: empty, first click, editing, review of the table, an error, proposals, propagation. Set
`QT_SCALE_FACTOR=2` for a screen of twice the pixels, and run it under `xvfb-run -s "-screen 0
3840x2160x24"` where there is none. On two busy cores it takes about two minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import napari
import numpy as np
from qtpy.QtTest import QTest

from napari_iafpn.plugin.samples import load_labels
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.prompts import Click, simulated_click

PACKAGE, NAME = "napari-iafpn", "Click segmentation"
SIZES = ("1000x600", "1366x768", "1920x1080")
OBJECTS = 3


class Sitting:
    """A window, the panel in it, and its user."""

    def __init__(self, theme: str, home: Path) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.viewer.theme = theme
        self.panel = ClickSegmentation(self.viewer, paths=UserPaths(home))
        self.viewer.window.add_dock_widget(self.panel, name=NAME)
        self.controller = self.panel.annotator.controller
        self.wait()

    def wait(self) -> None:
        """Let the worker finish, and the canvas draw."""
        QTest.qWait(100)
        while self.controller.busy:
            QTest.qWait(50)
        QTest.qWait(100)

    def open(self, sample: str) -> None:
        """Open a sample in place of what there is."""
        self.viewer.layers.clear()
        self.viewer.open_sample(PACKAGE, sample)
        self.wait()

    def click(self, row: float, col: float, *, positive: bool = True) -> None:
        """Click on a place of the displayed plane."""
        self.controller.add(Click(row, col, positive))
        self.wait()

    def keep(self) -> None:
        """Keep the object at work."""
        self.controller.commit()
        self.wait()


def states(sitting: Sitting) -> Iterator[str]:
    """Bring the window into one state after the other; yield their names."""
    yield "empty"
    labels = load_labels("nuclei")
    nothing = np.zeros(labels.shape, bool)
    clicks = [simulated_click(labels == n, nothing) for n in range(1, labels.max() + 1)]
    middle = np.array(labels.shape) / 2
    places = [(click.row, click.col) for click in clicks]
    places.sort(key=lambda place: float(np.hypot(*(np.array(place) - middle))))
    sitting.open("nuclei")
    sitting.click(*places[0])
    yield "first_click"
    sitting.keep()
    for place in places[1:OBJECTS]:
        sitting.click(*place)
        sitting.keep()
    panel, annotator = sitting.panel, sitting.panel.annotator
    annotator.kept.edit(annotator.labels, 2)
    sitting.click(*places[1])
    yield "editing"
    sitting.controller.clear()
    sitting.click(*places[OBJECTS])
    panel.objects.reviewed.emit([1])
    panel.objects.choose([2])
    panel.objects.shown.emit(2)
    sitting.wait()
    yield "review"
    sitting.click(-50, 10)
    yield "error"
    sitting.controller.clear()
    panel.finding.review.find()
    while panel.finding.review.is_searching:
        QTest.qWait(50)
    sitting.viewer.reset_view()
    yield "proposals"
    sitting.open("brain")
    panel.folds["Stack"].unfold()
    image = annotator.image
    middle = image.data.shape[0] // 2
    sitting.viewer.dims.set_point(0, middle)
    sitting.click(image.data.shape[1] / 2, image.data.shape[2] / 2)
    panel.stack.planes.setValue(3)
    panel.propagate()
    sitting.wait()
    yield "propagation"


def main() -> None:
    """Save a picture of each state in each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--theme", default="dark")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        sitting = Sitting(given.theme, Path(home))
        for state in states(sitting):
            for size in given.sizes:
                sitting.viewer.window.resize(*map(int, size.split("x")))
                QTest.qWait(300)
                path = given.folder / f"{state}_{size}_{given.theme}.png"
                sitting.viewer.window.screenshot(str(path), flash=False, canvas_only=False)
        sitting.viewer.close()


if __name__ == "__main__":
    main()
