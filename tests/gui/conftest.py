"""A real napari window, a hand that clicks in it, and a network whose answers are known."""

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest.mock import patch

import napari
import numpy as np
import pytest
from napari._qt.qt_viewer import QtViewer
from napari._vispy.canvas import VispyCanvas
from napari.settings import get_settings
from qtpy.compat import isalive
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.prompts import Prompts

RADIUS = 8
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
CONTROL = Qt.KeyboardModifier.ControlModifier


def disks(shape, prompts, radius=RADIUS):
    """Return what is near positive prompts, or enclosed by them, without what is near negative."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    prompts = Prompts.of(prompts)

    def near(positive):
        found = np.zeros(shape, bool)
        for prompt in (prompt for prompt in prompts if prompt.positive == positive):
            for row, col in prompt.pixels:
                found |= (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
            if (mask := prompt.first_mask()) is not None:
                found[prompt.extent.slices] |= mask > 0.5
        return found

    return near(True) & ~near(False)


@dataclass
class DiskPredictor:
    """Answers with `disks`, after ``seconds``, or with an exception."""

    seconds: float = 0.0
    error: Exception | None = None
    device: str = "stand-in"
    asked: list = field(default_factory=list)
    views: list = field(default_factory=list)
    threads: set = field(default_factory=set)

    def predict(self, plane, clicks, previous=None, *, view=None):
        self.asked.append(Prompts.of(clicks))
        self.views.append(view)
        self.threads.add(threading.current_thread())
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        mask = disks(plane.shape, clicks)
        whole = Box.whole(plane.shape)
        around = Box.around(mask)
        roi = (
            whole
            if around is None
            else around.resized_about_centre(around.height + 12, around.width + 12, whole)
        )
        probability = np.where(mask, 0.9, 0.1)[roi.slices].astype(np.float32)
        return Prediction(plane.shape, roi, probability, whole, self.seconds, self.device)


@pytest.fixture
def predictor():
    return DiskPredictor()


@pytest.fixture(autouse=True)
def _layers_go_quickly(monkeypatch):
    """Take layers away in the canvas's own context, and collect garbage only between tests.

    napari 0.9 does the first in whichever context is current, where it destroys what another
    window draws, and the second for every layer.
    """
    finish = getattr(VispyCanvas, "_clean_and_update_scenegraph", None)

    def finish_here(self):
        self._scene_canvas.set_current()
        finish(self)

    if finish is not None:
        monkeypatch.setattr(VispyCanvas, "_clean_and_update_scenegraph", finish_here)
        monkeypatch.setattr("napari._vispy.canvas.gc", SimpleNamespace(collect=lambda: None))


@pytest.fixture(scope="session")
def one_viewer(qapp):
    """The window of all tests that leave it open; a new one takes as long as most of them."""
    get_settings().reset()
    with patch("napari._qt.threads.status_checker.StatusChecker.start"):
        viewer = napari.Viewer(show_welcome_screen=False)
    QtViewer._instances.clear()  # `make_napari_viewer` takes what is in there for a leak
    yield viewer
    with patch.object(viewer.window._qt_window, "_save_current_window_settings"):
        viewer.close()


@pytest.fixture
def empty_viewer(one_viewer, qtbot):
    """A visible window without layers and docks."""
    qtbot.wait_exposed(one_viewer.window._qt_window)
    yield one_viewer
    one_viewer.window.remove_dock_widget("all")
    one_viewer.layers.clear()
    one_viewer.dims.ndisplay = 2
    getattr(one_viewer, "canvas", one_viewer).grid.enabled = False


@pytest.fixture
def annotate(empty_viewer, qtbot, predictor, tmp_path):
    """Open a window with an image and the docked widget; returns an `Annotation`."""
    windows = []

    def open_window(data, *, viewer=None, load=None, models=("stand-in",), wait=True, **options):
        paths = options.pop("paths", UserPaths(tmp_path / "home"))
        viewer = viewer or empty_viewer
        viewer.window.resize(1300, 900)
        if data is not None:
            viewer.add_image(data, name=options.pop("name", "image"), **options)
        widget = ClickSegmentation(
            viewer, load=load or (lambda _: predictor), models=models, paths=paths
        )
        viewer.window.add_dock_widget(widget, name="Click segmentation")
        window = Annotation(viewer, widget, qtbot)
        widget.annotator.controller.said.connect(window.messages.append)
        windows.append(window)
        qtbot.waitUntil(widget.isVisible)
        if wait:
            qtbot.waitUntil(lambda: not widget.annotator.controller.busy, timeout=60000)
        QTest.qWait(50)  # the canvas gets its final size
        viewer.reset_view()
        return window

    yield open_window
    for window in windows:
        if not isalive(window.widget):  # napari was closed
            continue
        native = window.widget
        if native.parent() is not None:
            window.viewer.window.remove_dock_widget(native)
        native.deleteLater()
        qtbot.wait(50)
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-iafpn")]


class Brightness:
    """Takes what is bright around the newest click, as it reads it, for the object."""

    device = "here"

    def __init__(self):
        self.planes = []

    def predict(self, plane, clicks, previous=None, *, view=None):
        self.planes.append(plane)
        whole = Box.whole(plane.shape)
        plane.read(view or whole, (256, 256))
        row, col = tuple(clicks)[-1].pixel
        roi = Box(row - 90, row + 90, col - 90, col + 90).intersection(whole)
        return Prediction(plane.shape, roi, plane.read(roi, roi.shape)[0].copy(), view or whole)


@pytest.fixture
def brightness():
    return Brightness()


@dataclass
class Annotation:
    """One window and its user."""

    viewer: object
    widget: ClickSegmentation
    qtbot: object
    messages: list = field(default_factory=list)

    @property
    def annotator(self):
        return self.widget.annotator

    @property
    def controller(self):
        return self.annotator.controller

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas

    def point_on_canvas(self, world):
        """Canvas position of a world point, through the scene's own transform."""
        displayed = self.viewer.dims.displayed
        x, y = world[displayed[1]], world[displayed[0]]
        return QPoint(*(round(v) for v in self.canvas.view.scene.transform.map((x, y))[:2]))

    def click(self, *world, button=LEFT, modifier=Qt.KeyboardModifier.NoModifier, wait=True):
        """Press and release a mouse button over a world point."""
        point = self.point_on_canvas(world)
        assert self.canvas.native.rect().contains(point), f"{world} is not on the canvas"
        QTest.mouseClick(self.canvas.native, button, modifier, point)
        if wait:
            self.wait()

    def drag(self, start, stop, button=LEFT):
        """Press at one world point and release at another."""
        native, a, b = self.canvas.native, *map(self.point_on_canvas, (start, stop))
        QTest.mousePress(native, button, pos=a)
        for step in (0.3, 0.6, 0.95, 1.0):  # a busy machine may skip one
            QTest.mouseMove(native, a + (b - a) * step)
            QTest.qWait(50)  # napari throttles moves
        QTest.mouseRelease(native, button, pos=b)
        QTest.qWait(20)

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        """Press a key over the canvas."""
        QTest.keyClick(self.canvas.native, key, modifier)
        self.wait()

    def wait(self):
        """Let the worker finish."""
        QTest.qWait(10)
        self.qtbot.waitUntil(lambda: not self.controller.busy, timeout=60000)

    def resume(self):
        """Go on with the first session on offer."""
        view = self.widget.sessions.view
        view.resume_button.click()
        self.qtbot.waitUntil(lambda: not view.isVisible(), timeout=60000)
        self.wait()

    @property
    def clicks(self):
        current = self.controller.current
        return [] if current is None else [(c.row, c.col, c.positive) for c in current.clicks]

    @property
    def status(self):
        return self.widget.status.text

    def says(self, sentence):
        """Whether the status line begins with a sentence; the panel writes it with a capital."""
        return self.status.casefold().startswith(sentence.casefold())

    def preview(self, shape):
        """The mask that the preview layer shows, sampled at every pixel of a 2D image's plane."""
        return self.shown(self.annotator.preview.layer, shape)

    def shown(self, layer, shape):
        """Sample a Labels layer through the world at the pixels of the displayed image plane."""
        if layer is None:
            return np.zeros(shape, int)
        image, plane = self.annotator.image, self.controller.plane
        origin, down, right = (
            np.array(layer.world_to_data(image.data_to_world(plane.to_data(*point))))
            for point in ((0, 0), (1, 0), (0, 1))
        )
        rows, cols = np.mgrid[: shape[0], : shape[1]][..., None]
        index = np.round(origin + rows * (down - origin) + cols * (right - origin)).astype(int)
        inside = ((index >= 0) & (index < layer.data.shape)).all(axis=-1)
        seen = np.zeros(shape, int)
        seen[inside] = layer.data[tuple(index[inside].T)]
        return seen

    @property
    def camera(self):
        return getattr(self.viewer, "scene", self.viewer).camera


@pytest.fixture(name="disks")
def disks_fixture():
    return disks
