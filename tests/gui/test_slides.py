"""Images of several resolutions and slow stores, clicked in the real window."""

import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box


@pytest.fixture
def open_slide(annotate, brightness, slide):
    """Open the slide with the canvas on the disk around (50 200, 40 200)."""

    def open_window():
        window = annotate(
            slide, multiscale=True, contrast_limits=(50, 200), load=lambda _: brightness
        )
        window.camera.center, window.camera.zoom = (50_250, 40_150), 0.7
        QTest.qWait(100)
        return window

    return open_window


def test_a_click_on_a_slide_gives_the_mask_where_it_was_clicked(open_slide, slide, brightness):
    window = open_slide()
    for level in slide:
        level.read.clear()
    window.click(50_200, 40_200)
    ((row, col, positive),) = window.clicks
    assert positive
    assert np.hypot(row - 50_200, col - 40_200) < 3
    box = Box(50_139, 50_262, 40_139, 40_262)
    rows, cols = np.mgrid[box.slices]
    expected = np.hypot(rows - 50_200, cols - 40_200) < 60
    assert np.array_equal(window.controller.mask.within(box), expected)
    preview, to_world = window.annotator.preview.layer, window.annotator.image.data_to_world
    for point in [(50_200, 40_200), (50_150, 40_200), (50_200, 40_250)]:
        assert preview.get_value(to_world(point), world=True)
    assert not preview.get_value(to_world((50_200, 40_270)), world=True)
    assert sum(len(level.read) for level in slide) < 60


def test_the_window_lives_while_a_store_is_slow(open_slide, slide, brightness, monkeypatch):
    """The store holds back what the worker reads; napari itself reads in the GUI thread."""
    gate, held = threading.Event(), threading.Event()
    read = type(slide[0]).__getitem__

    def slow(level, part):
        if threading.current_thread() is not threading.main_thread():
            held.set()
            assert gate.wait(20)
        return read(level, part)

    window = open_slide()
    monkeypatch.setattr(type(slide[0]), "__getitem__", slow)
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(held.is_set()))
    timer.start(10)
    try:
        window.click(50_200, 40_200, wait=False)
        window.qtbot.waitUntil(lambda: sum(ticks) >= 20, timeout=60000)
        assert window.controller.busy
        assert len(window.clicks) == 1
        window.click(50_210, 40_210, wait=False)
        assert len(window.clicks) == 2, "the next click is taken meanwhile"
    finally:
        gate.set()
        timer.stop()
    window.wait()
    assert window.controller.mask is not None


def test_the_timer_keeps_firing_while_each_chunk_takes_200_ms(open_slide, slide, monkeypatch):
    read, waited = type(slide[0]).__getitem__, []

    def slow(level, part):
        if threading.current_thread() is not threading.main_thread():
            chunks = len(level.touched(*part))
            waited.append(chunks)
            time.sleep(0.2 * chunks)
        return read(level, part)

    window = open_slide()
    monkeypatch.setattr(type(slide[0]), "__getitem__", slow)
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(window.controller.busy))
    timer.start(10)
    window.click(50_200, 40_200)
    timer.stop()
    assert window.controller.mask is not None
    assert sum(waited) >= 2
    assert sum(ticks) >= sum(waited), "of 20 in the time that each chunk takes"


def test_contrast_and_gamma_count_from_the_next_click_on(annotate, brightness):
    image = np.full((200, 300), 100, np.uint8)
    image[40:80, 50:100] = 150
    window = annotate(image, contrast_limits=(50, 200), load=lambda _: brightness)
    window.click(60, 70)
    window.annotator.image.gamma = 0.5
    window.annotator.image.contrast_limits = (100, 180)
    window.click(65, 75)
    seen = [(plane.limits, plane.gamma) for plane in brightness.planes]
    assert seen == [((50, 200), 1), ((100, 180), 0.5), ((100, 180), 0.5)]
    window.click(66, 76)
    assert len(brightness.planes) == 4, "the clicks before it are known"


@pytest.mark.parametrize("rgb", [False, True])
def test_the_network_sees_what_the_canvas_shows(annotate, brightness, rgb):
    values = np.array([[20, 60, 90], [120, 170, 220]], np.uint8).repeat(40, 0).repeat(40, 1)
    image = np.stack([values, values // 2, 255 - values], -1) if rgb else values
    window = annotate(image, rgb=rgb, load=lambda _: brightness)
    window.annotator.image.contrast_limits = (50, 200)
    window.annotator.image.gamma = 0.5
    window.click(20, 20)
    pixels = brightness.planes[-1].read(Box.whole(values.shape), values.shape)
    window.viewer.layers.selection.active = window.annotator.image
    for layer in window.viewer.layers:
        layer.visible = layer is window.annotator.image
    QTest.qWait(50)
    shown = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3] / 255
    ratio = shown.shape[1] / window.canvas.native.width()
    for row, col in [(20, 20), (20, 60), (20, 100), (60, 20), (60, 60), (60, 100)]:
        point = window.point_on_canvas((row, col))
        seen = shown[round(point.y() * ratio), round(point.x() * ratio)]
        np.testing.assert_allclose(pixels[:, row, col], seen, atol=0.02)
