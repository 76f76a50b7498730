"""Boxes and strokes drawn in the real window with the mouse."""

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.annotate.tools_view import CLICKS
from napari_iafpn.prompts import BoxPrompt, Click, Stroke
from napari_iafpn.sessions.reading import read_session

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SHAPE = (60, 80)


@pytest.fixture
def window(annotate):
    return annotate(np.zeros(SHAPE, np.uint8))


def take(window, tool):
    window.widget.tools.choose(tool)


def prompts(window):
    return list(window.controller.current.clicks)


def trace(window, *places, button=LEFT, modifier=Qt.KeyboardModifier.NoModifier, release=True):
    """Press at the first place, come along the others, release at the last."""
    native = window.canvas.native
    points = [window.point_on_canvas(place) for place in places]
    QTest.mousePress(native, button, modifier, pos=points[0])
    for before, point in pairwise(points):
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
    assert "1 box" in window.widget.object.count.text()


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


def test_what_is_shown_is_what_was_drawn(window, disks):
    take(window, "box")
    trace(window, (20, 30), (40, 61))
    take(window, "stroke")
    trace(window, (30, 20), (30, 50), (45, 50))
    trace(window, (10, 10), (10, 40), button=RIGHT)
    box, on, beside = prompts(window)
    assert box.kind == "box"
    assert on.positive
    assert not beside.positive
    assert 3 <= len(on.points) <= 6
    for point, expected in zip((on.points[0], on.points[-1]), ((30, 20), (45, 50)), strict=True):
        assert point == pytest.approx(expected, abs=0.6)
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, prompts(window)))
    assert window.widget.object.count.text().startswith("1 box, 2 strokes")


def test_control_makes_a_stroke_negative(window):
    window.click(30, 40)
    take(window, "stroke")
    trace(window, (30, 45), (36, 52), modifier=CONTROL)
    assert [prompt.positive for prompt in prompts(window)] == [True, False]


def test_the_right_button_draws_a_box_too(window):
    take(window, "box")
    trace(window, (40, 61), (20, 30), button=RIGHT)
    assert prompts(window) == [BoxPrompt(Box(20, 41, 30, 62))]


def test_a_stroke_that_closes_is_a_lasso(window):
    take(window, "stroke")
    trace(window, (15, 20), (15, 50), (40, 50), (40, 20), (16, 20))
    (lasso,) = prompts(window)
    assert lasso.is_lasso
    shown = window.preview(SHAPE) > 0
    assert shown[28, 35]
    assert shown.sum() == pytest.approx(25 * 30, rel=0.15)


def test_a_line_there_and_back_is_no_lasso(window):
    take(window, "stroke")
    trace(window, (30, 20), (30, 50), (30, 21))
    (stroke,) = prompts(window)
    assert not stroke.is_lasso


@pytest.mark.parametrize("tool", ["box", "stroke"])
def test_a_press_without_a_drag_is_a_click(window, tool):
    take(window, tool)
    window.click(30, 40)
    window.click(34, 44, button=RIGHT)
    assert [(p.kind, p.positive) for p in prompts(window)] == [("click", True), ("click", False)]
    centre = window.camera.center
    take(window, CLICKS)
    window.drag((30, 40), (40, 60))
    assert window.camera.center != centre, "without a tool a drag moves the image again"


def test_clicks_correct_what_was_drawn_and_undo_takes_back_one_by_one(window, disks):
    take(window, "box")
    trace(window, (20, 30), (40, 61))
    take(window, CLICKS)
    window.click(50, 30)
    window.click(30, 45, button=RIGHT)
    assert [prompt.kind for prompt in prompts(window)] == ["box", "click", "click"]
    everything = prompts(window)
    for count in (2, 1, 0):
        window.key(Qt.Key.Key_Z, CONTROL)
        assert prompts(window) == everything[:count]
        assert len(window.annotator.prompts.layer.data) == 4 * (count > 0)
        expected = disks(SHAPE, everything[:count])
        assert np.array_equal(window.preview(SHAPE) > 0, expected)
    for count in (1, 2, 3):
        window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
        assert prompts(window) == everything[:count]
    assert len(window.annotator.prompts.layer.data) == 4


def test_a_click_between_drawn_prompts_is_moved_deleted_and_flipped_in_its_place(window):
    take(window, "box")
    trace(window, (20, 30), (40, 61))
    window.click(30, 40)
    take(window, "stroke")
    trace(window, (30, 20), (30, 35))
    window.click(50, 70, button=RIGHT)
    kinds = ["box", "click", "stroke", "click"]
    assert [prompt.kind for prompt in prompts(window)] == kinds
    points = window.annotator.clicks.layer
    moved = points.data.copy()
    moved[0] = (25, 41)
    points.data = moved
    QTest.qWait(20)
    window.wait()
    assert [prompt.kind for prompt in prompts(window)] == kinds
    assert prompts(window)[1] == Click(25, 41)
    points.add([[10, 70]])
    QTest.qWait(20)
    window.wait()
    assert prompts(window)[-1] == Click(10, 70)
    window.click(50, 70)  # on the negative one
    assert prompts(window)[3].positive
    points.selected_data = {0}
    points.remove_selected()
    QTest.qWait(20)
    window.wait()
    assert [prompt.kind for prompt in prompts(window)] == ["box", "stroke", "click", "click"]


def test_escape_drops_what_is_being_drawn_and_nothing_else(window):
    take(window, "stroke")
    trace(window, (30, 20), (30, 50))
    before, centre = prompts(window), window.camera.center
    trace(window, (10, 10), (10, 40), release=False)
    assert len(window.annotator.prompts.layer.data) == 2
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Escape)
    assert len(window.annotator.prompts.layer.data) == 1
    QTest.mouseMove(window.canvas.native, window.point_on_canvas((30, 40)))
    QTest.qWait(40)
    QTest.mouseRelease(window.canvas.native, LEFT, pos=window.point_on_canvas((30, 40)))
    window.wait()
    assert prompts(window) == before
    assert window.camera.center == centre
    trace(window, (40, 20), (40, 50))
    assert len(prompts(window)) == 2, "the next one is drawn as ever"


def test_each_tool_has_a_key_and_it_is_in_the_help(window):
    from napari_iafpn.plugin.shortcuts import lines

    for key, tool in ((Qt.Key.Key_R, "box"), (Qt.Key.Key_T, "stroke")):
        window.key(key, SHIFT)
        assert window.widget.tools.tool == tool
        trace(window, (20, 30), (30, 50))
        assert prompts(window)[-1].kind == tool
        window.key(key, SHIFT)
        assert window.widget.tools.tool == CLICKS
    keys = dict(lines())
    assert {"Shift+R", "Shift+T"} <= set(keys)


def test_another_plane_in_the_middle_drops_the_drawing(annotate):
    window = annotate(np.zeros((3, *SHAPE), np.uint8))
    window.viewer.dims.set_current_step(0, 0)
    take(window, "box")
    trace(window, (0, 20, 30), (0, 40, 61), release=False)
    window.viewer.dims.set_current_step(0, 1)
    QTest.mouseRelease(window.canvas.native, LEFT, pos=window.point_on_canvas((1, 40, 61)))
    window.wait()
    assert window.controller.document.objects == {}
    trace(window, (1, 20, 30), (1, 40, 61))
    assert prompts(window) == [BoxPrompt(Box(20, 41, 30, 62))]
    assert window.controller.plane.index == (1,)
    window.viewer.dims.set_current_step(0, 0)
    assert len(window.annotator.prompts.layer.data) == 0
    window.viewer.dims.set_current_step(0, 1)
    assert set(window.annotator.prompts.layer.data[:, 0, 0]) == {1}


@pytest.mark.parametrize(
    "placed",
    [
        {"scale": (0.3, 0.7), "translate": (100, -50)},
        {"rotate": 30, "scale": (2, 2)},
        {"affine": np.array([[1, 0.3, 5], [0, 1.5, 7], [0, 0, 1]])},
    ],
    ids=["scaled", "rotated", "sheared"],
)
def test_drawing_follows_the_layer_s_transform(annotate, disks, placed):
    window = annotate(np.zeros(SHAPE, np.uint8), **placed)
    world = window.annotator.image.data_to_world
    take(window, "box")
    trace(window, world((20, 30)), world((40, 61)))
    take(window, "stroke")
    trace(window, world((50, 10)), world((50, 40)))
    box, stroke = prompts(window)
    assert box == BoxPrompt(Box(20, 41, 30, 62))
    ends = np.array((stroke.points[0], stroke.points[-1]))
    assert np.abs(ends - [(50, 10), (50, 40)]).max() < 0.6
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, prompts(window)))
    lines = window.annotator.prompts.layer
    assert lines.data_to_world(lines.data[0, 0]) == pytest.approx(world((19.5, 29.5)))


def test_drawing_on_a_pyramid_is_in_its_finest_pixels(annotate):
    fine = np.zeros((2000, 3000), np.uint8)
    window = annotate([fine, fine[::4, ::4]], multiscale=True)
    take(window, "box")
    trace(window, (400, 600), (1200, 2000))
    (box,) = prompts(window)
    corners = np.array([box.box.row_start, box.box.col_start, box.box.row_stop, box.box.col_stop])
    assert np.abs(corners - (400, 600, 1200, 2000)).max() < 5


def test_a_drawing_belongs_to_the_image_that_is_seen_where_it_begins(window):
    window.viewer.add_image(np.ones((30, 30)), name="patch", translate=(5, 10))
    take(window, "stroke")
    trace(window, (10, 20), (20, 30))
    assert window.annotator.image.name == "patch"
    (stroke,) = prompts(window)
    assert stroke.points[0] == pytest.approx((5, 10), abs=0.6)


def test_what_leaves_the_image_is_cut_at_its_border(window):
    window.camera.zoom *= 0.6
    QTest.qWait(30)
    take(window, "box")
    trace(window, (-8, -8), (20, 30))
    assert prompts(window) == [BoxPrompt(Box(0, 21, 0, 31))]
    take(window, "stroke")
    trace(window, (50, 40), (50, 90))
    stroke = prompts(window)[-1]
    assert stroke.extent.col_stop == SHAPE[1]
    trace(window, (-8, 10), (-8, 30))
    assert len(prompts(window)) == 2
    assert "lies beside the image of 60 x 80" in window.status
    assert window.camera.mouse_pan


def test_without_an_image_drawing_gets_a_sentence(annotate):
    window = annotate(None)
    take(window, "box")
    trace(window, (0.1, 0.1), (0.4, 0.4))
    assert "There is no image to click on" in window.status


def test_drawn_objects_are_committed_and_edited_again(window):
    take(window, "box")
    trace(window, (20, 30), (40, 61))
    window.key(Qt.Key.Key_Return)
    labels = window.annotator.labels.data
    assert (labels == 1).sum() > 300
    assert prompts(window) == []
    assert len(window.annotator.prompts.layer.data) == 0
    facts = next(iter(window.controller.document.facts.values()))
    assert facts.clicks == 2
    trace(window, (30, 62), (30, 75))
    assert prompts(window)[0].kind == "box", "the tool stays in hand"


def test_quick_hands_draw_before_the_commit_is_done(annotate, predictor):
    predictor.seconds = 0.3
    window = annotate(np.zeros(SHAPE, np.uint8))
    take(window, "box")
    trace(window, (10, 10), (25, 30), release=False)
    QTest.mouseRelease(window.canvas.native, LEFT, pos=window.point_on_canvas((25, 30)))
    QTest.keyClick(window.canvas.native, Qt.Key.Key_Return)
    trace(window, (35, 40), (50, 70))
    window.wait()
    assert (window.annotator.labels.data == 1).any()
    assert prompts(window) == [BoxPrompt(Box(35, 51, 40, 71))]


def test_a_dashed_line_shows_a_negative_stroke(window):
    take(window, "stroke")
    trace(window, (30, 10), (30, 70))
    whole = window.annotator.prompts.layer.data
    window.key(Qt.Key.Key_Z, CONTROL)
    trace(window, (30, 10), (30, 70), button=RIGHT)
    dashes = window.annotator.prompts.layer.data
    assert len(dashes) > 2 * len(whole)
    assert np.hypot(*dashes[:, 1].T).sum() == pytest.approx(
        np.hypot(*whole[:, 1].T).sum() / 2, rel=0.2
    )


def test_strokes_made_elsewhere_of_a_single_point_are_shown(window):
    window.controller.add(Stroke(((30, 40),)))
    window.wait()
    assert len(window.annotator.prompts.layer.data) == 1


def test_with_space_held_a_drag_moves_the_image(window):
    take(window, "box")
    centre = window.camera.center
    QTest.keyPress(window.canvas.native, Qt.Key.Key_Space)
    trace(window, (30, 40), (40, 60))
    QTest.keyRelease(window.canvas.native, Qt.Key.Key_Space)
    assert window.camera.center != centre
    assert prompts(window) == []
    trace(window, (20, 30), (40, 61))
    assert len(prompts(window)) == 1


def test_in_the_3d_view_a_drag_turns_it(annotate):
    window = annotate(np.zeros((3, *SHAPE), np.uint8))
    take(window, "box")
    window.viewer.dims.ndisplay = 3
    QTest.qWait(50)
    angles, native = window.camera.angles, window.canvas.native
    middle = native.rect().center()
    QTest.mousePress(native, LEFT, pos=middle)
    for step in (10, 20, 30):
        QTest.mouseMove(native, middle + type(middle)(step, step))
        QTest.qWait(30)
    QTest.mouseRelease(native, LEFT, pos=middle + type(middle)(30, 30))
    assert window.camera.angles != angles
    assert window.controller.document.objects == {}


def test_drawn_prompts_survive_in_the_session(window, tmp_path):
    take(window, "box")
    trace(window, (20, 30), (40, 61))
    take(window, "stroke")
    trace(window, (30, 35), (30, 50), button=RIGHT)
    window.click(50, 70)
    window.widget.sessions.keeper.flush()
    (path,) = (tmp_path / "home" / "sessions").glob("*.jsonl")
    session = read_session(path)
    assert not session.damage
    assert [step.kind for step in session.document.steps] == ["box", "stroke", "click"]
    assert list(session.document[window.controller.plane].clicks) == prompts(window)
