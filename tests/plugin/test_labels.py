"""Commits into a Labels layer."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.history import Patch
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.planes import PlaneKey

PLANE = PlaneKey("image", (1, 2), (1,))
PATCH = Patch(PLANE, Box(2, 5, 3, 7), np.ones((3, 4), bool), 6)


@pytest.fixture
def labels():
    data = np.zeros((3, 10, 10), np.uint8)
    data[1, 3, 4], data[2, 0, 0] = 4, 5
    return Labels(data)


def test_write_and_erase_leave_others_alone(labels):
    before = labels.data.copy()
    target = LabelsLayer(labels)
    assert target.next_label(PLANE) == 6
    written = target.write(PATCH)
    assert written.mask.sum() == 11
    assert (labels.data == 6).sum() == 11
    assert np.array_equal(labels.data[before > 0], before[before > 0])
    assert target.next_label(PLANE) == 7
    labels.data[1, 2, 3] = 9  # painted over since
    target.erase(written)
    before[1, 2, 3] = 9
    assert np.array_equal(labels.data, before)


def test_ids_that_others_make_are_never_used_again(labels):
    target = LabelsLayer(labels)
    assert target.next_label(PLANE) == 6
    labels.selected_label = 40
    labels.paint((2, 5, 5), 40)
    assert target.next_label(PLANE) == 41
    labels.data[1, 9, 9] = 50  # by a script, on the displayed plane
    assert target.next_label(PLANE) == 51


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.broadcast_to(np.uint8(0), (3, 10, 10)), "not a writable numpy array"),
        (np.zeros((3, 4, 4), np.uint8), "have another shape now"),
    ],
)
def test_what_cannot_be_written_is_told(labels, data, sentence):
    target = LabelsLayer(labels)
    labels.data = data
    with pytest.raises(ValueError, match=sentence):
        target.write(PATCH)


def test_a_new_layer_lies_on_the_image():
    image = Image(np.zeros((5, 6, 3), np.uint8), rgb=True, scale=(2, 3), translate=(1, 1))
    layer = LabelsLayer.new_for(image).layer
    assert layer.data.shape == (5, 6)
    assert np.allclose(layer.data_to_world((3, 4)), image.data_to_world((3, 4)))
