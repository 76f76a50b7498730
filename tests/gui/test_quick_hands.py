"""Fast clicks and keys with a slow network give what slow ones give."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_iafpn.prompts import Click

SHAPE = (60, 80)
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
PLACES = [(15, 15), (15, 40), (15, 65), (45, 15), (45, 40), (45, 65)]


@pytest.fixture
def window(annotate):
    return annotate(np.zeros(SHAPE, np.uint8))


def act(window, name, place):
    native, point = window.canvas.native, window.point_on_canvas(place)
    if name in ("click", "right"):
        QTest.mouseClick(native, RIGHT if name == "right" else LEFT, pos=point)
    elif name == "double":
        QTest.mouseClick(native, LEFT, pos=point)
        QTest.mouseDClick(native, LEFT, pos=point)
    elif name == "edit":
        window.viewer.cursor.position = place
        QTest.keyClick(native, Qt.Key.Key_E, SHIFT)
    elif name in ("box", "stroke"):
        key = {"box": Qt.Key.Key_R, "stroke": Qt.Key.Key_T}[name]
        QTest.keyClick(native, key, SHIFT)
        QTest.mousePress(native, LEFT, pos=point)
        QTest.mouseRelease(native, LEFT, pos=point + QPoint(30, 24))
        QTest.keyClick(native, key, SHIFT)
    elif name == "redo":
        QTest.keyClick(native, Qt.Key.Key_Z, CONTROL | SHIFT)
    else:
        key = {"commit": Qt.Key.Key_Return, "undo": Qt.Key.Key_Z}[name]
        QTest.keyClick(native, key, CONTROL if name == "undo" else Qt.KeyboardModifier.NoModifier)


def result(window):
    window.wait()
    labels = window.annotator.labels
    data = np.zeros(SHAPE, int) if labels is None else labels.data.copy()
    return data, list(window.controller.current.clicks)


def test_click_enter_click_enter_keeps_three_objects(window, predictor, disks):
    predictor.seconds = 0.4
    for place in PLACES[:3]:
        act(window, "click", place)
        shown = window.annotator.clicks.read()
        assert [click.pixel for click in shown] == [place], "the click is seen at once"
        act(window, "commit", place)
        assert len(window.annotator.clicks.read()) == 0, "the next object has none yet"
    data, clicks = result(window)
    for label, place in enumerate(PLACES[:3], 1):
        assert np.array_equal(data == label, disks(SHAPE, [Click(*place)]))
    assert clicks == []


def test_an_object_is_edited_right_after_its_commit(window, predictor, disks):
    predictor.seconds = 0.3
    act(window, "click", PLACES[0])
    act(window, "commit", PLACES[0])
    act(window, "double", PLACES[0])
    window.wait()
    assert window.controller.current.edited.label == 1
    assert window.clicks == []
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [Click(*PLACES[0])]))


def test_escape_drops_what_waits_and_says_so(window, predictor):
    predictor.seconds = 2.0
    act(window, "click", PLACES[0])
    act(window, "commit", PLACES[0])
    act(window, "click", PLACES[1])
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Escape)
    window.wait()
    told = "Repeat what you did after it (1 step)."
    assert any(message.text.endswith(told) for message in window.messages)
    assert [Click(*click).pixel for click in window.clicks] == [PLACES[0]]


@pytest.mark.parametrize("seed", range(3))
def test_random_sequences(make_napari_viewer, annotate, predictor, seed):
    rng = np.random.default_rng(seed)
    names = [
        "click",
        "click",
        "click",
        "commit",
        "commit",
        "undo",
        "redo",
        "double",
        "edit",
        "right",
        "box",
        "stroke",
    ]
    actions = [(str(rng.choice(names)), PLACES[rng.integers(len(PLACES))]) for _ in range(18)]
    results = []
    for seconds in (0.0, 0.08):
        window = annotate(np.zeros(SHAPE, np.uint8), viewer=make_napari_viewer(show=True))
        predictor.seconds = seconds
        for action in actions:
            act(window, *action)
            if not seconds:
                window.wait()
        results.append(result(window))
    (slow, slow_clicks), (quick, quick_clicks) = results
    assert np.array_equal(quick, slow), actions
    assert quick_clicks == slow_clicks
