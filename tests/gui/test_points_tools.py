"""The user's own hand in the Points layer changes the clicks and the mask."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.prompts import Click

CONTROL = Qt.KeyboardModifier.ControlModifier
RIGHT = Qt.MouseButton.RightButton
SHAPE = (60, 80)


@pytest.fixture
def window(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(20, 20)
    window.click(40, 60)
    window.click(43, 60, button=RIGHT)
    layer = window.annotator.clicks.layer
    window.viewer.layers.selection.active = layer
    return window


def pixels(window):
    return [(*Click(*click).pixel, click[2]) for click in window.clicks]


def mask_follows(window, disks):
    clicks = [Click(*click) for click in window.clicks]
    return np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, clicks))


def test_dragging_a_click(window, disks):
    window.annotator.clicks.layer.mode = "select"
    window.drag((20, 20), (30, 35))
    window.wait()
    assert pixels(window) == [(30, 35, True), (40, 60, True), (43, 60, False)]
    assert mask_follows(window, disks)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert pixels(window)[0] == (20, 20, True)
    assert mask_follows(window, disks)


def test_deleting_a_click(window, disks):
    layer = window.annotator.clicks.layer
    layer.mode = "select"
    window.click(40, 60)
    window.key(Qt.Key.Key_Delete)
    assert pixels(window) == [(20, 20, True), (43, 60, False)]
    assert mask_follows(window, disks)
    assert len(layer.data) == 2
    window.key(Qt.Key.Key_Z, CONTROL)
    assert pixels(window) == [(20, 20, True), (40, 60, True), (43, 60, False)]
    assert mask_follows(window, disks)


def test_adding_a_point_with_napari_s_tool(window, disks):
    window.annotator.clicks.layer.mode = "add"
    window.click(10, 70)
    assert pixels(window)[-1] == (10, 70, True)
    assert len(window.clicks) == 4
    assert mask_follows(window, disks)
    layer = window.annotator.clicks.layer
    assert layer.symbol[-1] == layer.symbol[0] != layer.symbol[2]
    assert np.array_equal(layer.face_color[-1], layer.face_color[0])


def test_a_click_dragged_out_of_the_image_comes_back(window):
    window.annotator.clicks.layer.mode = "select"
    before = pixels(window)
    window.drag((20, 20), (-5, 20))
    window.wait()
    assert "is outside the image" in window.status
    assert pixels(window) == before
    assert round(window.annotator.clicks.layer.data[0][0]) == 20


def test_clicking_goes_on_in_pan_zoom_mode_of_the_points_layer(window):
    window.click(10, 70)
    assert pixels(window)[-1] == (10, 70, True)


def test_deleting_the_clicks_layer_loses_nothing(window, disks):
    window.viewer.layers.remove(window.annotator.clicks.layer)
    window.viewer.layers.remove(window.annotator.preview.layer)
    window.click(10, 70)
    assert len(window.clicks) == 4
    assert len(window.annotator.clicks.layer.data) == 4
    assert mask_follows(window, disks)


def test_points_keep_their_size_on_the_screen(window):
    layer = window.annotator.clicks.layer
    before = layer.size[0] * window.camera.zoom
    window.camera.zoom *= 3
    QTest.qWait(20)
    assert layer.size[0] * window.camera.zoom == pytest.approx(before)
