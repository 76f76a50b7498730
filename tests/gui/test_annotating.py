"""Correcting, drawing, deleting, undoing: with the mouse and the keys, in a real window."""

import threading
from contextlib import suppress

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.annotate.settings_view import CHOSEN, CLASS
from napari_iafpn.plugin.annotate.tools_view import BRUSH, CLICKS, ERASER
from napari_iafpn.plugin.mask_preview import HINT, MASK, OUTLINE

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SHAPE = (60, 80)


@pytest.fixture
def window(annotate, rng):
    return annotate(rng.integers(0, 255, SHAPE, np.uint8))


@pytest.fixture
def imported(window):
    """Labels of another tool: two squares, one of which is wrong."""
    data = np.zeros(SHAPE, np.uint16)
    data[10:20, 10:20], data[30:45, 40:60] = 7, 12
    layer = window.viewer.add_labels(data, name="from elsewhere")
    window.viewer.layers.selection.active = window.annotator.image
    return layer


def double_click(window, *world):
    point = window.point_on_canvas(world)
    QTest.mouseClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    QTest.mouseDClick(window.canvas.native, Qt.MouseButton.LeftButton, pos=point)
    window.wait()


def rest(window, *world):
    """Move the mouse to a point and leave it there until what a click would give is seen."""
    # Of moves in quick succession some are dropped. Each asks anew: a busy machine gets its time.
    for nudge in (0, 1, 0):
        point = window.point_on_canvas(world) + QPoint(nudge, 0)
        QTest.mouseMove(window.canvas.native, point)
        with suppress(window.qtbot.TimeoutError):
            window.qtbot.waitUntil(lambda: window.controller.hint is not None, timeout=60000)
            return
    raise AssertionError("nothing was looked ahead")


def commit(window, row, col):
    window.click(row, col)
    window.key(Qt.Key.Key_Return)
    return int(window.annotator.labels.data.max())


# Editing a label of any layer


def test_a_double_click_edits_a_label_and_a_commit_replaces_just_it(window, imported, disks):
    before = imported.data.copy()
    double_click(window, 37, 50)
    assert window.controller.current.edited.label == 12
    assert window.clicks == [], "the first of the two was no click on the object"
    assert not (imported.data == 12).any()
    assert np.array_equal(window.preview(SHAPE) > 0, before == 12)
    assert "Editing object 12" in window.widget.object.title.text()
    window.click(54, 50)
    window.key(Qt.Key.Key_Return)
    expected = (before == 12) | disks(SHAPE, window_clicks(54, 50))
    assert np.array_equal(imported.data == 12, expected)
    assert np.array_equal(imported.data == 7, before == 7)
    for _ in range(3):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(imported.data, before)


def window_clicks(row, col):
    from napari_iafpn.prompts import Click

    return [Click(row, col)]


def test_put_back_leaves_the_label_as_it_was(window, imported):
    before = imported.data.copy()
    double_click(window, 37, 50)
    window.click(50, 50)
    assert window.widget.object.discard_button.toolTip().startswith("Leave the object as it was")
    window.widget.object.discard_button.click()
    assert np.array_equal(imported.data, before)
    assert window.clicks == []


def test_a_double_click_beside_labels_is_a_click(window, imported):
    double_click(window, 5, 70)
    assert [click[2] for click in window.clicks] == [True]
    assert window.controller.current.edited is None


def test_closing_the_widget_puts_an_edited_label_back(window, imported):
    before = imported.data.copy()
    double_click(window, 37, 50)
    assert not np.array_equal(imported.data, before)
    window.viewer.window.remove_dock_widget(window.widget)
    assert np.array_equal(imported.data, before)


def test_splitting_with_clicks(window):
    data = np.zeros(SHAPE, np.int32)
    data[20:40, 20:40], data[20:40, 45:65], data[29:31, 40:45] = 3, 3, 3
    labels = window.viewer.add_labels(data)
    window.viewer.layers.selection.active = window.annotator.image
    double_click(window, 30, 30)
    window.click(30, 30)
    window.click(30, 55)
    window.widget.object.split_button.click()
    assert labels.data[30, 30] == 3
    assert labels.data[30, 55] == 4
    assert (labels.data > 0).sum() == 20 * 20 * 2 + 10


def test_a_click_on_a_click_of_the_other_sign_turns_it(window):
    window.click(30, 40)
    window.click(30, 50)
    window.click(30, 40, button=Qt.MouseButton.RightButton)
    assert [click[2] for click in window.clicks] == [False, True]
    window.click(30, 40)
    assert [click[2] for click in window.clicks] == [True, True]
    window.key(Qt.Key.Key_Z, CONTROL)
    assert [click[2] for click in window.clicks] == [False, True]


def test_one_button_is_enough(window):
    window.widget.display.one_button.setChecked(True)
    window.click(30, 40)
    window.click(30, 52)
    window.click(33, 43)
    assert [click[2] for click in window.clicks] == [True, True, False]


def test_the_mask_as_an_outline(window):
    window.click(30, 40)
    window.widget.display.outline.setChecked(True)
    layer = window.annotator.preview.layer
    alphas = [layer.colormap.map(np.array([value], np.uint8))[0, 3] for value in (MASK, OUTLINE)]
    assert alphas == [0, 1]
    window.widget.display.outline.setChecked(False)
    assert 0 < layer.colormap.map(np.array([MASK], np.uint8))[0, 3] < 0.5


# Brush and eraser


def test_the_mask_of_a_click_to_come_is_outlined(window, predictor, disks):
    window.widget.display.preview.click()
    rest(window, 30, 20)
    whole = disks(SHAPE, predictor.asked[-1])
    shown = window.preview(SHAPE)
    assert set(np.unique(shown)) == {0, HINT}
    assert 0 < (shown == HINT).sum() < whole.sum()
    assert not (shown.astype(bool) & ~whole).any()
    assert window.clicks == []
    window.click(30, 20)
    drawn = window.preview(SHAPE)
    assert HINT not in drawn
    rest(window, 30, 50)
    assert (window.preview(SHAPE) == HINT).any()
    window.annotator.take_tool("brush")
    mask = window.controller.mask
    window.annotator.preview.layer.events.paint(value=[])  # a stroke that changes nothing
    window.wait()
    assert window.controller.mask == mask, "an outline of what may come is not drawn by hand"
    window.annotator.take_tool("")
    window.widget.display.preview.click()
    assert np.array_equal(window.preview(SHAPE), drawn)


def test_a_close_look_and_back(window):
    camera = window.camera
    before = tuple(camera.center), camera.zoom
    window.key(Qt.Key.Key_M, SHIFT)
    assert "There is no object to look at yet" in window.status
    window.click(30, 20)
    window.key(Qt.Key.Key_M, SHIFT)
    np.testing.assert_allclose(camera.center[-2:], (30, 20), atol=1)
    assert camera.zoom > 2 * before[1]
    roi = window.controller.prediction.roi
    native = window.canvas.native.rect()
    corners = ((roi.row_start, roi.col_start), (roi.row_stop - 1, roi.col_stop - 1))
    assert all(native.contains(window.point_on_canvas(corner)) for corner in corners)
    window.key(Qt.Key.Key_M, SHIFT)
    assert (tuple(camera.center), camera.zoom) == before
    window.key(Qt.Key.Key_M, SHIFT)
    window.key(Qt.Key.Key_Return)
    window.key(Qt.Key.Key_M, SHIFT)
    assert (tuple(camera.center), camera.zoom) == before, "also when the object is kept"


def test_strokes_count_and_no_later_click_undoes_them(window):
    window.click(30, 40)
    window.widget.tools.choose(BRUSH)
    window.annotator.preview.layer.brush_size = 3
    window.drag((50, 20), (50, 60))
    window.wait()
    drawn = window.preview(SHAPE) > 0
    assert drawn[50, 25:55].all()
    window.widget.tools.choose(ERASER)
    window.drag((30, 36), (30, 44))
    window.wait()
    assert not window.preview(SHAPE)[30, 38:43].any()
    window.widget.tools.choose(CLICKS)
    window.click(30, 40)
    window.click(50, 40, button=Qt.MouseButton.RightButton)
    now = window.preview(SHAPE) > 0
    assert now[50, 25:55].all()
    assert not now[30, 38:43].any()
    window.key(Qt.Key.Key_Return)
    assert np.array_equal(window.annotator.labels.data > 0, now)


def test_a_stroke_outlives_a_mask_that_arrives_in_its_middle(window, predictor, disks):
    arrives, predict = threading.Event(), predictor.predict
    predictor.predict = lambda *asked, **view: arrives.wait(60) and predict(*asked, **view)
    window.click(30, 20, wait=False)
    window.widget.tools.choose(BRUSH)
    window.annotator.preview.layer.brush_size = 3
    native = window.canvas.native
    first, last = (window.point_on_canvas((50, col)) for col in (30, 70))
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=first)
    for part in (0.2, 0.4):
        QTest.mouseMove(native, first + (last - first) * part)
        QTest.qWait(50)
    assert window.controller.busy
    arrives.set()
    window.wait()
    shown = window.preview(SHAPE) > 0
    assert shown[30, 20], "the mask that arrived"
    assert shown[50, 31:44].all(), "what is drawn so far"
    for part in (0.7, 0.95, 1.0):
        QTest.mouseMove(native, first + (last - first) * part)
        QTest.qWait(50)
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=last)
    QTest.qWait(20)
    window.wait()
    now = window.controller.mask.within(Box.whole(SHAPE))
    assert now[50, 31:69].all()
    assert now[disks(SHAPE, window_clicks(30, 20))].all()
    assert [step.kind for step in window.controller.document.steps] == ["click", "brush"]
    window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, window_clicks(30, 20)))


def test_a_stroke_is_one_step_of_undo_also_with_the_brush_in_hand(window):
    window.click(30, 40)
    before = window.preview(SHAPE)
    window.widget.tools.choose(BRUSH)
    window.drag((50, 20), (50, 60))
    window.wait()
    assert window.preview(SHAPE)[50, 40]
    window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(window.preview(SHAPE) > 0, before > 0)
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert window.preview(SHAPE)[50, 40]
    assert window.annotator.preview.has_brush


def test_the_brush_is_put_down_with_the_tool(window):
    active = window.viewer.layers.selection.active
    window.widget.tools.choose(BRUSH)
    assert window.viewer.layers.selection.active is window.annotator.preview.layer
    window.widget.annotating.setChecked(False)
    assert window.widget.tools.tool == CLICKS
    assert window.viewer.layers.selection.active is active
    assert not window.annotator.preview.layer.editable


def test_napari_s_own_strokes_on_committed_labels_are_steps_too(window):
    commit(window, 30, 40)
    labels = window.annotator.labels
    committed = labels.data.copy()
    window.viewer.layers.selection.active = labels
    labels.mode = "paint"
    labels.selected_label, labels.brush_size = 5, 4
    window.drag((10, 10), (10, 30))
    assert (labels.data == 5).any()
    window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(labels.data, committed)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not labels.data.any()
    assert len(window.clicks) == 1


# Steps that need no displayed plane


@pytest.fixture(params=["3d", "beside"])
def off_the_planes(annotate, request):
    """Three kept objects of a stack, of which no plane is displayed any more."""
    window = annotate(np.zeros((4, *SHAPE), np.uint8))
    window.viewer.dims.set_point(0, 2)
    for place in ((15, 15), (15, 60), (45, 30)):
        window.click(2, *place)
        window.key(Qt.Key.Key_Return)
    window.viewer.layers.selection.active = window.annotator.labels
    if request.param == "3d":
        window.viewer.dims.ndisplay = 3
    else:
        window.viewer.add_labels(np.zeros((8, *SHAPE), np.uint8))
        window.viewer.layers.selection.active = window.annotator.labels
        window.viewer.dims.set_point(0, 7)
    assert window.controller.plane is None
    return window


def test_strokes_are_steps_without_a_displayed_plane(off_the_planes):
    window, labels = off_the_planes, off_the_planes.annotator.labels
    kept = labels.data.copy()
    labels.fill((2, 15, 15), 9)
    filled = labels.data.copy()
    window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(labels.data, kept)
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert np.array_equal(labels.data, filled)


def test_the_table_needs_no_displayed_plane(off_the_planes):
    window, labels = off_the_planes, off_the_planes.annotator.labels
    kept, table = labels.data.copy(), window.widget.objects
    table.choose([3])
    table.buttons["Delete"].click()
    assert set(np.unique(labels.data)) == {0, 1, 2}
    table.choose([1, 2])
    table.reviewed.emit([1, 2])
    table.classified.emit([1, 2], 4)
    assert [(row.label, row.reviewed) for row in table.model.rows] == [(1, True), (2, True)]
    table.merged.emit([1, 2])
    assert set(np.unique(labels.data)) == {0, 1}
    for _ in range(4):
        window.controller.undo()
    assert np.array_equal(labels.data, kept)


def test_an_edit_without_a_displayed_plane_is_refused_in_a_sentence(off_the_planes):
    off_the_planes.widget.objects.edited.emit(1)
    assert off_the_planes.says("No plane of an image is displayed; show one in 2D first")


def test_without_an_image_undo_is_that_of_the_labels(annotate):
    window = annotate(None)
    labels = window.viewer.add_labels(np.zeros(SHAPE, np.uint8))
    labels.mode, labels.brush_size = "paint", 3
    labels.paint((20, 20), 3)
    painted = labels.data.copy()
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not labels.data.any()
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert np.array_equal(labels.data, painted)
    window.key(Qt.Key.Key_Z, CONTROL)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert window.says("There is nothing to undo.")


def test_napari_takes_back_no_step_of_the_history(window):
    commit(window, 30, 40)
    labels = window.annotator.labels
    labels.paint((5, 5), 3)
    window.viewer.layers.remove(window.annotator.image)
    window.viewer.layers.selection.active = labels
    painted = labels.data.copy()
    labels.paint((5, 30), 3)
    window.key(Qt.Key.Key_Z, CONTROL)
    window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(labels.data, painted)
    assert window.says("The next step to undo was made on an image that is not open")


# History


def test_a_dragged_threshold_is_one_step(window):
    window.click(30, 40)
    slider = window.widget.tools.threshold
    for value in (60, 80, 92):
        slider.setValue(value)
    assert not window.preview(SHAPE).any()
    window.key(Qt.Key.Key_Z, CONTROL)
    assert slider.value() == 50
    assert window.preview(SHAPE).any()


def test_undo_comes_first_from_every_layer_and_is_given_back(window):
    commit(window, 30, 40)
    labels = window.annotator.labels
    before = dict(labels.keymap)
    window.viewer.layers.selection.active = labels
    window.key(Qt.Key.Key_Z, CONTROL)
    assert not labels.data.any()
    window.widget.annotating.setChecked(False)
    assert labels.keymap == before
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert not labels.data.any(), "napari's own now"


# How to commit


def test_a_chosen_id_and_overwriting(window, disks):
    commit(window, 30, 40)
    view = window.widget.numbering
    view.kind.choose(CHOSEN)
    view.id.setValue(9)
    view.overwrite.click()
    commit(window, 30, 46)
    data = window.annotator.labels.data
    assert np.array_equal(data == 9, disks(SHAPE, window_clicks(30, 46)))
    assert 0 < (data == 1).sum() < (data == 9).sum()


def test_classes(window, monkeypatch):
    monkeypatch.setattr(
        "napari_iafpn.plugin.annotate.settings_view.QInputDialog.getText",
        lambda *_: ("nucleus", True),
    )
    view = window.widget.numbering
    view.category.choose(-1)
    assert view.category.value == 1
    commit(window, 30, 20)
    rows = window.widget.objects.model.rows
    assert [(row.label, row.category) for row in rows] == [(1, "nucleus")]
    assert window.annotator.labels.metadata["classes"] == {1: "nucleus"}, "for exports"
    view.kind.choose(CLASS)
    commit(window, 30, 50)
    assert set(np.unique(window.annotator.labels.data)) == {0, 1}


def shown_classes(window):
    return {row.label: row.category for row in window.widget.objects.model.rows}


def test_what_labels_said_of_their_objects_holds_while_they_are_there(window, imported):
    said = imported.metadata
    said.update(classes={7: "rod", 12: "cell", 99: "gone"}, found=[12])
    window.annotator.set_labels(imported)
    assert shown_classes(window) == {7: "rod", 12: "cell"}
    window.widget.classes.make("nucleus")
    assert commit(window, 54, 15) == 13
    assert shown_classes(window) == {7: "rod", 12: "cell", 13: "nucleus"}
    assert said["classes"] == {7: "rod", 12: "cell", 13: "nucleus"}
    assert said["found"] == [12]
    window.widget.numbering.category.choose(0)
    double_click(window, 37, 50)
    assert shown_classes(window) == {7: "rod", 12: "cell", 13: "nucleus"}
    window.key(Qt.Key.Key_Return)
    assert said["classes"] == {7: "rod", 12: "cell", 13: "nucleus"}, "corrected"
    assert said["found"] == [12]
    table = window.widget.objects
    table.choose([12])
    press(table, "Delete")
    assert said["classes"] == {7: "rod", 13: "nucleus"}
    assert "found" not in said
    window.key(Qt.Key.Key_Z, CONTROL)
    assert said["classes"] == {7: "rod", 12: "cell", 13: "nucleus"}
    table.choose([7])
    table.classified.emit([7], 1)
    assert said["classes"] == {7: "nucleus", 12: "cell", 13: "nucleus"}
    assert shown_classes(window) == said["classes"]


def test_a_class_that_labels_said_can_be_taken_away(window, imported):
    imported.metadata.update(classes={7: "rod", 12: "cell"})
    window.annotator.set_labels(imported)
    window.widget.objects.classified.emit([7], 0)
    assert shown_classes(window) == {7: "", 12: "cell"}
    assert imported.metadata["classes"] == {12: "cell"}


def test_classes_that_somebody_else_gives_meanwhile_hold_too(window, imported):
    window.annotator.book.choose(window.annotator.image, imported)
    window.widget.classes.make("nucleus")
    imported.metadata["classes"] = {"7": "rod"}
    commit(window, 54, 15)
    assert imported.metadata["classes"] == {7: "rod", 13: "nucleus"}


@pytest.mark.parametrize("classes", [{"seven": "rod"}, 3, None])
def test_classes_that_make_no_sense_stop_nothing(window, imported, classes):
    imported.metadata.update(classes=classes, found=3)
    window.annotator.book.choose(window.annotator.image, imported)
    window.widget.classes.make("nucleus")
    commit(window, 54, 15)
    assert imported.metadata["classes"] == {13: "nucleus"}
    assert not [message for message in window.messages if message.error]


# The table


@pytest.fixture
def table(window):
    for place in ((15, 15), (15, 50), (45, 30)):
        commit(window, *place)
    return window.widget.objects


def press(table, text):
    table.buttons[text].click()


def test_the_table_tells_of_every_object(window, table):
    rows = table.model.rows
    areas = window.annotator.book.target_of(window.annotator.labels).areas
    assert [row.label for row in rows] == [1, 2, 3]
    assert [row.area for row in rows] == [areas[label] for label in (1, 2, 3)]
    assert {row.clicks for row in rows} == {1}
    table.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert table.shown_labels == [3, 2, 1]


def test_delete_merge_and_review_are_steps(window, table):
    labels = window.annotator.labels
    before = labels.data.copy()
    table.choose([2])
    press(table, "Delete")
    assert not (labels.data == 2).any()
    table.choose([1, 3])
    press(table, "Merge")
    assert set(np.unique(labels.data)) == {0, 1}
    press(table, "Reviewed")
    (row,) = table.model.rows
    assert (row.reviewed, row.clicks) == (True, 2)
    for _ in range(3):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(labels.data, before)
    assert [row.reviewed for row in table.model.rows] == [False] * 3


def test_an_edited_object_is_neither_deleted_nor_merged(window, table):
    labels = window.annotator.labels
    double_click(window, 45, 30)
    before = labels.data.copy()
    for chosen, text in (([3], "Delete"), ([1, 3], "Delete"), ([2, 3], "Merge")):
        table.choose(chosen)
        press(table, text)
        assert window.says("Object 3 is being edited; keep or discard it first")
        assert table.chosen == chosen
    assert np.array_equal(labels.data, before)
    assert window.controller.current.edited.label == 3
    window.key(Qt.Key.Key_Return)
    table.choose([3])
    press(table, "Delete")
    assert window.says("Deleted 1 object. Undo brings it back.")
    assert set(np.unique(labels.data)) == {0, 1, 2}


def test_only_what_was_really_deleted_is_counted(window, table):
    labels = window.annotator.labels
    labels.data[labels.data == 2] = 0  # by a script, which tells nobody
    table.choose([2])
    press(table, "Delete")
    assert "have no pixels of that any more" in window.status
    table.choose([1, 2, 3])
    press(table, "Delete")
    assert window.says("Deleted 2 objects. Undo brings them back.")


def test_a_row_leads_to_its_object_and_a_double_click_edits_it(window, table):
    window.camera.center = (500, 500)
    place = table.table.visualRect(table.table.model().index(2, 0)).center()
    viewport = table.table.viewport()
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    assert np.allclose(window.camera.center[-2:], (45, 30), atol=1)
    QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    assert window.controller.current.edited.label == 3


def test_objects_of_a_stack_are_found_on_their_slices(annotate, rng):
    window = annotate(rng.integers(0, 255, (5, *SHAPE), np.uint8))
    for z in (1, 3):
        window.viewer.dims.set_point(0, z)
        window.click(z, 30, 40)
        window.key(Qt.Key.Key_Return)
    table = window.widget.objects
    window.viewer.dims.set_point(0, 0)
    table.shown.emit(2)
    assert window.viewer.dims.current_step[0] == 3
    table.edited.emit(1)
    assert window.viewer.dims.current_step[0] == 1
    assert window.controller.current.edited.label == 1


def test_an_object_with_a_gap_is_found_where_it_is(annotate, rng):
    window = annotate(rng.integers(0, 255, (5, *SHAPE), np.uint8))
    data = np.zeros((5, *SHAPE), np.int32)
    data[0, 10:20, 10:20] = data[4, 10:20, 10:20] = 1
    data[3, 40:50, 40:50] = 2
    window.annotator.set_labels(window.viewer.add_labels(data))
    table = window.widget.objects
    for emit in (table.shown.emit, table.edited.emit):
        window.viewer.dims.set_point(0, 2)
        emit(1)
        assert window.viewer.dims.current_step[0] == 0
    assert window.controller.current.edited.label == 1
