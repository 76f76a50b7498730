"""What goes wrong gets one sentence, and nothing is lost."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_iafpn.plugin.widget import ClickSegmentation
from napari_iafpn.prompts import Click

SHAPE = (60, 80)


def test_no_image(annotate):
    window = annotate(None)
    assert "Open an image" in window.widget.guide.text()
    window.viewer.add_points(np.array([[0, 0], [50, 50]]))
    window.click(20, 20)
    assert window.status == "There is no image to click on; open one first."
    window.viewer.add_image(np.zeros(SHAPE, np.uint8))
    window.click(20, 20)
    assert len(window.clicks) == 1


def test_the_image_is_removed_while_annotating(annotate, disks):
    window = annotate(np.zeros(SHAPE, np.uint8))
    image = window.annotator.image
    window.click(20, 20)
    window.key(Qt.Key.Key_Return)
    window.click(40, 60)
    window.viewer.layers.remove(image)
    assert window.status.startswith("The image 'image' was removed. Its clicks are kept")
    labels = window.viewer.layers["Objects of image"]
    assert np.array_equal(labels.data > 0, disks(SHAPE, [Click(20, 20)]))
    window.viewer.layers.append(image)
    window.wait()
    assert [Click(*click).pixel for click in window.clicks] == [(40, 60)]
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, [Click(40, 60)]))
    assert window.annotator.labels is labels


def test_the_image_is_removed_while_the_network_works(annotate, predictor):
    window = annotate(np.zeros(SHAPE, np.uint8))
    predictor.seconds = 0.3
    window.click(20, 20, wait=False)
    window.viewer.layers.remove(window.annotator.image)
    window.wait()
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.key(Qt.Key.Key_Return)
    assert "nothing to keep" in window.status


def test_two_viewers_are_independent(make_napari_viewer, annotate, disks):
    first = annotate(np.zeros(SHAPE, np.uint8))
    another = make_napari_viewer(show=True)
    second = annotate(np.zeros((50, 50), np.uint8), viewer=another)
    first.click(30, 40)
    second.click(10, 10)
    second.key(Qt.Key.Key_Return)
    assert len(first.clicks) == 1
    assert np.array_equal(first.preview(SHAPE) > 0, disks(SHAPE, [Click(30, 40)]))
    assert first.annotator.labels is None
    assert np.array_equal(second.annotator.labels.data > 0, disks((50, 50), [Click(10, 10)]))
    first.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert first.clicks == []
    assert second.annotator.labels.data.any()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("the store did not answer; try again\nwith details"), "the store did not"),
        (KeyError("x"), "the prediction failed (KeyError: 'x'); your clicks are kept, try again"),
    ],
)
def test_an_exception_in_the_worker(annotate, predictor, disks, error, sentence):
    window = annotate(np.zeros(SHAPE, np.uint8))
    predictor.error = error
    window.click(20, 20)
    assert window.says(sentence)
    assert "\n" not in window.status
    assert len(window.clicks) == 1
    predictor.error = None
    window.click(40, 60)
    clicks = [Click(*click) for click in window.clicks]
    assert len(clicks) == 2
    assert np.array_equal(window.preview(SHAPE) > 0, disks(SHAPE, clicks))


def test_a_foreign_model_file(annotate, predictor, tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"no model")

    def load(model):
        if model == "stand-in":
            return predictor
        raise ValueError(f"{model} is no model of napari-iafpn; choose another file")

    window = annotate(np.zeros(SHAPE, np.uint8), load=load)
    window.click(20, 20)
    before = window.preview(SHAPE)
    window.widget.model.chosen.emit(str(foreign))
    window.wait()
    assert "foreign.safetensors is no model" in str(window.messages)
    assert window.widget.model.models == ("stand-in",)
    assert np.array_equal(window.preview(SHAPE), before)
    window.click(40, 60)
    assert len(window.clicks) == 2


def test_the_3d_view(annotate):
    window = annotate(np.zeros((4, *SHAPE), np.uint8))
    window.viewer.dims.ndisplay = 3
    window.widget.annotator.pointer.click((0, 20, 20), True)
    assert "click in the 2D view" in window.status
    window.viewer.dims.ndisplay = 2
    window.click(0, 20, 20)
    assert len(window.clicks) == 1


def test_labels_that_are_full(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8))
    full = np.zeros(SHAPE, np.uint8)
    full[0, 0] = 255
    window.viewer.add_labels(full, name="full")
    window.viewer.layers.selection.active = window.annotator.image
    window.widget.objects.labels_chosen.emit("full")
    window.click(30, 40)
    window.key(Qt.Key.Key_Return)
    assert "are full: uint8 ends at 255" in window.status
    assert len(window.clicks) == 1


def test_only_fitting_labels_are_offered(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8), scale=(2, 2))
    window.viewer.add_labels(np.zeros(SHAPE, int), name="unscaled")
    window.viewer.add_labels(np.zeros((9, 9), int), name="small")
    window.viewer.add_labels(np.zeros(SHAPE, int), name="fitting", scale=(2, 2))
    assert [layer.name for layer in window.annotator.book.fitting(window.annotator.image)] == [
        "fitting"
    ]


def test_the_proxy_that_napari_hands_to_plugins(make_napari_viewer_proxy, annotate, disks):
    viewer = make_napari_viewer_proxy(show=True)
    window = annotate(np.zeros(SHAPE, np.uint8), viewer=viewer)
    assert isinstance(window.widget, ClickSegmentation)
    window.viewer = viewer.__wrapped__
    window.click(30, 40)
    window.key(Qt.Key.Key_Return)
    assert np.array_equal(window.annotator.labels.data > 0, disks(SHAPE, [Click(30, 40)]))


def test_another_image_is_followed_unless_clicks_wait(annotate):
    window = annotate(np.zeros(SHAPE, np.uint8))
    second = window.viewer.add_image(np.zeros((50, 50), np.uint8), name="second")
    assert window.annotator.image is second
    window.click(20, 20)
    window.viewer.add_image(np.zeros((40, 40), np.uint8), name="third")
    assert window.annotator.image is second
    window.key(Qt.Key.Key_Return)
    window.viewer.layers.selection.active = window.viewer.layers["image"]
    assert window.annotator.image is window.viewer.layers["image"]
