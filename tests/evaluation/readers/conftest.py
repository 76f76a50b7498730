"""Trees of a few small files."""

import numpy as np
import pytest
from PIL import Image

SHAPE = (12, 16)


@pytest.fixture
def save(tmp_path):
    """Write an array as the picture ``tmp_path / path``."""

    def write(path, array):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(array)).save(target)
        return target

    return write


@pytest.fixture
def colours(rng):
    return rng.integers(0, 255, (*SHAPE, 3), dtype=np.uint8)


@pytest.fixture
def labels():
    """Two objects, 1 of 64 and 7 of 48 pixels, and a row of 255."""
    ids = np.zeros(SHAPE, np.uint8)
    ids[:4], ids[6:9], ids[11] = 1, 7, 255
    return ids


@pytest.fixture
def cells(save, tmp_path, colours, labels):
    """A folder of two images: ``a`` with 8-bit, ``b`` with 16-bit labels."""
    for stem, dtype in (("a", np.uint8), ("b", np.uint16)):
        save(f"cells/images/{stem}.png", colours if stem == "a" else colours[..., 0])
        save(f"cells/labels/{stem}.png", labels.astype(dtype))
    return tmp_path / "cells"
