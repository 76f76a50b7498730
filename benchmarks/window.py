"""How long the window keeps the user waiting: what a click costs beside the network.

    xvfb-run -a -s '-screen 0 1366x768x24' python benchmarks/window.py --objects 10

Opens napari with a sample, then the panel, waits until the model is ready, and clicks on objects
with a real mouse, one after the other, each kept with Enter. Printed are the seconds from opening
the panel until the model is ready; for the first click and for the median of the later ones, the
milliseconds from the press to the drawn mask, those in which the network worked, and the processor
time of the GUI thread, which no other program lengthens: in the press, and until the mask is drawn;
and the longest time for which a timer of 50 ms did not tick, until the model is ready and from the
first press on. At last the newcomer's path: what the user did, and the seconds from the start of
napari to the last kept object.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest

from napari_iafpn.masks import iou
from napari_iafpn.plugin.controller import AnnotationController
from napari_iafpn.plugin.messages import ModelReady, Report
from napari_iafpn.plugin.samples import load_labels
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.prompts import simulated_click

TICK, SETTLE = 50, 60
"""Milliseconds: of the heartbeat, and after which what was changed is on the screen."""
LEAST_AREA, GOOD, MOST_CLICKS = 150, 0.8, 4
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@dataclass(frozen=True)
class Waited:
    """What a click took, in seconds."""

    whole: float
    network: float
    press: float
    drawing: float


class Heartbeat:
    """The longest gap between two ticks of a timer, in seconds."""

    def __init__(self) -> None:
        self._last, self._longest = time.perf_counter(), 0.0
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(TICK)

    def _beat(self) -> None:
        now = time.perf_counter()
        self._longest, self._last = max(self._longest, now - self._last), now

    def taken(self) -> float:
        """Return it, and begin anew."""
        self._beat()
        longest, self._longest = self._longest, 0.0
        return longest


class Clock:
    """When the GUI thread began to take the newest report of the worker, in processor time.

    ``ready`` is when it knew that the model is ready, by the clock; 0 before.
    """

    def __init__(self, controller: AnnotationController) -> None:
        self.received, self.ready, receive = 0.0, 0.0, controller.receive

        def noted(report: Report) -> None:
            self.received = time.thread_time()
            if isinstance(report, ModelReady):
                self.ready = time.perf_counter()
            receive(report)

        controller.receive = noted


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sample", default="nuclei")
    parser.add_argument("--objects", type=int, default=10)
    options = parser.parse_args()
    begun = time.perf_counter()
    viewer = napari.Viewer()
    heartbeat = Heartbeat()
    viewer.window.resize(1366, 768)
    viewer.open_sample("napari-iafpn", options.sample)
    QTest.qWait(500)
    opened = time.perf_counter()
    _, widget = viewer.window.add_plugin_dock_widget("napari-iafpn", "Click segmentation")
    controller = widget.annotator.controller
    clock = Clock(controller)
    until(controller.changed, lambda: clock.ready > 0)
    print(f"ready {clock.ready - opened:.1f} s after the panel was opened; ", end="")
    print(f"longest freeze until then {1000 * heartbeat.taken():.0f} ms")
    labels = load_labels(options.sample)
    areas = np.bincount(labels.ravel())[1:]
    waited: list[Waited] = []
    for label in (np.flatnonzero(areas > LEAST_AREA) + 1)[: options.objects]:
        waited += annotated(viewer, widget, clock, labels == label)
    seconds = time.perf_counter() - begun
    print(f"longest freeze from the first press on {1000 * heartbeat.taken():.0f} ms")
    print(f"{'ms':<24} {'press to mask':>14} {'network':>9} {'GUI, press':>11} {'GUI, mask':>10}")
    for name, some in {"first click": waited[:1], "median of later ones": waited[1:]}.items():
        numbers = [1000 * median(getattr(w, key) for w in some) for key in vars(some[0])]
        print("{:<24} {:14.0f} {:9.0f} {:11.0f} {:10.0f}".format(name, *numbers))
    kept = len(np.unique(widget.annotator.labels.data)) - 1
    actions = 2 + len(waited) + options.objects
    print(f"{kept} objects after {actions} actions (2 menu entries, {len(waited)} clicks, ", end="")
    print(f"{options.objects} times Enter) and {seconds:.1f} s")
    viewer.close()


def annotated(
    viewer: napari.Viewer, widget: ClickSegmentation, clock: Clock, truth: np.ndarray
) -> list[Waited]:
    """Click on an object until it is good, and keep it."""
    mask, waited = np.zeros_like(truth), []
    controller = widget.annotator.controller
    while len(waited) < MOST_CLICKS and iou(mask, truth) < GOOD:
        place = simulated_click(truth, mask)
        waited.append(clicked(viewer, widget, clock, place))
        mask = controller.prediction.mask()
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    QTest.qWait(SETTLE)
    return waited


def clicked(
    viewer: napari.Viewer, widget: ClickSegmentation, clock: Clock, place: object
) -> Waited:
    """Click on a place of the image and wait for the mask."""
    canvas, controller = viewer.window._qt_viewer.canvas, widget.annotator.controller
    x, y = canvas.view.scene.transform.map((place.col, place.row))[:2]
    begun, worked = time.perf_counter(), time.thread_time()
    button = LEFT if place.positive else RIGHT
    QTest.mouseClick(canvas.native, button, pos=QPoint(round(x), round(y)))
    press = time.thread_time() - worked
    until(controller.changed, lambda: not controller.busy)
    return Waited(
        time.perf_counter() - begun - SETTLE / 1000,
        controller.prediction.seconds,
        press,
        time.thread_time() - clock.received,
    )


def until(signal: object, is_so: Callable[[], bool]) -> None:
    """Let Qt work until something is so, and what it draws is on the screen; nothing is polled."""
    loop = QEventLoop()

    def look() -> None:
        if is_so():
            QTimer.singleShot(SETTLE, loop.quit)

    signal.connect(look)
    look()
    loop.exec()
    signal.disconnect(look)


if __name__ == "__main__":
    main()
