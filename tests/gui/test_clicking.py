"""Clicks in the real window: signs, masks, undo, commits."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_iafpn.plugin.mask_preview import MASK, OUTLINE, RING
from napari_iafpn.prompts import Click

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
RIGHT = Qt.MouseButton.RightButton
SHAPE = (60, 80)


@pytest.fixture
def window(annotate):
    return annotate(np.zeros(SHAPE, np.uint8))


def near(clicks, *expected):
    """Whether the clicks are those expected; a canvas pixel is smaller than half an image pixel."""
    return len(clicks) == len(expected) and all(
        abs(a[0] - b[0]) < 0.5 and abs(a[1] - b[1]) < 0.5 and a[2] == b[2]
        for a, b in zip(clicks, expected, strict=True)
    )


def now(window):
    return [Click(*click) for click in window.clicks]


def test_a_left_click_shows_the_mask(window, disks):
    window.click(30, 40)
    assert near(window.clicks, (30, 40, True))
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, now(window)))
    assert set(np.unique(window.preview(SHAPE))) == {0, MASK, OUTLINE, RING}


@pytest.mark.parametrize(
    "how", [{"button": RIGHT}, {"modifier": CONTROL}], ids=["right", "control-left"]
)
def test_a_negative_click_takes_away(window, disks, how):
    window.click(30, 40)
    window.click(34, 44, **how)
    assert near(window.clicks, (30, 40, True), (34, 44, False))
    expected = disks(SHAPE, now(window))
    assert 0 < expected.sum() < disks(SHAPE, now(window)[:1]).sum()
    assert np.array_equal(window.preview(SHAPE) > 0, expected)


def test_points_tell_the_sign_by_colour_and_shape(window):
    window.click(30, 40)
    window.click(34, 60, button=RIGHT)
    points = window.annotator.clicks.layer
    green, red = points.face_color
    assert green[1] > green[0]
    assert red[0] > red[1]
    assert points.symbol[0] != points.symbol[1]


def test_a_drag_pans_and_is_no_click(window):
    centre = window.camera.center
    window.drag((30, 40), (40, 60))
    assert window.clicks == []
    assert window.camera.center != centre


def test_a_right_drag_is_no_click(window):
    window.drag((30, 40), (40, 40), button=RIGHT)
    assert window.clicks == []


def test_a_double_click_does_not_zoom(window):
    zoom = window.camera.zoom
    point = window.point_on_canvas((30, 40))
    native = window.canvas.native
    QTest.mouseClick(native, Qt.MouseButton.LeftButton, pos=point)
    QTest.mouseDClick(native, Qt.MouseButton.LeftButton, pos=point)
    window.wait()
    assert window.camera.zoom == zoom
    assert len(window.clicks) >= 1


def test_the_active_layer_and_the_camera_stay(window):
    image, camera = window.viewer.layers["image"], window.camera.model_copy()
    window.click(30, 40)
    window.key(Qt.Key.Key_Return)
    assert window.viewer.layers.selection.active is image
    assert set(window.viewer.layers.selection) == {image}
    assert (window.camera.center, window.camera.zoom) == (camera.center, camera.zoom)


def test_clicks_are_napari_s_when_annotating_is_off(window):
    window.widget.annotating.setChecked(False)
    window.click(30, 40)
    assert window.clicks == []
    assert any(
        call.__name__ == "double_click_to_zoom"
        for call in window.viewer.mouse_double_click_callbacks
    )
    window.widget.annotating.setChecked(True)
    window.click(30, 40)
    assert near(window.clicks, (30, 40, True))


def test_clicks_are_a_brush_s_while_it_paints(window):
    labels = window.viewer.add_labels(np.zeros(SHAPE, int))
    labels.mode = "paint"
    window.click(30, 40)
    assert window.clicks == []
    assert labels.data[30, 40] == 1
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not labels.data.any()


def test_a_click_beside_the_image_gets_a_sentence(window):
    window.click(-4, 40)
    assert window.clicks == []
    assert "is outside the image of 60 x 80" in window.status


def test_undo_and_redo_go_through_clicks_and_commits(window, disks):
    states = []

    def note():
        labels = window.annotator.labels
        committed = np.zeros(SHAPE, int) if labels is None else labels.data.copy()
        states.append((window.clicks, window.preview(SHAPE) > 0, committed))

    note()
    for act in (
        lambda: window.click(20, 20),
        lambda: window.click(24, 24, button=RIGHT),
        lambda: window.key(Qt.Key.Key_Return),
        lambda: window.click(40, 60),
        lambda: window.key(Qt.Key.Key_Return),
        lambda: window.click(40, 20),
        lambda: window.widget.object.discard_button.click(),
    ):
        act()
        window.wait()
        note()
    first, second = states[2][1], states[4][1]
    assert np.array_equal(states[-1][2], first * 1 + second * 2)
    back = [states[-1]]
    forth = []
    for _ in states[1:]:
        window.key(Qt.Key.Key_Z, CONTROL)
        back.append(current(window))
    for _ in states[1:]:
        forth.append(current(window))
        window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    forth.append(current(window))
    for got, expected in [
        *zip(back, reversed(states), strict=True),
        *zip(forth, states, strict=True),
    ]:
        assert got[0] == expected[0]
        assert np.array_equal(got[1], expected[1])
        assert np.array_equal(got[2], expected[2])


def current(window):
    labels = window.annotator.labels
    committed = np.zeros(SHAPE, int) if labels is None else labels.data.copy()
    return window.clicks, window.preview(SHAPE) > 0, committed


def test_keys_work_with_the_focus_in_the_widget(window):
    window.click(20, 20)
    window.click(40, 40)
    button = window.widget.object.undo_button
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Z, CONTROL)
    assert near(window.clicks, (20, 20, True))
    QTest.keyClick(button, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert len(window.clicks) == 2


def test_a_commit_never_takes_pixels_of_other_ids(window, disks):
    other = np.zeros(SHAPE, np.uint16)
    other[:, 40:] = 7
    labels = window.viewer.add_labels(other.copy(), name="mine")
    window.viewer.layers.selection.active = window.viewer.layers["image"]
    window.widget.objects.labels.choose("mine")
    window.click(30, 39)
    window.widget.object.keep_button.click()
    mask = disks(SHAPE, [Click(30, 39)]) & (other == 0)
    assert np.array_equal(labels.data[other == 7], other[other == 7])
    assert np.array_equal(labels.data == 8, mask)
    window.click(30, 60)
    window.widget.object.keep_button.click()
    assert "belongs to other objects" in window.status
    assert len(window.clicks) == 1


def test_a_commit_right_after_the_click_waits_for_the_mask(window, predictor, disks):
    predictor.seconds = 0.3
    window.click(30, 40, wait=False)
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Return)
    assert window.annotator.labels is None
    window.wait()
    assert np.array_equal(window.annotator.labels.data > 0, disks(SHAPE, [Click(30, 40)]))
    assert window.clicks == []


def test_the_threshold_changes_the_mask_that_is_committed(window):
    window.click(30, 40)
    window.widget.tools.threshold.setValue(9)
    roi = window.controller.prediction.roi
    window.key(Qt.Key.Key_Return)
    assert window.annotator.labels.data.sum() == roi.area
    assert window.widget.tools.threshold.value() == 50


def test_an_empty_mask_makes_no_layer(window):
    window.click(30, 40)
    window.widget.tools.threshold.setValue(95)
    window.key(Qt.Key.Key_Return)
    assert "The mask is empty at threshold 0.95" in window.status
    assert window.annotator.labels is None
    assert len(window.clicks) == 1


def test_the_region_of_interest_is_outlined(window):
    window.click(30, 40)
    layer = window.annotator.preview.layer
    assert layer.bounding_box.visible
    assert layer.data.shape == window.controller.prediction.roi.shape
    window.widget.display.roi.setChecked(False)
    assert not layer.bounding_box.visible
    assert window.preview(SHAPE).any()


def test_the_own_layers_have_the_units_of_the_image_from_the_start(annotate, empty_viewer):
    units = []
    empty_viewer.layers.events.inserted.connect(lambda event: units.append(event.value.units))
    window = annotate(np.zeros((40, 60), np.uint8), units=("mm", "mm"))
    window.click(20, 30)
    window.key(Qt.Key.Key_Return)
    image = window.annotator.image
    assert len(units) == 4, "the image, the clicks, the current object and the labels"
    assert set(units) == {image.units}


def test_the_layers_of_the_object_are_there_before_the_first_click(window):
    names = ["image", "Current object", "Clicks"]
    window.qtbot.waitUntil(lambda: [layer.name for layer in window.viewer.layers] == names)
    assert window.viewer.layers.selection.active.name == "image"


def shaky(window, start, *moves, button=Qt.MouseButton.LeftButton):
    """Press, move by canvas pixels, release there."""
    native, point = window.canvas.native, window.point_on_canvas(start)
    QTest.mousePress(native, button, pos=point)
    for move in moves:
        QTest.mouseMove(native, point + QPoint(*move))
        QTest.qWait(40)  # napari throttles moves
    QTest.mouseRelease(native, button, pos=point + QPoint(*moves[-1]))
    window.wait()


@pytest.mark.parametrize("tool", ["", "box", "stroke"])
@pytest.mark.parametrize("button", [Qt.MouseButton.LeftButton, RIGHT], ids=["left", "right"])
def test_a_hand_that_trembles_clicks(window, tool, button):
    window.annotator.take_tool(tool)
    centre = window.camera.center
    shaky(window, (30, 40), (2, 1), (4, -3), (5, 0), button=button)
    assert near(window.clicks, (30, 40, button != RIGHT))
    assert window.camera.center == centre


def test_a_drag_that_comes_back_is_no_click(window):
    shaky(window, (30, 40), (20, 0), (40, 0), (2, 0))
    assert window.clicks == []


def test_a_drag_whose_moves_were_skipped_draws(window):
    window.annotator.take_tool("box")
    native = window.canvas.native
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=window.point_on_canvas((10, 10)))
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=window.point_on_canvas((40, 50)))
    window.wait()
    (box,) = window.controller.current.clicks
    assert box.kind == "box"


def test_the_guiding_line_tells_of_another_tool_and_escape_puts_it_down(window):
    labels = window.viewer.add_labels(np.zeros(SHAPE, int), name="mine")
    labels.mode = "paint"
    told = "The mouse has the paint tool of 'mine'. Esc: click on objects again."
    assert window.widget.guide.text() == told
    window.click(30, 40)
    assert window.clicks == []
    window.key(Qt.Key.Key_Escape)
    assert labels.mode == "pan_zoom"
    assert window.widget.guide.text() != told
    window.click(30, 40)
    assert near(window.clicks, (30, 40, True))


def test_growing_into_a_neighbour_is_told(window, disks):
    for place in [(30, 40), (30, 48)]:
        window.click(*place)
        window.key(Qt.Key.Key_Return)
    first, second = (disks(SHAPE, [Click(30, col)]) for col in (40, 48))
    lost = np.count_nonzero(first & second)
    assert f"{lost} pixels of it belong to other objects and stay theirs." in window.status


def test_an_object_that_is_edited_is_marked(window):
    window.click(30, 40)
    new = window.preview(SHAPE)
    window.key(Qt.Key.Key_Return)
    point = window.point_on_canvas((30, 40))
    QTest.mouseClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    QTest.mouseDClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    window.wait()
    edited = window.preview(SHAPE)
    assert np.array_equal(edited > 0, new > 0)
    border = new == OUTLINE
    assert set(np.unique(edited[border])) == {OUTLINE, RING}, "dashed"


def test_enter_and_escape_are_a_polygon_s_while_one_is_drawn(window):
    labels = window.viewer.add_labels(np.zeros(SHAPE, int))
    window.click(30, 40)
    labels.mode = "polygon"
    for corner in ((5, 5), (5, 15), (15, 15)):
        window.click(*corner)
    window.key(Qt.Key.Key_Return)
    assert labels.data[6, 12] == 1
    assert near(window.clicks, (30, 40, True)), "the object at work is not kept"
    window.click(40, 10)
    window.key(Qt.Key.Key_Escape)
    assert (labels.mode, labels._overlays["polygon"].points) == ("polygon", [])
    window.key(Qt.Key.Key_Escape)
    assert labels.mode == "pan_zoom"
    window.key(Qt.Key.Key_Return)
    assert window.clicks == []


def test_escape_first_ends_a_shape_then_puts_the_tool_down(window):
    shapes = window.viewer.add_shapes(ndim=2)
    shapes.mode = "add_path"
    for corner in ((5, 5), (5, 15), (15, 15)):
        window.click(*corner)
    assert shapes._is_creating
    window.key(Qt.Key.Key_Escape)
    assert (shapes.mode, shapes._is_creating) == ("add_path", False)
    window.key(Qt.Key.Key_Escape)
    assert shapes.mode == "pan_zoom"


@pytest.mark.parametrize("kind", ["shapes", "points", "labels", "vectors"])
def test_enter_and_escape_are_ours_whichever_layer_is_active_in_pan_zoom(window, predictor, kind):
    layer = getattr(window.viewer, f"add_{kind}")(*([np.zeros(SHAPE, int)] * (kind == "labels")))
    layer.mode = "pan_zoom"
    window.click(30, 40)
    window.key(Qt.Key.Key_Return)
    assert window.clicks == []
    predictor.seconds = 1
    window.click(30, 60, wait=False)
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Escape)
    assert window.says("Stopped.")
    assert not window.controller.busy
