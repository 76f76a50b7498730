"""The stack and the slide of File > Open Sample; the window tests click on them."""

import numpy as np
import pytest
from skimage.data import immunohistochemistry

from napari_iafpn.plugin.samples import SLIDE_FACTORS, load_slide, load_stack, open_brain


@pytest.fixture(scope="module")
def levels():
    return load_slide()


def test_the_stack_is_a_brain_in_millimetres():
    ((data, options, kind),) = open_brain()
    assert kind == "image"
    assert np.array_equal(data, load_stack())
    assert data.shape == (18, 193, 157)
    assert data.dtype == np.uint8
    assert options["scale"] == (3.0, 1.0, 1.0)
    assert options["units"] == ("mm", "mm", "mm")
    assert (data[:, 60:130, 40:120] > 0).mean() > 0.99, "brain in the middle of every slice"
    assert not data[:, [0, -1]].any(), "and none at the border"


def test_the_slide_repeats_a_field_without_a_seam(levels):
    field = immunohistochemistry()
    whole = levels[0]
    assert whole.shape == (32_768, 32_768, 3)
    assert np.array_equal(np.asarray(whole[10_240:10_752, 5_120:5_632]), field)
    corner = np.asarray(whole[:1100, :1100])
    assert np.array_equal(corner[512:1024, :512], field[::-1])
    assert np.array_equal(corner[511], corner[512])
    assert np.array_equal(corner[:, 1023], corner[:, 1024])


@pytest.mark.parametrize("place", range(1, len(SLIDE_FACTORS)))
def test_a_level_of_the_slide_is_the_mean_of_the_first(levels, place):
    factor = SLIDE_FACTORS[place]
    part = np.asarray(levels[0][: 8 * factor, 1024 : 1024 + 4 * factor], float)
    means = part.reshape(8, factor, 4, factor, 3).mean(axis=(1, 3))
    start = 1024 // factor
    assert np.abs(np.asarray(levels[place][:8, start : start + 4]) - means).max() <= 0.5


def test_the_slide_is_made_where_it_is_read(levels):
    assert max(max(chunk) for chunk in levels[0].chunks) <= 1024
