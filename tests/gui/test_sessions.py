"""Sessions that survive: the journal, the offer to resume, keys and commands, in a real window."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_iafpn.masks import BoxedMask
from napari_iafpn.plugin import canvas, commands
from napari_iafpn.plugin.shortcuts import SHORTCUTS, keys_of
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.prompts import Click
from napari_iafpn.sessions import (
    Commit,
    DisplaySettings,
    Document,
    ObjectChange,
    ObjectStats,
    PlaneKey,
    Step,
)
from napari_iafpn.sessions.actions import commit_step
from napari_iafpn.sessions.journal import JournalWriter
from napari_iafpn.sessions.lines import LineFile
from napari_iafpn.sessions.locking import is_locked
from napari_iafpn.sessions.provenance import ImageProvenance, LabelsProvenance
from napari_iafpn.sessions.reading import ArrayLabels, read_session

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SHAPE = (60, 80)


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 255, SHAPE, np.uint8)


def journals(home):
    return sorted((home / "sessions").glob("*.jsonl"))


def offered(window):
    view = window.widget.sessions.view
    window.qtbot.waitUntil(view.isVisible)
    return view


def earlier_session(home, pixels):
    """Write the journal of a sitting: one object committed, one begun. Returns its labels."""
    target = ArrayLabels(np.zeros(SHAPE, np.int32))
    target.id, target.name = "old labels", "Objects of image"
    writer = JournalWriter(home / "sessions" / "image 1.iafpn.jsonl", print)
    image = ImageProvenance.of("old image", "image", "", pixels, rgb=False)
    labels = LabelsProvenance.of(target.id, target.name, "old image", target.data)
    writer.append(lambda: {"entry": "image", **vars(image)})
    writer.append(lambda: {"entry": "labels", **vars(labels)})
    document, plane = Document(lambda _: target, writer.record), PlaneKey("old image", (0, 1))

    def click(row, col):
        now = document[plane]
        after = replace(now, clicks=now.clicks.add(Click(row, col)))
        document.do(Step("click", plane, (ObjectChange(plane, now, after),)))

    click(30, 20)
    mask = np.zeros(SHAPE, bool)
    mask[25:36, 15:26] = True
    change = ObjectChange(plane, document[plane], document.next_object())
    commit = Commit(target.id, 1, "keep", "stand-in", DisplaySettings((0.0, 255.0)))
    document.do(commit_step(change, target, BoxedMask.of(mask), commit, {}, ObjectStats(clicks=1)))
    click(30, 60)
    assert writer.close(20)
    return target.data


def test_a_session_is_offered_and_goes_on(annotate, pixels, tmp_path):
    committed = earlier_session(tmp_path / "home", pixels)
    window = annotate(pixels)
    view = offered(window)
    assert [text for text, _ in view.offered] == ["1 object, 1 unfinished; just now"]
    window.resume()
    assert not view.isVisible()
    assert np.array_equal(window.annotator.labels.data, committed)
    assert window.clicks == [(30, 60, True)]
    assert window.preview(SHAPE)[30, 60]
    window.key(Qt.Key.Key_Return)
    assert set(np.unique(window.annotator.labels.data)) == {0, 1, 2}
    for _ in range(4):
        window.key(Qt.Key.Key_Z, CONTROL)
    assert not window.annotator.labels.data.any()
    window.widget.sessions.keeper.flush()
    (path,) = journals(tmp_path / "home")
    session = read_session(path)
    assert not session.damage
    assert not session.document.facts
    assert session.document.last_undone.kind == "click"


def test_another_image_gets_no_offer_and_a_file_of_another_is_told(annotate, pixels, tmp_path):
    earlier_session(tmp_path / "home", pixels)
    window = annotate(255 - pixels)
    QTest.qWait(300)
    assert not window.widget.sessions.view.isVisible()
    window.widget.sessions.open_file(journals(tmp_path / "home")[0])
    window.qtbot.waitUntil(lambda: "a session of another image" in window.status.lower())


def test_a_click_leaves_the_offer_and_is_kept_beside_it(annotate, pixels, tmp_path):
    committed = earlier_session(tmp_path / "home", pixels)
    window = annotate(pixels)
    view = offered(window)
    window.click(10, 10)
    assert view.isVisible()
    window.resume()
    assert np.array_equal(window.annotator.labels.data, committed)
    assert window.clicks == [(30, 60, True)]
    window.widget.sessions.keeper.flush()
    assert len(journals(tmp_path / "home")) == 2, "the click is a session of its own"


def test_what_was_kept_hides_the_offer_and_undo_shows_it_again(annotate, pixels, tmp_path):
    earlier_session(tmp_path / "home", pixels)
    window = annotate(pixels)
    view = offered(window)
    window.click(10, 10)
    window.key(Qt.Key.Key_Return)
    assert not view.isVisible()
    window.key(Qt.Key.Key_Z, CONTROL)
    assert view.isVisible()


def test_a_session_from_a_file_leaves_what_was_kept(annotate, pixels, tmp_path):
    committed = earlier_session(tmp_path / "home", pixels)
    window = annotate(pixels)
    offered(window)
    window.click(10, 10)
    window.key(Qt.Key.Key_Return)
    mine = window.annotator.labels
    kept = mine.data.copy()
    window.widget.sessions.open_file(journals(tmp_path / "home")[0])
    window.qtbot.waitUntil(lambda: "Resumed with 1 object" in window.status)
    assert mine in window.viewer.layers
    assert np.array_equal(mine.data, kept)
    assert np.array_equal(window.annotator.labels.data, committed)


def test_looking_leaves_no_file(annotate, pixels, tmp_path):
    window = annotate(pixels)
    window.widget.sessions.keeper.flush()
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_written_is_told_and_work_goes_on(annotate, pixels, tmp_path):
    (tmp_path / "file").write_text("")
    window = annotate(pixels, paths=UserPaths(tmp_path / "file"))
    told = []
    window.widget.sessions.said.connect(lambda message: told.append(message.text))
    window.click(30, 20)
    window.qtbot.waitUntil(lambda: bool(told))
    assert "the session cannot be saved in" in told[0].lower()
    window.key(Qt.Key.Key_Return)
    assert window.annotator.labels.data.any()


def test_a_session_that_another_window_has_is_not_resumed(annotate, pixels, tmp_path):
    earlier_session(tmp_path / "home", pixels)
    window = annotate(pixels)
    view = offered(window)
    (path,) = journals(tmp_path / "home")
    other = LineFile(path)
    other.open()
    view.resume_button.click()
    window.qtbot.waitUntil(lambda: "another window has the session" in window.status.lower())
    assert view.isVisible()
    window.click(10, 10)
    window.widget.sessions.keeper.flush()
    assert len(journals(tmp_path / "home")) == 2, "what is clicked is kept beside it"
    other.close()


def test_a_session_that_went_on_since_it_was_offered_is_read_again(annotate, pixels, tmp_path):
    earlier_session(tmp_path / "home", pixels)
    window = annotate(pixels)
    offered(window)
    (path,) = journals(tmp_path / "home")
    session, file = read_session(path), LineFile(path)
    file.open()
    writer = JournalWriter(path, print, file=file)
    session.document.tell_to(writer.record)
    session.document.undo()
    session.document.undo()
    assert writer.close(20)
    before = path.read_bytes()
    window.resume()
    assert not window.annotator.labels.data.any()
    assert window.clicks == [(30, 20, True)]
    window.click(10, 10)
    window.widget.sessions.keeper.flush()
    assert path.read_bytes().startswith(before)
    assert not read_session(path).damage


def test_closing_says_what_is_not_saved_and_goes_on_trying(annotate, pixels, tmp_path, monkeypatch):
    window = annotate(pixels)
    window.click(30, 20)
    window.widget.sessions.keeper.flush()
    told = []
    window.widget.sessions.said.connect(lambda message: told.append(message))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("napari_iafpn.sessions.journal.RETRY_SECONDS", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr("napari_iafpn.sessions.lines._write_all", full)
        window.key(Qt.Key.Key_Return)
        window.widget.sessions.close()
    assert "are not saved (No space left on device)" in told[-1].text
    assert told[-1].important
    (path,) = journals(tmp_path / "home")
    window.qtbot.waitUntil(lambda: not is_locked(path))
    assert len(read_session(path).document.facts) == 1


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, napari
from conftest import DiskPredictor
from qtpy.QtTest import QTest
from pathlib import Path
from napari_iafpn.prompts import Click
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation
viewer = napari.Viewer(show=True)
viewer.add_image(np.load(sys.argv[2]), name="image")
widget = ClickSegmentation(
    viewer, load=lambda _: DiskPredictor(), models=("stand-in",), paths=UserPaths(Path(sys.argv[3]))
)
viewer.window.add_dock_widget(widget)
controller = widget.annotator.controller
def wait():
    QTest.qWait(20)
    while controller.busy:
        QTest.qWait(5)
wait()
for col in (15, 40, 65):
    controller.add(Click(30, col)); wait(); controller.commit(); wait()
controller.add(Click(10, 10)); wait()
QTest.qWait(100)
print("ready", flush=True)
QTest.qWait(60000)
"""


@pytest.mark.slow
def test_a_killed_napari_is_resumed(annotate, pixels, tmp_path):
    np.save(tmp_path / "pixels.npy", pixels)
    home = tmp_path / "home"
    arguments = [os.path.dirname(__file__), str(tmp_path / "pixels.npy"), str(home)]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while child.stdout.readline().strip() != "ready":
        assert child.poll() is None
        assert time.monotonic() < deadline
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    window = annotate(pixels, paths=UserPaths(home))
    view = offered(window)
    assert [text for text, _ in view.offered] == ["3 objects, 1 unfinished; just now"]
    window.resume()
    assert set(np.unique(window.annotator.labels.data)) == {0, 1, 2, 3}
    assert window.clicks == [(10, 10, True)]
    assert window.preview(SHAPE)[10, 10]


# Keys and commands


def test_every_key_does_its_command(annotate, pixels):
    window = annotate(pixels)
    window.click(30, 20)
    window.key(Qt.Key.Key_B, SHIFT)
    assert window.widget.tools.tool == "brush"
    window.key(Qt.Key.Key_B, SHIFT)
    assert window.widget.tools.tool == "clicks"
    window.key(Qt.Key.Key_X, SHIFT)
    assert window.widget.tools.tool == "eraser"
    window.key(Qt.Key.Key_X, SHIFT)
    window.key(Qt.Key.Key_D, SHIFT)
    assert window.clicks == []
    window.key(Qt.Key.Key_Z, CONTROL)
    assert len(window.clicks) == 1
    window.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert window.clicks == []
    window.click(30, 20)
    window.key(Qt.Key.Key_Return)
    QTest.mouseMove(window.canvas.native, window.point_on_canvas((30, 20)))
    QTest.qWait(50)
    window.key(Qt.Key.Key_E, SHIFT)
    assert window.controller.current.edited.label == 1
    window.key(Qt.Key.Key_S, SHIFT)
    assert "click once on each of its parts" in window.status
    window.key(Qt.Key.Key_H, SHIFT)
    assert window.widget._help.isVisible()
    QTest.keyClick(window.widget._help, Qt.Key.Key_A)
    assert not window.widget._help.isVisible()


def test_napari_before_0_7_1_has_the_event_of_keys_under_a_misspelt_name(monkeypatch):
    old = SimpleNamespace(events=SimpleNamespace(shorcut_changed="the event"))
    monkeypatch.setattr(canvas, "action_manager", old)
    assert canvas._shortcut_changed() == "the event"


def test_the_user_s_own_keys_count_at_once_and_napari_keeps_its(annotate, pixels):
    from napari.utils.action_manager import action_manager

    window = annotate(pixels)
    commit = next(shortcut for shortcut in SHORTCUTS if shortcut.name == "commit")
    before = [str(key) for key in keys_of(commit)]
    assert before == ["Enter"]
    try:
        action_manager.unbind_shortcut(commit.action)
        action_manager.bind_shortcut(commit.action, "Shift+K")
        window.click(30, 20)
        window.key(Qt.Key.Key_Return)
        assert window.annotator.labels is None
        window.key(Qt.Key.Key_K, SHIFT)
        assert window.annotator.labels.data.any()
    finally:
        action_manager.unbind_shortcut(commit.action)
        action_manager.bind_shortcut(commit.action, "Enter")


def test_the_keys_are_listed_in_the_preferences(annotate, pixels, qtbot):
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

    annotate(pixels)
    editor = ShortcutEditor()
    qtbot.addWidget(editor)
    listed = editor.key_bindings_strs[ShortcutEditor.VIEWER_KEYBINDINGS]
    assert {shortcut.action for shortcut in SHORTCUTS} <= set(listed)


@pytest.fixture
def tool(annotate, pixels, monkeypatch):
    """A window whose menus know its own tool."""
    window = annotate(pixels)
    monkeypatch.setattr(commands, "tool_of", lambda _: window.widget)
    return window


def test_the_commands_of_the_menus(tool, monkeypatch, tmp_path):
    viewer = tool.viewer
    other = viewer.add_image(np.zeros(SHAPE, np.uint8), name="other")
    viewer.layers.selection.active = other
    commands.segment_by_clicks(viewer)
    assert tool.annotator.image is other
    tool.click(30, 20)
    commands.commit_object(viewer)
    labels = tool.annotator.labels
    assert labels.data.any()
    commands.undo(viewer)
    assert not labels.data.any()
    commands.redo(viewer)
    assert labels.data.any()
    warnings = []
    monkeypatch.setattr(commands, "show_warning", warnings.append)
    commands.edit_label(viewer)
    assert warnings == ["Select a Labels layer, and in it the label to edit."]
    viewer.layers.selection.active = labels
    labels.selected_label = 1
    commands.edit_label(viewer)
    assert tool.controller.current.edited.label == 1
    commands.show_shortcuts(viewer)
    assert tool.widget._help.isVisible()
    tool.widget._help.close()
    monkeypatch.setattr(commands.QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path), ""))
    commands.resume_session(viewer)
    tool.qtbot.waitUntil(lambda: "cannot open the session" in tool.status.lower())
    QApplication.processEvents()
