"""Boxes and strokes drawn in the real window with the mouse."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.clicks import BoxPrompt, Click, Stroke
from napari_iafpn.geometry import Box
from napari_iafpn.plugin.views import CLICKS

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SHAPE = (60, 80)


@pytest.fixture
def window(annotate):
    return annotate(np.zeros(SHAPE, np.uint8))


def take(window, tool):
    window.widget.object.tool.value = tool


def prompts(window):
    return list(window.controller.current.clicks)


def trace(window, *places, button=LEFT, modifier=Qt.KeyboardModifier.NoModifier, release=True):
    """Press at the first place, come along the others, release at the last."""
    native = window.canvas.native
    points = [window.point_on_canvas(place) for place in places]
    QTest.mousePress(native, button, modifier, pos=points[0])
    for before, point in zip(points, points[1:], strict=False):
        for share in (0.25, 0.5, 0.75, 1.0):
            QTest.mouseMove(native, before + (point - before) * share)
            QTest.qWait(30)  # napari throttles moves
    if release:
        QTest.mouseRelease(native, button, modifier, pos=points[-1])
        QTest.qWait(20)
        window.wait()


def test_a_drag_with_the_box_is_a_box_and_shows_its_mask(window):
    take(window, "box")
    centre = window.camera.center
    trace(window, (20, 30), (40, 61))
    assert prompts(window) == [BoxPrompt(Box(20, 41, 30, 62))]
    assert window.camera.center == centre
    assert window.preview(SHAPE).any()
    assert "1 box" in window.widget.object.title.value


def test_the_box_is_seen_while_it_is_drawn(window):
    take(window, "box")
    trace(window, (20, 30), (40, 61), release=False)
    lines = window.annotator.prompts.layer
    assert len(lines.data) == 4
    assert prompts(window) == []
    QTest.mouseRelease(window.canvas.native, LEFT, pos=window.point_on_canvas((40, 61)))
    window.wait()
    assert len(lines.data) == 4
    assert lines.data[:, 0].min(axis=0) == pytest.approx((19.5, 29.5))
    assert lines.data[:, 0].max(axis=0) == pytest.approx((40.5, 61.5))
