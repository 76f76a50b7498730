"""Taking an object to other planes: with the mouse, the button and the keys, in a real window."""

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.plugin.propagating import BOTH

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
PLANES, SHAPE = 8, (60, 90)


def square(z):
    """Where the object is on a plane: it moves to the right and is not in the last one."""
    mask = np.zeros(SHAPE, bool)
    if z < PLANES - 1:
        mask[20:40, 10 + 4 * z : 30 + 4 * z] = True
    return mask


STACK = np.stack([square(z) for z in range(PLANES)]).astype(np.uint8) * 200


class SeesTheBright:
    """Finds the bright parts under the positive clicks; may wait until it is let go on."""

    device = "stand-in"

    def __init__(self):
        self.asked, self.waits_from = 0, float("inf")
        self.opened = threading.Event()

    def predict(self, plane, clicks, previous=None, *, view=None):
        self.asked += 1
        assert self.asked < self.waits_from or self.opened.wait(10)
        parts, _ = ndimage.label(np.asarray(plane.read(view, view.shape))[0] > 0.5)
        seen = np.zeros(plane.shape, parts.dtype)
        seen[view.slices] = parts
        wanted = {int(seen[click.pixel]) for click in clicks.positives} - {0}
        return Prediction.from_array(
            np.isin(seen, list(wanted)) * np.float32(0.9), plane.shape, Box.whole(plane.shape)
        )


@pytest.fixture
def bright():
    predictor = SeesTheBright()
    yield predictor
    predictor.opened.set()


@pytest.fixture
def window(annotate, bright):
    made = annotate(STACK, load=lambda _: bright)
    made.viewer.dims.set_point(0, 0)
    return made


def press(window):
    """Press the button, with the mouse."""
    window.widget.folds["Stack"].unfold()
    button = window.widget.stack.button
    assert button.isVisible()
    QTest.mouseClick(button, LEFT)


def planes_of(window, label=1):
    data = window.annotator.labels.data
    return [z for z in range(len(data)) if (data[z] == label).any()]


def double_click(window, *world):
    point = window.point_on_canvas(world)
    QTest.mouseClick(window.canvas.native, LEFT, pos=point)
    QTest.mouseDClick(window.canvas.native, LEFT, pos=point)
    window.wait()


def test_the_button_takes_the_object_through_the_stack_and_one_undo_takes_it_back(window):
    window.click(0, 30, 20)
    press(window)
    window.wait()
    data = window.annotator.labels.data
    assert all(np.array_equal(data[z] == 1, square(z)) for z in range(PLANES))
    assert "Stopped at plane 7: the object is no longer there" in window.status
    assert any(message.text == "Plane 2 of 7 …" for message in window.messages)
    assert window.viewer.dims.current_step[0] == 0, "the slider stays"
    window.key(Qt.Key.Key_Z, CONTROL)
    assert planes_of(window) == [0]
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert planes_of(window) == list(range(PLANES - 1))


def test_escape_stops_and_keeps_what_was_reached(window, bright):
    window.click(0, 30, 20)
    window.key(Qt.Key.Key_Return)
    bright.waits_from = bright.asked + 4
    press(window)
    window.qtbot.waitUntil(lambda: window.status.startswith("Plane 3 of 7"), timeout=60000)
    assert window.widget.status.spinner.isVisible()
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Escape)
    assert (
        "Stopped. Object 1 was propagated to planes 1 to 3. Undo takes them back." in window.status
    )
    bright.opened.set()
    window.wait()
    assert planes_of(window) == [0, 1, 2, 3]
    window.key(Qt.Key.Key_Z, CONTROL)
    assert planes_of(window) == [0]


def test_a_correction_goes_on_from_its_plane(window):
    window.click(0, 30, 20)
    press(window)
    window.wait()
    right = window.annotator.labels.data.copy()
    data = window.annotator.labels.data
    data[2:, 30:] = 0  # as if the network had lost a half
    window.annotator.labels.refresh()
    first = data[:2].copy()
    window.viewer.dims.set_point(0, 2)
    double_click(window, 2, 25, 30)
    assert window.controller.current.edited.label == 1
    assert planes_of(window) == [0, 1, 3, 4, 5, 6], "only the pixels of this plane are lifted"
    window.click(2, 38, 30)
    window.key(Qt.Key.Key_Return)
    assert np.array_equal(data[2], right[2])
    window.key(Qt.Key.Key_P, SHIFT)
    assert np.array_equal(data, right)
    assert np.array_equal(data[:2], first)


def test_how_far_and_along_which_slider(annotate, bright):
    window = annotate(np.stack([STACK] * 3), load=lambda _: bright)
    row = window.widget.stack
    window.viewer.dims.set_point(0, 1)
    window.viewer.dims.set_point(1, 4)
    assert not row.axis.isHidden()
    row.direction.setCurrentText(BOTH)
    row.planes.setValue(1)
    window.click(1, 4, 30, 40)
    press(window)
    window.wait()
    places = np.argwhere(window.annotator.labels.data.any(axis=(2, 3))).tolist()
    assert places == [[1, 3], [1, 4], [1, 5]]
    row.axis.setCurrentIndex(row.axis.findData(0))
    press(window)
    window.wait()
    places = np.argwhere(window.annotator.labels.data.any(axis=(2, 3))).tolist()
    assert places == [[0, 4], [1, 3], [1, 4], [1, 5], [2, 4]]


def test_there_is_no_row_for_one_plane(annotate, bright):
    window = annotate(STACK[0], load=lambda _: bright)
    assert not window.widget.folds["Stack"].isVisible()
    window.click(30, 20)
    window.key(Qt.Key.Key_P, SHIFT)
    assert "one plane only" in window.status
