"""Records the real window, with a real mouse: three nuclei by hand, the others by themselves.

    python benchmarks/recording.py FILE.gif [--size 1000x640] [--width 760]

Run it under `xvfb-run -s "-screen 0 1366x768x24"` where there is no screen. While the network works
less is recorded than happens: the frames tell the steps, not the seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from screenshots import OBJECTS, Sitting

from napari_iafpn.plugin.samples import load_labels
from napari_iafpn.prompts import simulated_click

STEPS = 6
"""Frames of a movement of the mouse."""
LOOK = 12
"""Frames to look at what came."""
FRAME_MS = 90
COLOURS = 96
ARROW = ((0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12))


class Recorder:
    """Moves the mouse in a window and takes a frame after every change."""

    def __init__(self, sitting: Sitting, width: int) -> None:
        self._sitting, self._width = sitting, width
        self._window = sitting.viewer.window._qt_window
        self.canvas = sitting.viewer.window._qt_viewer.canvas
        self._at = QPoint(self._window.width() // 2, self._window.height() - 60)
        self.frames: list[Image.Image] = []

    def look(self, frames: int = 1) -> None:
        """Record what the window shows, ``frames`` times as long."""
        seen = self._sitting.viewer.window.screenshot(flash=False, canvas_only=False)
        frame = Image.fromarray(seen[..., :3])
        corners = [(self._at.x() + x, self._at.y() + y) for x, y in ARROW]
        ImageDraw.Draw(frame).polygon(corners, fill="white", outline="black")
        height = round(frame.height * self._width / frame.width)
        self.frames += [frame.resize((self._width, height), Image.Resampling.LANCZOS)] * frames

    def move(self, widget: QWidget, place: QPoint) -> None:
        """Move the mouse to a place of a widget."""
        start, goal = self._at, widget.mapTo(self._window, place)
        for step in range(1, STEPS + 1):
            part = step / STEPS
            part = part * part * (3 - 2 * part)
            self._at = QPoint(
                round(start.x() + (goal.x() - start.x()) * part),
                round(start.y() + (goal.y() - start.y()) * part),
            )
            QTest.qWait(20)
            self.look()

    def click(self, row: float, col: float) -> None:
        """Click on a pixel of the image, and watch until its mask is there."""
        x, y = self.canvas.view.scene.transform.map((col, row))[:2]
        place = QPoint(round(x), round(y))
        self.move(self.canvas.native, place)
        left = Qt.MouseButton.LeftButton
        QTest.mouseClick(self.canvas.native, left, pos=place)
        self._sitting.wait()
        self.look(LOOK)

    def press(self, button: QWidget, until: Callable[[], bool] = lambda: True) -> None:
        """Press a button, and watch until something holds."""
        self.move(button, button.rect().center())
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        QTest.qWait(200)
        self.look()
        while not until():
            QTest.qWait(300)
            self.look()
        self._sitting.wait()
        self.look(LOOK)

    def key(self, key: Qt.Key) -> None:
        """Press a key on the canvas."""
        QTest.keyClick(self.canvas.native, key)
        self._sitting.wait()
        self.look(LOOK // 2)

    def save(self, path: Path) -> None:
        """Write an endless GIF with one palette."""
        palette = self.frames[-1].quantize(COLOURS)
        first, *others = [
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames
        ]
        first.save(path, save_all=True, append_images=others, duration=FRAME_MS, loop=0)


def main() -> None:
    """Record three clicks, a search and the acceptance of what it found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("file", type=Path, metavar="FILE.gif")
    parser.add_argument("--size", default="1000x640")
    parser.add_argument("--width", type=int, default=760)
    given = parser.parse_args()
    labels = load_labels("nuclei")
    nothing = np.zeros(labels.shape, bool)
    clicks = [simulated_click(labels == n, nothing) for n in range(1, labels.max() + 1)]
    middle = np.array(labels.shape) / 2
    clicks.sort(key=lambda click: float(np.hypot(*((click.row, click.col) - middle))))
    with tempfile.TemporaryDirectory() as home:
        sitting = Sitting("dark", Path(home))
        for dock in ("dockLayerControls", "dockLayerList"):
            getattr(sitting.viewer.window._qt_viewer, dock).hide()
        sitting.viewer.window.resize(*map(int, given.size.split("x")))
        sitting.open("nuclei")
        QTest.qWait(1000)
        recorder = Recorder(sitting, given.width)
        recorder.look(LOOK)
        for click in clicks[:OBJECTS]:
            recorder.click(click.row, click.col)
            recorder.key(Qt.Key.Key_Return)
        finding = sitting.panel.finding
        recorder.press(finding.view.find_button, lambda: not finding.review.is_searching)
        recorder.press(finding.view.accept_all_button)
        recorder.look(2 * LOOK)
        sitting.viewer.close()
    recorder.save(given.file)


if __name__ == "__main__":
    main()
