import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from napari_iafpn.evaluation import MaskCode
from napari_iafpn.networks.tables import plain, read_table


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_a_mask_comes_back(mask):
    code = MaskCode.encode(mask)
    assert read_table(MaskCode, json.loads(json.dumps(plain(code))), "it") == code
    decoded = code.decode()
    assert decoded.dtype == np.bool_
    np.testing.assert_array_equal(decoded, mask)


@pytest.mark.parametrize("filled", [True, False])
def test_a_part_of_an_image_comes_back_in_its_place(filled):
    part = np.zeros((6, 7), bool)
    part[1:4, 2:5] = filled
    whole = MaskCode.encode(part, (20, 30), (10, 5)).decode()
    assert whole.shape == (20, 30)
    np.testing.assert_array_equal(whole[10:16, 5:12], part)
    assert whole.sum() == part.sum()


def test_a_large_smooth_mask_is_small():
    rows, cols = np.mgrid[:800, :800]
    assert len(MaskCode.encode(np.hypot(rows - 400, cols - 400) < 300).bits) < 4000
