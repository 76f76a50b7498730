"""The window with real networks: the same masks as without a window."""

import subprocess
import sys

import numpy as np
import pytest

from napari_iafpn.clicks import Click
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.networks import ModelCard, model_names, save_cascade
from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels

CLICKED = """
import sys
import numpy as np
import napari
from qtpy.QtWidgets import QApplication
from napari_iafpn.clicks import Click
from napari_iafpn.plugin.widget import ClickSegmentation

viewer = napari.Viewer()
viewer.add_image(np.random.default_rng(0).random((64, 64)))
widget = ClickSegmentation(viewer, models=[sys.argv[1]])
viewer.window.add_dock_widget(widget)
while not widget.native.isVisible():
    QApplication.processEvents()
assert "torch" not in sys.modules, "opening the widget must not wait for torch"
controller = widget.annotator.controller
controller.add_click(Click(30, 30))
while controller.busy:
    QApplication.processEvents()
print(widget.status.text, controller.prediction)
viewer.close()
"""


def test_masks_are_those_of_the_replay_without_a_window(annotate, tiny_cascade):
    image = load_image("nuclei")
    predictor = Predictor(tiny_cascade, "cpu")
    window = annotate(image, load=lambda _: predictor)
    for row, col in ((100, 120), (200, 300), (210, 310)):
        window.click(row, col)
    clicks = [Click(*click) for click in window.clicks]
    limits = window.annotator.image.contrast_limits
    replay = ClickReplay(Predictor(tiny_cascade, "cpu"), Plane(image, limits=tuple(limits)))
    expected = replay.predict(clicks).mask()
    assert expected.any()
    assert np.array_equal(window.preview(image.shape) > 0, expected)


def test_a_process_that_draws_before_it_knows_torch(tmp_path, tiny_cascade):
    """Torch is first imported in the worker, when OpenGL's libraries are already there."""
    file = tmp_path / "tiny.safetensors"
    save_cascade(tiny_cascade, file, ModelCard(name="tiny"))
    done = subprocess.run(
        [sys.executable, "-c", CLICKED, str(file)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "s per click on" in done.stdout
    assert "Prediction(" in done.stdout


@pytest.mark.skipif("default" not in model_names(), reason="the default model is not trained yet")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_click_on_a_sample_finds_its_object(annotate, name):
    image, truth = load_image(name), load_labels(name)
    row, col = SAMPLES[name].click
    predictor = Predictor.load("default", "cpu")
    window = annotate(image, load=lambda _: predictor, rgb=image.ndim == 3)
    window.click(row, col)
    mask = window.preview(truth.shape) > 0
    wanted = truth == truth[row, col]
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.6
