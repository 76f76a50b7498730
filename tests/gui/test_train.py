"""Training in the real window, in a real process, with a tiny network."""

import os
import time

import numpy as np
import pytest
from qtpy.QtTest import QTest

from napari_iafpn.networks import ModelCard, save_cascade
from napari_iafpn.plugin.training.controller import State
from napari_iafpn.plugin.training.setup_view import FOLDERS
from napari_iafpn.plugin.training.widget import TrainOnMasks
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation

MINUTES = 2
"""Enough for some steps between the counts of clicks."""


def cells(rng, count=3, side=96):
    """An image of bright disks and their ids."""
    rows, cols = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    step = side // count
    for number in range(count * count):
        centre = step * np.array(divmod(number, count)) + step // 2
        radius = rng.uniform(0.25, 0.42) * step
        labels[np.hypot(rows - centre[0], cols - centre[1]) < radius] = number + 1
    image = np.where(labels > 0, 170, 70) + rng.normal(0, 12, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def trainer(make_napari_viewer, qtbot, tmp_path):
    """Open a window with the docked widget."""
    widgets = []

    def open_widget(viewer=None):
        viewer = viewer or make_napari_viewer(show=True, strict_qt="raise")
        viewer.window.resize(1500, 1000)
        widget = TrainOnMasks(viewer, paths=UserPaths(tmp_path / "home"))
        viewer.window.add_dock_widget(widget, name="Train on your masks")
        qtbot.waitUntil(widget.isVisible)
        widgets.append(widget)
        return widget

    yield open_widget
    for widget in widgets:
        widget.process.close_and_wait()
        widget.controller.close()
        if widget.parent() is None:  # the dock was closed and left it to Python
            widget.deleteLater()
            qtbot.wait(50)


def look(viewer, name):
    """Save what a window looks like where the environment says so."""
    folder = os.environ.get("NAPARI_IAFPN_LOOK")
    if folder:
        QTest.qWait(100)
        viewer.screenshot(f"{folder}/{name}.png", canvas_only=False)


def wait_for(qtbot, controller, condition):
    """Wait while the training runs, and not longer."""
    began = time.monotonic()
    qtbot.waitUntil(
        lambda: condition() or controller.state is State.ENDED or time.monotonic() > began + 240,
        timeout=250000,
    )
    history = controller.history
    assert condition(), (
        controller.state,
        history.end,
        history.phase,
        history.losses,
        history.counts,
    )


def test_train_close_the_widget_go_on_and_use_the_model(
    trainer, qtbot, tmp_path, tiny_cascade, rng
):
    base = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, base, ModelCard(name="tiny"))
    widget = trainer()
    viewer, controller = widget.viewer, widget.controller
    image, labels = cells(rng)
    viewer.add_image(image, name="cells")
    viewer.add_labels(np.zeros_like(labels), name="other")
    viewer.add_labels(labels, name="Objects of cells")
    assert widget.setup.pairs.chosen_names() == ["cells"]
    widget.setup.options.base.choose(str(base))
    widget.setup.options.minutes.value = MINUTES
    look(viewer, "setup")

    widget.setup.start_button.native.click()
    wait_for(qtbot, controller, lambda: len(controller.history.losses) > 2)
    widget._draw()
    drawn = [len(line.get_xdata()) for line in widget.progress.curves.losses.get_lines()]
    assert max(drawn) > 2
    assert widget.progress.table.texts[1][0].startswith("Your objects")
    look(viewer, "running")
    seen = len(controller.history.losses)
    viewer.window.remove_dock_widget(widget)
    assert widget.process.running  # it saves and ends by itself
    qtbot.waitUntil(lambda: not widget.process.running, timeout=60000)

    widget = trainer(viewer)
    controller = widget.controller
    assert widget.setup.unfinished.button.text == "Continue the training of cells"
    look(viewer, "unfinished")
    widget.setup.unfinished.button.native.click()
    assert len(controller.history.losses) >= seen
    wait_for(qtbot, controller, lambda: len(controller.history.losses) > seen)
    widget.buttons.pause_button.native.click()
    wait_for(qtbot, controller, lambda: controller.history.paused)
    look(viewer, "paused")
    widget.buttons.pause_button.native.click()
    wait_for(qtbot, controller, lambda: any(c.best for c in controller.history.counts["yours"][1:]))
    widget.buttons.stop_button.native.click()
    qtbot.waitUntil(lambda: controller.state is State.ENDED, timeout=60000)
    assert "the best model so far was written" in widget.status.text
    look(viewer, "done")

    widget.buttons.use_button.native.click()
    (clicker,) = (
        w for w in viewer.window.dock_widgets.values() if isinstance(w, ClickSegmentation)
    )
    model = str(widget.paths.models / "cells.safetensors")
    assert model in clicker.model.models
    qtbot.waitUntil(lambda: clicker._working_model == model, timeout=60000)
    look(viewer, "used")
    clicker.hide()


def test_the_labels_beside_a_folder_of_images_are_found(trainer, tmp_path):
    widget = trainer()
    widget.setup.kind.value = FOLDERS
    widget.setup.start_button.native.click()
    assert widget.status.text.startswith("Choose the folder of your images")
    (tmp_path / "cells" / "images").mkdir(parents=True)
    (tmp_path / "cells" / "labels").mkdir()
    widget.setup.folders.images_edit.value = tmp_path / "cells"
    assert widget.setup.folders.source.labels == tmp_path / "cells" / "labels"
    assert widget.setup.options.output.path.stem == "cells"


def test_labels_are_offered_to_the_images_that_they_fit(trainer):
    widget = trainer()
    viewer, pairs = widget.viewer, widget.setup.pairs
    assert pairs.chosen() == []
    viewer.add_image(np.zeros((3, 20, 30)), name="stack")
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), name="photo", rgb=True)
    viewer.add_labels(np.zeros((20, 30), int), name="masks")
    assert pairs.chosen_names() == ["photo"]
    viewer.add_labels(np.zeros((3, 20, 30), int), name="Objects of stack")
    assert pairs.chosen_names() == ["stack"]
    assert widget.setup.options.output.path.stem == "stack"
