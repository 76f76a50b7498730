"""The window stays alive while the network works, and only the newest click counts."""

import threading

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

from napari_iafpn.plugin.common.parts import Spinner
from napari_iafpn.prompts import Click

SHAPE = (60, 80)


def test_a_click_during_a_slow_prediction(annotate, predictor, disks):
    window = annotate(np.zeros(SHAPE, np.uint8))
    predictor.seconds = 1.5
    ticks, shown = [], []
    timer = QTimer()
    timer.setInterval(50)
    timer.timeout.connect(lambda: ticks.append(None))
    window.controller.changed.connect(lambda: shown.append(window.controller.prediction))
    timer.start()
    window.click(20, 20, wait=False)
    QTest.qWait(100)
    assert window.widget.status.spinner.busy
    window.click(40, 60, wait=False)
    window.wait()
    timer.stop()
    assert len(ticks) >= 8, "the GUI thread was blocked: 3 s of prediction"
    assert not window.widget.status.spinner.busy
    both = [Click(*click) for click in window.clicks]
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, both))
    masks = [p.mask() for p in shown if p is not None]
    assert masks
    assert all(np.array_equal(mask, disks(SHAPE, both)) for mask in masks), "a stale mask was shown"


def test_the_network_never_runs_in_the_gui_thread(annotate, predictor):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(20, 20)
    window.click(22, 20)
    assert {thread.name for thread in predictor.threads} == {"napari-iafpn"}


def test_a_loading_model_does_not_block(annotate, predictor, disks):
    gate = threading.Event()

    def load(_):
        gate.wait(10)
        return predictor

    window = annotate(None, load=load, wait=False)
    window.viewer.add_image(np.zeros(SHAPE, np.uint8))
    window.qtbot.waitUntil(lambda: "Loading the model stand-in" in window.widget.status.quiet_text)
    assert window.widget.status.spinner.busy
    window.viewer.reset_view()
    window.click(30, 40, wait=False)
    QTest.qWait(50)
    assert len(window.clicks) == 1
    gate.set()
    window.wait()
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [Click(*window.clicks[0])]))


def test_escape_stops_and_keeps_the_clicks(annotate, predictor):
    window = annotate(np.zeros(SHAPE, np.uint8))
    predictor.seconds = 2.0
    window.click(20, 20, wait=False)
    QTest.qWait(50)
    window.key(Qt.Key.Key_Escape)
    assert window.status.startswith("Stopped")
    QTest.qWait(2400)
    assert window.controller.prediction is None
    assert not window.preview(SHAPE).any()
    assert len(window.clicks) == 1
    window.key(Qt.Key.Key_Return)
    assert window.annotator.labels.data.any()


def test_the_status_line_tells_time_and_device(annotate, predictor):
    window = annotate(np.zeros(SHAPE, np.uint8))
    predictor.seconds = 0.12
    window.click(20, 20)
    assert window.widget.status.quiet_text == "0.12 s per click on stand-in."


def test_hiding_the_widget_ends_the_thread_and_showing_it_goes_on(annotate, predictor, disks):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(30, 40)
    dock = window.widget.parent()
    dock.hide()
    assert not [t for t in threading.enumerate() if t.name == "napari-iafpn"]
    window.click(20, 20)
    assert len(window.clicks) == 1
    dock.show()
    window.wait()
    window.click(20, 20)
    clicks = [Click(*click) for click in window.clicks]
    assert len(clicks) == 2
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, clicks))


def test_closing_the_widget_takes_its_layers_away(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(30, 40)
    window.key(Qt.Key.Key_Return)
    window.click(20, 20)
    window.viewer.window.remove_dock_widget(window.widget)
    assert [layer.name for layer in window.viewer.layers] == ["image", "Objects of image"]
    assert not window.viewer.keymap


def test_what_is_quick_turns_nothing_and_what_is_slow_a_few_times_a_second(qtbot):
    """A turn draws the whole window anew where the processor computes the graphics."""
    spinner = Spinner()
    qtbot.addWidget(spinner)
    still = spinner.grab().toImage()
    spinner.set_busy(True)
    assert spinner.grab().toImage() == still
    drawn = []
    spinner.show()
    spinner.paintEvent = lambda event: drawn.append(Spinner.paintEvent(spinner, event))
    qtbot.waitUntil(lambda: spinner.grab().toImage() != still)
    before = len(drawn)
    QTest.qWait(1000)
    assert 1 <= len(drawn) - before <= 5
    spinner.set_busy(False)
    assert spinner.grab().toImage() == still
