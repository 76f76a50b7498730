"""Every command of the manifest, from napari's menus, its palette and its dialogs."""

import re
from pathlib import Path

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.plugins import _initialize_plugins
from npe2 import PluginManifest
from qtpy.QtCore import QStandardPaths, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu

import napari_iafpn
from napari_iafpn.exchange import LabelImage, read_labels, write_labels
from napari_iafpn.plugin.commands import tool_of
from napari_iafpn.plugin.evaluation.widget import EvaluateClicks
from napari_iafpn.plugin.folder.widget import FolderOfImages
from napari_iafpn.plugin.training.widget import TrainOnMasks
from napari_iafpn.plugin.widget import ClickSegmentation

OWN = "napari-iafpn"
TITLE = "IAFPN click segmentation"
MANIFEST = PluginManifest.from_file(Path(napari_iafpn.__file__).with_name("napari.yaml"))
TITLES = {command.id: command.title for command in MANIFEST.contributions.commands}
SAMPLES = {sample.command: sample.display_name for sample in MANIFEST.contributions.sample_data}
WRITERS = {writer.command: writer for writer in MANIFEST.contributions.writers}
READER = f"{OWN}.read_labels"
WIDGETS = {
    f"{OWN}.click_segmentation": ClickSegmentation,
    f"{OWN}.evaluate_clicks": EvaluateClicks,
    f"{OWN}.train_on_masks": TrainOnMasks,
    f"{OWN}.folder_of_images": FolderOfImages,
}
ANNOTATION = {
    f"{OWN}.{name}"
    for name in (
        "segment_by_clicks", "edit_label", "commit_object", "propagate_object", "undo", "redo",
        "resume_session", "show_shortcuts",
    )
}  # fmt: skip
SHAPE = (60, 80)


def plain(text):
    """Return the text of a menu without its accelerator, dots and the plugin's name."""
    return text.replace("&", "").removesuffix("...").removesuffix(f" ({TITLE})").strip()


def paths_of_pages():
    source = Path(__file__).parents[2]
    pages = [source / "README.md", *(source / "docs").glob("*.md")]
    text = " ".join(" ".join(page.read_text(encoding="utf-8").split()) for page in pages)
    return sorted(set(re.findall(r"(?<![\w>])(?:Plugins|File|Layers)(?: > [^>*.,;:]+)+", text)))


def test_menu_paths_of_the_pages_are_those_of_the_window(viewer):
    paths = paths_of_pages()
    assert len(paths) > 5
    for path in paths:
        menu = viewer.window._qt_window.menuBar()
        for name in path.split(" > "):
            if isinstance(menu, QMenu):
                menu.aboutToShow.emit()
            found = {plain(action.text()): action for action in menu.actions()}
            # The last name may be followed by the rest of a sentence.
            known = [text for text in found if text and name.strip().startswith(text)]
            assert known, f"{path}: {sorted(found)}"
            menu = found[max(known, key=len)].menu()
            if menu is None:  # a dialog; what is in it is not looked up
                break


def test_every_command_is_tried_here():
    assert {*SAMPLES, *WRITERS, READER, *WIDGETS, *ANNOTATION} == set(TITLES)


@pytest.fixture
def viewer(make_napari_viewer):
    """A window as a user has it, with all installed plugins, whose files are those of a test."""
    QStandardPaths.setTestModeEnabled(True)
    _initialize_plugins()
    viewer = make_napari_viewer(show=True, strict_qt=False)
    yield viewer
    for dock in viewer.window.dock_widgets.values():
        getattr(dock, "native", dock).hide()
    QStandardPaths.setTestModeEnabled(False)


def choose(viewer, *path):
    """Click through a menu of the window with the mouse."""
    menu = viewer.window._qt_window.menuBar()
    for text in path:
        if isinstance(menu, QMenu):
            menu.aboutToShow.emit()
        (action,) = (a for a in menu.actions() if a.text().replace("&", "") == text)
        submenu = action.menu()
        if submenu is None:
            menu.popup(viewer.window._qt_window.geometry().center())
            QApplication.processEvents()
            QTest.mouseClick(
                menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center()
            )
            menu.close()
        menu = submenu
    QApplication.processEvents()


def docked(viewer, kind):
    (widget,) = (w for w in viewer.window.dock_widgets.values() if isinstance(w, kind))
    return widget


def test_every_widget_opens_from_the_menu(viewer, qtbot):
    for command, kind in WIDGETS.items():
        choose(viewer, "Plugins", TITLE, f"{TITLES[command]} ({TITLE})")
        widget = docked(viewer, kind)
        native = getattr(widget, "native", widget)
        qtbot.waitUntil(native.isVisible)
        native.hide()


def test_every_sample_opens_from_the_menu(viewer):
    for name in SAMPLES.values():
        choose(viewer, "File", "Open Sample", TITLE, name)
        (layer,) = viewer.layers
        pixels = layer.data[-1] if layer.multiscale else layer.data
        assert np.asarray(pixels).std() > 0, name
        viewer.layers.clear()


def test_labels_are_saved_in_every_format_from_the_menu(viewer, monkeypatch, tmp_path):
    labels = np.zeros(SHAPE, np.uint16)
    labels[5:20, 10:30], labels[30:50, 40:70] = 1, 2
    viewer.layers.selection.active = viewer.add_labels(labels)
    for command, writer in WRITERS.items():
        suffix = writer.filename_extensions[0]
        path = tmp_path / f"{command}{suffix}"
        answer = str(path), f"{writer.display_name} (*{suffix})"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, answer=answer, **__: answer)
        choose(viewer, "File", "Save Selected Layers...")
        assert path.exists()
        if suffix == ".csv":
            assert len(path.read_text().splitlines()) == 3
        else:
            assert np.array_equal(read_labels(path, shape=SHAPE).labels, labels), command


def test_outlines_are_opened_from_the_menu(viewer, monkeypatch, tmp_path):
    labels = np.zeros(SHAPE, np.uint16)
    labels[5:20, 10:30], labels[30:50, 40:70] = 1, 2
    path = tmp_path / "cells.geojson"
    write_labels(LabelImage(labels, classes={2: "axon"}), path)
    monkeypatch.setattr(QFileDialog, "exec_", lambda *_: True, raising=False)
    monkeypatch.setattr(QFileDialog, "exec", lambda *_: True)
    monkeypatch.setattr(QFileDialog, "selectedFiles", lambda *_: [str(path)])
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([str(path)], ""))
    choose(viewer, "File", "Open File(s)...")
    (layer,) = viewer.layers
    assert np.array_equal(layer.data, labels)
    assert layer.name == "cells"
    assert layer.metadata["classes"] == {2: "axon"}


def test_annotating_from_menus_and_palette(viewer, qtbot, monkeypatch, tmp_path):
    def run(name):
        get_app_model().commands.execute_command(f"{OWN}.{name}").result()
        QApplication.processEvents()

    first = viewer.add_image(np.eye(60, dtype=np.uint8))
    viewer.add_image(np.eye(60, dtype=np.uint8), visible=False)  # a click is for what is seen
    viewer.layers.selection.active = first
    choose(viewer, "Layers", "Segment", f"Segment by clicks here ({TITLE})")
    widget = docked(viewer, ClickSegmentation)
    annotator, controller = widget.annotator, widget.annotator.controller
    assert annotator.image is first
    annotator.pointer.click((30.0, 20.0), True)
    qtbot.waitUntil(lambda: not controller.busy, timeout=60000)
    run("commit_object")
    labels = annotator.labels
    assert labels.data.any()
    run("undo")
    assert not labels.data.any()
    run("redo")
    assert labels.data.any()
    viewer.layers.selection.active, labels.selected_label = labels, 1
    choose(viewer, "Layers", "Segment", f"Edit this label by clicks ({TITLE})")
    assert controller.current.edited.label == 1
    controller.clear()
    run("propagate_object")
    assert "one plane only" in widget.status.text
    choose(viewer, "Layers", "Annotate", f"Show the keys of click segmentation ({TITLE})")
    assert widget._help.isVisible()
    widget._help.close()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path), ""))
    choose(viewer, "Layers", "Annotate", f"Resume an annotation session ({TITLE})")
    qtbot.waitUntil(lambda: "cannot open the session" in widget.status.text.lower())
    widget.hide()


def test_a_second_tool_gives_way_to_the_first(annotate, predictor, qtbot):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.click(20, 20)
    second = ClickSegmentation(window.viewer, load=lambda _: predictor, models=("stand-in",))
    window.viewer.window.add_dock_widget(second, name="Another")
    qtbot.waitUntil(lambda: "Another" not in window.viewer.window.dock_widgets)
    assert window.widget.isVisible()
    assert "is open in this window already" in window.status
    window.click(40, 60)
    assert len(window.clicks) == 2
    assert [layer.name for layer in window.viewer.layers] == ["image", "Current object", "Clicks"]
    assert tool_of(window.viewer) is window.widget
    window.click(45, 60)
    assert len(window.clicks) == 3


def test_a_second_tool_stays_where_the_first_was_closed(annotate, predictor, qtbot):
    window = annotate(np.zeros(SHAPE, np.uint8))
    window.viewer.window.remove_dock_widget(window.widget)
    second = ClickSegmentation(window.viewer, load=lambda _: predictor, models=("stand-in",))
    window.viewer.window.add_dock_widget(second, name="Another")
    qtbot.wait(50)
    assert "Another" in window.viewer.window.dock_widgets
    assert second.annotator.is_open
    second.hide()
