"""The panel: it fits a laptop, guides, and never keeps the keyboard; with mouse and keys."""

import numpy as np
import pytest
from napari._qt.widgets.qt_dims_slider import QtDimSliderWidget
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QLineEdit,
    QScrollBar,
    QSpinBox,
    QToolButton,
)
from superqt import QLargeIntSpinBox

from napari_iafpn.plugin.annotate.objects_view import COLUMNS
from napari_iafpn.plugin.annotate.settings_view import NEW_CLASS
from napari_iafpn.plugin.annotate.tools_view import BRUSH, ERASER, STROKE
from napari_iafpn.plugin.evaluation.widget import EvaluateClicks
from napari_iafpn.plugin.mask_preview import HINT
from napari_iafpn.plugin.training.widget import TrainOnMasks
from napari_iafpn.plugin.user_paths import UserPaths

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
SHAPE = (60, 80)


@pytest.fixture
def window(annotate, rng):
    return annotate(rng.integers(0, 255, SHAPE, np.uint8))


@pytest.fixture
def stack(annotate, rng):
    return annotate(rng.integers(0, 255, (4, *SHAPE), np.uint8))


def keep(window, *world):
    window.click(*world)
    window.key(Qt.Key.Key_Return)


def focused(window):
    """The widget that gets the keys, whether or not the window is the active one."""
    return window.viewer.window._qt_window.focusWidget()


def press(window, key, modifier=Qt.KeyboardModifier.NoModifier):
    """Press a key wherever the keyboard is."""
    QTest.keyClick(focused(window), key, modifier)
    window.wait()


def controls(panel):
    """All that can be clicked on by now, from the top to the bottom."""
    kinds = (QAbstractButton, QComboBox, QAbstractSlider, QSpinBox)
    found = [c for kind in kinds for c in panel.findChildren(kind)]
    inner = (QScrollBar,)
    return [
        c
        for c in found
        if c.isVisible() and c.isEnabled() and not isinstance(c, inner) and c.width() > 4
        and not isinstance(c.parent(), QAbstractItemView) and not c.objectName().startswith("qt_")
    ]  # fmt: skip


def unfold_all(window):
    for fold in window.widget.folds.values():
        fold.unfold()
    QTest.qWait(20)


def show(window, control):
    """Scroll to a control, as a user does."""
    area = window.widget.body
    if area.isAncestorOf(control):
        area.ensureWidgetVisible(control)
        QTest.qWait(5)


# It fits


@pytest.fixture
def alone(stack):
    """Without napari's layer controls, whose height depends on what other tests left in them."""
    dock = stack.viewer.window._qt_viewer.dockLayerControls
    dock.hide()
    yield stack
    dock.show()


@pytest.mark.parametrize("size", [(1000, 600), (1366, 768)])
def test_every_control_can_be_reached_in_a_small_window(alone, size):
    stack, panel = alone, alone.widget
    keep(stack, 0, 30, 40)
    stack.viewer.window.resize(*size)
    unfold_all(stack)

    def is_small():
        stack.viewer.window.resize(*size)  # once more: what was folded may come apart meanwhile
        return stack.viewer.window._qt_window.height() <= size[1]

    stack.qtbot.waitUntil(is_small)
    assert panel.window().height() == size[1], "the panel does not make the window grow"
    assert panel.dock.width() <= 340
    for control in controls(panel):
        show(stack, control)
        frame = panel.body.viewport() if panel.body.isAncestorOf(control) else panel
        corner = frame.mapFromGlobal(control.mapToGlobal(QPoint(0, 0)))
        assert 0 <= corner.x() <= frame.width() - control.width(), control
        assert frame.rect().contains(corner + control.rect().center()), control
    (label,) = (each for each in panel.status.findChildren(QLabel) if each.wordWrap())
    two_lines = QLabel("One line\nand another one", panel.status)
    two_lines.ensurePolished()
    assert label.height() >= two_lines.sizeHint().height(), "a long sentence is not cut"
    two_lines.deleteLater()


def test_folding_gives_the_height_back(stack):
    content, before = stack.widget.body.content, stack.widget.objects.height()
    unfold_all(stack)
    assert stack.widget.objects.height() < before
    for fold in stack.widget.folds.values():
        QTest.mouseClick(fold.title, LEFT)
    stack.qtbot.waitUntil(lambda: stack.widget.objects.height() == before)
    assert content.height() <= stack.widget.body.viewport().height()


def test_docks_of_the_plugin_become_tabs(window, tmp_path, qtbot):
    qt_window = window.viewer.window._qt_window
    others = [
        EvaluateClicks(window.viewer, models=("stand-in",)),
        TrainOnMasks(window.viewer, paths=UserPaths(tmp_path / "home")),
    ]
    for number, other in enumerate(others):
        window.viewer.window.add_dock_widget(other, name=f"other {number}")
    qtbot.waitUntil(lambda: len(qt_window.tabifiedDockWidgets(window.widget.dock)) == 2)
    window.click(30, 40)
    assert len(window.clicks) == 1, "one click, one mask"
    for other in others:
        window.viewer.window.remove_dock_widget(other)
        other.deleteLater()


# The keyboard is the canvas's


def clicked(window, control):
    """Click on a control with the mouse where it reacts."""
    show(window, control)
    place = control.rect().center()
    if isinstance(control, QComboBox):
        QTest.mouseClick(control, LEFT, pos=place)
        view = control.view()
        QTest.keyClick(view, Qt.Key.Key_Return)
        return
    if isinstance(control, QSpinBox):
        place = QPoint(control.width() - 6, 5)  # the arrow up
    if isinstance(control, QAbstractButton) and not isinstance(control, QToolButton):
        place = QPoint(8, control.height() // 2)
    QTest.mouseClick(control, LEFT, pos=place)


def test_after_every_control_keys_are_for_the_canvas(stack, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("", ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("", False))
    keep(stack, 0, 15, 20)
    keep(stack, 0, 45, 60)
    stack.click(0, 30, 40)
    panel = stack.widget
    unfold_all(stack)
    tried = 0
    skipped = {panel.objects.buttons["Set class"], panel.annotating, panel._help_button}
    for control in controls(panel):
        if control in skipped or not control.isEnabled():
            continue
        panel.objects.table.setFocus()
        clicked(stack, control)
        stack.wait()
        assert focused(stack) is stack.canvas.native, control
        tried += 1
    assert tried >= 25
    panel.tools.choose("clicks")
    for _ in range(10):
        press(stack, Qt.Key.Key_Z, CONTROL)
    assert not stack.controller.can_undo


def test_enter_in_a_number_box_only_confirms_it(stack):
    stack.click(0, 30, 40)
    unfold_all(stack)
    box = stack.widget.stack.planes
    QTest.mouseClick(box.lineEdit(), LEFT)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "3")
    QTest.keyClick(box, Qt.Key.Key_Return)
    QTest.qWait(20)
    assert box.value() == 3
    assert len(stack.clicks) == 1, "nothing was kept"
    assert focused(stack) is stack.canvas.native
    press(stack, Qt.Key.Key_Return)
    assert stack.clicks == []


def type_in(box, text):
    QTest.mouseClick(box, LEFT)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)


def slider_box(window):
    """The field beside napari's slider that takes the number of a plane."""
    sliders = window.viewer.window._qt_window.findChildren(QtDimSliderWidget)
    return next(slider.curslice_label for slider in sliders if slider.isVisible())


def label_box(window):
    """The field of napari that takes the id to paint with."""
    labels = window.annotator.labels
    window.viewer.layers.selection.active = labels
    controls = window.viewer.window._qt_viewer.controls.widgets[labels]
    return controls.findChild(QLargeIntSpinBox)


def other_field(window):
    """A field of another plugin."""
    box = QLineEdit()
    window.viewer.window.add_dock_widget(box, name="other")
    return box


@pytest.mark.parametrize("field", [slider_box, label_box, other_field])
@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape])
def test_fields_of_napari_and_of_other_plugins_only_confirm(stack, predictor, field, key):
    stack.viewer.dims.set_point(0, 2)
    keep(stack, 2, 15, 20)
    stack.click(2, 45, 60)
    box = field(stack)
    type_in(box, "2")
    predictor.seconds = 0.3
    stack.click(2, 40, 55, wait=False)
    QTest.keyClick(box, key)
    stack.wait()
    assert len(stack.clicks) == 2, "nothing was kept"
    assert stack.controller.mask is not None, "nothing was stopped"
    QTest.keyClick(stack.canvas.native, Qt.Key.Key_Return)
    stack.wait()
    assert stack.clicks == []


def test_undo_in_a_number_box_is_the_text_s_while_text_is_typed(stack):
    stack.click(0, 30, 40)
    unfold_all(stack)
    box = stack.widget.stack.planes
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Z, CONTROL)
    assert stack.clicks == []
    press(stack, Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "12")
    QTest.keyClick(box, Qt.Key.Key_Z, CONTROL)
    assert len(stack.clicks) == 1


def test_the_wheel_scrolls_the_panel_and_changes_no_choice(stack):
    unfold_all(stack)
    row = stack.widget.stack
    before = row.direction.currentText(), row.planes.value()
    for control in (row.direction, row.planes):
        show(stack, control)
        at = QPointF(control.rect().center())
        turn = QWheelEvent(
            at, QPointF(control.mapToGlobal(QPoint(5, 5))), QPoint(0, -120), QPoint(0, -120),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(control, turn)
    assert (row.direction.currentText(), row.planes.value()) == before


# The table


@pytest.fixture
def table(window):
    for place in ((15, 15), (15, 60), (45, 30)):
        keep(window, *place)
    return window.widget.objects


def row_at(table, row, column=0):
    return table.table.visualRect(table.table.model().index(row, column)).center()


def choose_row(window, table, row):
    QTest.mouseClick(table.table.viewport(), LEFT, pos=row_at(table, row))
    window.wait()


def test_a_row_outlines_its_object_and_pans_only_where_needed(window, table):
    before = tuple(window.camera.center)
    choose_row(window, table, 1)
    assert tuple(window.camera.center) == before
    outlined = window.preview(SHAPE) == HINT
    rows, cols = np.nonzero(outlined)
    assert abs(rows.mean() - 15) < 2
    assert abs(cols.mean() - 60) < 2
    window.camera.center = (0, 300, 300)
    choose_row(window, table, 2)
    assert np.allclose(window.camera.center[-2:], (45, 30), atol=1)
    window.click(20, 40)
    assert not (window.preview(SHAPE) == HINT).any()


def test_keys_in_the_table(window, table):
    labels = window.annotator.labels
    choose_row(window, table, 1)
    assert focused(window) is table.table
    press(window, Qt.Key.Key_Down)
    assert table.chosen == [3]
    press(window, Qt.Key.Key_Delete)
    assert set(np.unique(labels.data)) == {0, 1, 2}
    press(window, Qt.Key.Key_Z, CONTROL)
    assert set(np.unique(labels.data)) == {0, 1, 2, 3}
    window.click(30, 70)
    choose_row(window, table, 0)
    press(window, Qt.Key.Key_Return)
    assert set(np.unique(labels.data)) == {0, 1, 2, 3, 4}


def test_sorting_leaves_the_chosen_row_and_living_buttons(window, table):
    choose_row(window, table, 0)
    header = table.table.horizontalHeader()
    for column in (c for c in range(len(COLUMNS)) if not table.table.isColumnHidden(c)):
        place = QPoint(header.sectionViewportPosition(column) + 8, header.height() // 2)
        for _ in range(2):
            QTest.mouseClick(header.viewport(), LEFT, pos=place)
            assert table.chosen == [1]
    table.buttons["Delete"].click()
    assert sorted(table.shown_labels) == [2, 3]
    assert table.chosen == []
    assert not table.buttons["Delete"].isEnabled()


def test_an_edited_object_stays_in_the_table_and_is_marked(window, table):
    labels = window.annotator.labels
    area = int((labels.data == 2).sum())
    window.annotator.kept.edit(labels, 2)
    row = table.model.rows[1]
    assert (row.label, row.area, row.edited) == (2, area, True)
    assert table.table.model().index(1, len(COLUMNS) - 1).data() == "editing"
    assert window.widget.object.title.text() == f"Editing object 2 of {labels.name}"
    window.key(Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    assert not any(row.edited for row in table.model.rows)
    assert window.widget.object.title.text() == "New object 4"


def test_the_class_of_chosen_objects_is_a_menu(window, table, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("nucleus", True))
    menu = table.buttons["Set class"].menu()
    (new,) = (action for action in menu.actions() if action.text() == NEW_CLASS)
    table.choose([1, 3])
    new.trigger()
    window.wait()
    assert [row.category for row in table.model.rows] == ["nucleus", "", "nucleus"]
    keep(window, 45, 65)
    assert table.model.rows[-1].category == "", "the next objects get what they got before"
    (nucleus,) = (action for action in menu.actions() if action.text() == "nucleus")
    table.choose([2])
    nucleus.trigger()
    window.wait()
    assert [row.category for row in table.model.rows] == ["nucleus"] * 3 + [""]


@pytest.mark.parametrize("large", [2**31 + 5, 2**33 + 1])
def test_a_row_with_a_large_id_is_that_object(window, large):
    data = np.zeros(SHAPE, np.int64)
    data[10:20, 10:20] = large
    data[30:40, 30:40] = np.int64(large).astype(np.int32)  # what 32 bits make of it
    labels = window.viewer.add_labels(data)
    window.annotator.set_labels(labels)
    window.wait()
    table = window.widget.objects
    row = table.shown_labels.index(large)
    choose_row(window, table, row)
    rows, _ = np.nonzero(window.preview(SHAPE) == HINT)
    assert (rows.min(), rows.max()) == (10, 19)
    QTest.mouseDClick(table.table.viewport(), LEFT, pos=row_at(table, row))
    window.wait()
    assert window.controller.current.edited.label == large


def test_split_keeps_class_and_review(window, table):
    window.annotator.categories[1] = {"name": "cell", "colour": "#e69f00"}
    table.classified.emit([2], 1)
    table.reviewed.emit([2])
    window.annotator.kept.edit(window.annotator.labels, 2)
    window.click(15, 56)
    window.click(15, 64)
    window.widget.object.split_button.click()
    parts = {row.label: (row.category, row.reviewed) for row in table.model.rows}
    assert parts == {1: ("", False), 2: ("cell", True), 3: ("", False), 4: ("cell", True)}


def test_export_writes_what_the_dialog_chose(window, table, monkeypatch, tmp_path):
    path = tmp_path / "cells"
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda _parent, _title, _name, kinds: (
            str(path),
            next(kind for kind in kinds.split(";;") if "geojson" in kind),
        ),
    )
    table.buttons["Export…"].click()
    assert path.with_suffix(".geojson").exists()
    assert "cells.geojson" in window.status


# What it says


def test_the_guide_follows_what_is_done(window):
    guide = window.widget.guide
    assert guide.text() == "Click on an object."
    window.click(30, 40)
    assert guide.text() == "Missing part: click. Too much: right-click. Enter: keep."
    window.key(Qt.Key.Key_Return)
    assert guide.text() == "Click on the next object, or double-click on one to correct it."
    window.widget.tools.choose(STROKE)
    assert guide.text().startswith("Drag a line along an object")
    window.widget.annotating.click()
    assert "Tick “Annotate”" in guide.text()


def test_an_error_goes_when_its_cause_does(window):
    window.viewer.layers[0].visible = False
    window.click(30, 40)
    assert "is hidden" in window.status
    window.viewer.layers[0].visible = True
    window.qtbot.waitUntil(lambda: window.status == "")


@pytest.mark.parametrize(("seconds", "on"), [(0.01, True), (0.35, False)])
def test_the_preview_is_on_where_the_model_is_quick(window, predictor, seconds, on):
    predictor.seconds = seconds
    for col in (10, 40, 70):
        window.click(30, col)
    assert window.widget.display.preview.isChecked() is on


def test_who_decided_on_the_preview_is_not_overruled(window, predictor):
    predictor.seconds = 0.01
    preview = window.widget.display.preview
    preview.click()
    preview.click()
    for col in (10, 40, 70):
        window.click(30, col)
    assert not preview.isChecked()


def test_the_size_of_the_brush_is_beside_it(window):
    tools = window.widget.tools
    assert not tools.brush.isVisible()
    tools.choose(BRUSH)
    assert tools.brush.isVisible()
    tools.brush.setValue(23)
    layer = window.annotator.preview.layer
    assert layer.brush_size == 23
    layer.brush_size = 7
    assert tools.brush.value() == 7
    tools.choose(ERASER)
    assert layer.brush_size == 7
