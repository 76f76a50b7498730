"""Arrays that are 0 nearly everywhere."""

import numpy as np
import pytest

from napari_iafpn.sessions.blocks import SparseArray
from napari_iafpn.sessions.provenance import LabelsProvenance


@pytest.mark.parametrize("shape", [(30, 41), (3, 30, 41), (2, 3, 30, 41)])
def test_it_is_like_a_numpy_array(rng, monkeypatch, shape):
    monkeypatch.setattr("napari_iafpn.sessions.blocks.SIDE", 8)
    array, other = SparseArray(shape, np.int32), np.zeros(shape, np.int32)
    for _ in range(20):
        ends = [sorted(rng.integers(0, size + 1, 2).tolist()) for size in shape]
        region = tuple(slice(*pair) for pair in ends)
        values = rng.integers(0, 5, other[region].shape, dtype=np.int32)
        array[region], other[region] = values, values
        assert np.array_equal(array[region], other[region])
    assert np.array_equal(np.asarray(array), other)
    plane = (*(size - 1 for size in shape[:-2]), slice(None), slice(None))
    assert array[plane].shape == (30, 41)
    assert np.array_equal(array[plane], other[plane])
    again = np.zeros(shape, np.int32)
    for region, values in array.written():
        again[region] = values
    assert np.array_equal(again, other)


def test_blank_labels_of_any_size_need_no_memory():
    about = LabelsProvenance("id", "slide", "image", (100_000, 100_000), "int32", "")
    data = about.data()
    data[99_000:99_900, 5:6] = 3
    assert data[98_999:99_901, 5:6].sum() == 2700
    assert isinstance(LabelsProvenance("id", "x", "image", (9, 9), "int32", "").data(), np.ndarray)
