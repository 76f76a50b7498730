"""The model learns from what the user keeps: switch, line, back, and the day after."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iafpn.networks import ModelCard, load_cascade, save_cascade
from napari_iafpn.plugin.learning import learning as module
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.sessions.reading import read_session

PATIENCE = 300_000
SPOTS = [(row, col) for row in (30, 90, 150) for col in (30, 90, 150)]


@pytest.fixture
def lab(tiny_cascade, tmp_path, annotate, empty_viewer, monkeypatch):
    """Return a function that opens an image of a folder, with a model that learns quickly."""
    (tmp_path / "plate").mkdir()
    rows, cols = np.mgrid[:180, :180]
    near = (np.hypot(rows - row, cols - col) <= 8 for row, col in SPOTS)
    pixels = np.where(np.any(list(near), axis=0), 200, 50).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "plate" / "well.png")
    model = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, model, ModelCard(name="tiny"))
    # What is worth taking is tested elsewhere; from random weights nothing is.
    monkeypatch.setattr(module, "is_better", lambda _: True)

    def opened():
        empty_viewer.open(str(tmp_path / "plate" / "well.png"), plugin="napari")
        window = annotate(None, models=(str(model),), paths=UserPaths(tmp_path / "home"))
        learning = window.widget.learning
        learning.every, learning.tried_on = 3, 2
        learning.process.options = ("--steps", "1", "--urgent")
        return window

    return opened


def keep(window, *places):
    for place in places:
        window.click(*place)
        window.key(Qt.Key.Key_Return)


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_it_learns_is_told_and_goes_back(lab, qtbot, tmp_path: Path):
    window = lab()
    learning, view, tiny = window.widget.learning, window.widget.learning.view, "tiny"
    assert not view.switch.isChecked()
    keep(window, *SPOTS[:3])
    assert not learning.busy
    press(view.switch)
    assert learning.busy
    qtbot.waitUntil(lambda: "tried on the next" in view.text, timeout=PATIENCE)
    window.click(*SPOTS[3])
    window.key(Qt.Key.Key_Return)
    window.click(*SPOTS[4])
    window.key(Qt.Key.Key_Return)
    window.click(*SPOTS[5])  # an object at work keeps its mask
    mask = window.controller.mask
    qtbot.waitUntil(lambda: "Learned from 3 objects: " in view.text, timeout=PATIENCE)
    assert Path(window.controller.model).stem == tiny
    assert window.controller.mask == mask
    window.key(Qt.Key.Key_Return)
    learned = Path(window.controller.model)
    assert learned.stem == "plate_learned_1"
    assert load_cascade(learned).config
    assert window.status.startswith("Learned from 3 objects")
    keep(window, SPOTS[6])
    assert view.button.text() == f"Back to {tiny}"
    press(view.button)
    window.wait()
    assert Path(window.controller.model).stem == tiny
    assert not view.switch.isChecked()
    assert view.button.text() == "Use plate_learned_1"
    # The journal knows who drew what.
    window.widget.sessions.keeper.flush()
    session = read_session(window.widget.sessions.keeper.path)
    models = [Path(step.commit.model).stem for step in session.document.steps if step.commit]
    assert models == [tiny] * 6 + ["plate_learned_1"]
    assert len(session.models) == 2
    # The day after, with the model of the day before.
    viewer = window.viewer
    viewer.window.remove_dock_widget(window.widget)
    viewer.layers.clear()
    window = lab()
    sessions = window.widget.sessions
    qtbot.waitUntil(lambda: bool(sessions.view.offered), timeout=PATIENCE)
    window.resume()
    view = window.widget.learning.view
    assert view.button.text() == "Use plate_learned_1"
    press(view.button)
    window.wait()
    assert Path(window.controller.model) == learned
    keep(window, SPOTS[7])
    assert window.controller.document.last_done.commit.model == str(learned)
    assert str(learned) in UserPaths(tmp_path / "home").models_on_offer()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="of Unix")
def test_killed_it_loses_nothing(lab, qtbot):
    window = lab()
    learning, view = window.widget.learning, window.widget.learning.view
    press(view.switch)
    keep(window, *SPOTS[:3])
    qtbot.waitUntil(lambda: learning.process.id > 0, timeout=PATIENCE)
    window.click(*SPOTS[3])
    os.kill(learning.process.id, signal.SIGKILL)
    qtbot.waitUntil(lambda: "broken off" in view.text, timeout=PATIENCE)
    assert len(window.clicks) == 1
    assert len(window.controller.document.facts) == 3
    assert Path(window.controller.model).stem == "tiny"
    assert learning.is_on
    assert not learning.busy
    window.key(Qt.Key.Key_Return)
    keep(window, SPOTS[4])
    assert not learning.busy
    keep(window, SPOTS[5])  # three more than those that were lost
    assert learning.busy
    press(view.switch)
    assert not learning.busy
    assert learning.process.id == 0
