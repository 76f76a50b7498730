"""Commits into a Labels layer."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.sessions import Cutout, PlaneKey
from napari_iafpn.sessions.pixels import painted

PLANE = PlaneKey("image", (1, 2), (1,))
MASK = Cutout(Box(2, 5, 3, 7), np.packbits(np.ones((3, 4), bool)).tobytes())


@pytest.fixture
def labels():
    data = np.zeros((3, 10, 10), np.uint8)
    data[1, 3, 4], data[2, 0, 0] = 4, 5
    return Labels(data)


def test_changes_leave_others_alone(labels):
    before = labels.data.copy()
    target = LabelsLayer(labels)
    assert target.next_label() == 6
    change = painted(target.data, PLANE, MASK, 6)
    target.apply((change,))
    assert (labels.data == 6).sum() == 11
    assert target.areas[6] == 11
    assert np.array_equal(labels.data[before > 0], before[before > 0])
    assert target.next_label() == 7
    labels.data[1, 2, 3] = 9  # painted over since
    target.revert((change,))
    before[1, 2, 3] = 9
    assert np.array_equal(labels.data, before)


def test_an_undone_object_leaves_its_id_to_the_next(labels):
    target = LabelsLayer(labels)
    change = painted(target.data, PLANE, MASK, target.next_label())
    assert change.after.max() == 6
    target.apply((change,))
    assert (target.next_label(), target.areas[6]) == (7, 11)
    target.revert((change,))
    assert (target.next_label(), target.areas[6]) == (6, 0)


def test_ids_that_others_make_are_never_used_again(labels):
    target = LabelsLayer(labels)
    assert target.next_label() == 6
    labels.selected_label = 40
    labels.paint((2, 5, 5), 40)
    assert target.next_label() == 41
    labels.data[1, 9, 9] = 50  # by a script, on the displayed plane
    assert target.next_label(PLANE) == 51


@pytest.mark.parametrize("tool", ["paint", "fill", "data_setitem", "stroke"])
def test_strokes_of_napari_s_tools_become_changes(labels, tool):
    told = []
    target = LabelsLayer(labels, lambda _, change: told.append(change))
    labels.data[1, 6:8, 2:4] = 7
    assert target.areas[7] == 4
    before = labels.data.copy()
    labels.brush_size = 3
    if tool == "paint":
        labels.paint((1, 6, 5), 9)
    elif tool == "fill":
        labels.fill((1, 6, 2), 9)
    elif tool == "data_setitem":
        labels.data_setitem((np.array([1, 1]), np.array([3, 6]), np.array([4, 2])), 9)
    else:
        with labels.block_history():
            labels.paint((1, 6, 5), 9)
            labels.paint((1, 6, 3), 9)
    after = labels.data.copy()
    (change,) = told
    assert (after == 9).any()
    assert target.areas[9] == (after == 9).sum()
    change.revert(labels.data)
    assert np.array_equal(labels.data, before)
    change.apply(labels.data)
    assert np.array_equal(labels.data, after)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.broadcast_to(np.uint8(0), (3, 10, 10)), "read-only"),
        (np.zeros((3, 4, 4), np.uint8), "have another shape now"),
    ],
)
def test_what_cannot_be_written_is_told(labels, data, sentence):
    target = LabelsLayer(labels)
    change = painted(labels.data, PLANE, MASK, 6)
    labels.data = data
    with pytest.raises(ValueError, match=sentence):
        target.apply((change,))


def test_full_labels_are_told(labels):
    labels.data[2, 9, 9] = 255
    target = LabelsLayer(labels)
    with pytest.raises(ValueError, match="are full: uint8 ends at 255 and the next object is 256"):
        target.check(PLANE, target.next_label())


def test_labels_in_a_zarr_array(tmp_path):
    zarr = pytest.importorskip("zarr")
    data = zarr.create_array(tmp_path / "labels.zarr", shape=(3, 10, 10), dtype="u1")
    target = LabelsLayer(Labels(data))
    target.check(PLANE, 1)
    change = painted(target.data, PLANE, MASK, 1)
    target.apply((change,))
    assert (data[1] == 1).sum() == 12
    target.revert((change,))
    assert not data[:].any()


def test_a_new_layer_lies_on_the_image(tmp_path):
    image = Image(np.zeros((5, 6, 3), np.uint8), rgb=True, scale=(2, 3), translate=(1, 1))
    layer = LabelsLayer.new_for(image, tmp_path).layer
    assert layer.data.shape == (5, 6)
    assert np.allclose(layer.data_to_world((3, 4)), image.data_to_world((3, 4)))
