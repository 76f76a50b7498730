"""The window with real networks: the same masks as without a window."""

import subprocess
import sys

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.networks import ModelCard, save_cascade
from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels
from napari_iafpn.prompts import Click
from napari_iafpn.prompts.simulated import simulated_click

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton

CLICKED = """
import sys
import numpy as np
import napari
from qtpy.QtWidgets import QApplication
from napari_iafpn.prompts import Click
from pathlib import Path
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.inference import predictor

if sys.argv[2] == "torch":
    predictor.is_installed = lambda: False
viewer = napari.Viewer()
viewer.add_image(np.random.default_rng(0).random((64, 64)))
widget = ClickSegmentation(
    viewer, models=[sys.argv[1]], paths=UserPaths(Path(sys.argv[1]).parent / "home")
)
assert "torch" not in sys.modules, "opening the widget must not wait for torch"
viewer.window.add_dock_widget(widget)
while not widget.isVisible():
    QApplication.processEvents()
controller = widget.annotator.controller
controller.add(Click(30, 30))
while controller.busy:
    QApplication.processEvents()
print(widget.status.quiet_text, controller.prediction)
assert ("torch" in sys.modules) == (sys.argv[2] == "torch")
viewer.close()
"""


def test_masks_are_those_of_the_replay_without_a_window(annotate, tiny_cascade, disk_image):
    image, _ = disk_image
    predictor = Predictor(tiny_cascade, "cpu")
    window = annotate(image, load=lambda _: predictor)
    for row, col in ((38, 52), (20, 30), (60, 70)):
        window.click(row, col)
    clicks = [Click(*click) for click in window.clicks]
    limits = window.annotator.image.contrast_limits
    replay = ClickReplay(Predictor(tiny_cascade, "cpu"), Plane(image, limits=tuple(limits)))
    expected = replay.predict(clicks).mask()
    assert 0 < expected.sum() < expected.size
    assert np.array_equal(window.preview(image.shape) > 0, expected)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_process_that_draws_before_it_knows_torch(tmp_path, tiny_cascade, engine):
    """Torch is imported in the worker, after OpenGL's libraries, or never."""
    if engine == "onnx":
        pytest.importorskip("onnxruntime")
    file = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, file, ModelCard(name="tiny"))
    command = [sys.executable, "-c", CLICKED, str(file), engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "s per click on" in done.stdout
    assert "Prediction(" in done.stdout


@pytest.mark.parametrize("name", SAMPLES)
def test_three_clicks_on_a_sample_find_its_object(annotate, name):
    image, labels = load_image(name), load_labels(name)
    click = Click(*SAMPLES[name].click)
    truth = labels == labels[click.pixel]
    predictor = Predictor.load("default", "cpu")
    window = annotate(image, load=lambda _: predictor, rgb=image.ndim == 3)
    overlaps = []
    for _ in range(3):
        window.click(click.row, click.col, button=LEFT if click.positive else RIGHT)
        mask = window.preview(truth.shape) > 0
        overlaps.append((mask & truth).sum() / (mask | truth).sum())
        click = simulated_click(truth, mask)
    assert max(overlaps) > 0.75, overlaps
