"""Masks come back as they were written."""

from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.cli.pictures import encode_mask
from napari_iafpn.images.files import read_picture


@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy"])
def test_a_mask_is_0_and_255_in_8_bit(tmp_path: Path, suffix: str) -> None:
    mask = np.eye(7, 9, dtype=bool)
    path = tmp_path / f"mask{suffix}"
    path.write_bytes(encode_mask(mask, suffix))
    read = read_picture(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, mask * 255)
