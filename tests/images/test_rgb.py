"""What training reads of an image."""

import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.images.intensity import as_rgb8


def test_8_bit_colours_stay_as_they_are(rng):
    image = rng.integers(0, 100, (9, 7, 4), dtype=np.uint8)
    assert np.array_equal(as_rgb8(image), image[..., :3])
    grey = as_rgb8(image[..., 0])
    assert np.array_equal(grey, np.repeat(image[..., :1], 3, axis=2))


@pytest.mark.parametrize("dtype", ["uint16", ">u2", "int32", "float32", "bool"])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_other_types_look_as_they_do_in_a_prediction(rng, dtype, channels):
    image = rng.integers(0, 30000, (40, 50, *channels)).astype(dtype)
    seen = as_rgb8(image)
    assert seen.dtype == np.uint8
    plane = Plane(image)
    expected = np.moveaxis(plane.read(Box.whole((40, 50)), (40, 50)) * 255, 0, 2)
    assert np.abs(seen - expected).max() <= 0.5 + 1e-3


def test_a_number_that_is_none_becomes_black(rng):
    image = rng.random((20, 20)).astype(np.float32)
    image[3, 4], image[5, 6] = np.nan, np.inf
    seen = as_rgb8(image)
    assert seen[3, 4].tolist() == [0, 0, 0]
    assert seen[5, 6].tolist() == [255, 255, 255]
