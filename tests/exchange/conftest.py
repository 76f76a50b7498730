import numpy as np
import pytest

from napari_iafpn.exchange import LabelImage


@pytest.fixture
def hard() -> LabelImage:
    """A plane with everything that outlines can get wrong, (12, 15), anisotropic."""
    return LabelImage(hard_plane(), "hard", (0.5, 0.25), ("um", "um"), "YX", {2: "a, b", 7: "c"})


@pytest.fixture
def stack() -> LabelImage:
    """Three such planes, each another one, (3, 12, 15)."""
    plane = hard_plane()
    labels = np.stack([plane, np.zeros_like(plane), plane[::-1, ::-1]])
    units = ("micrometer",) * 3
    return LabelImage(labels, "stack", (2.0, 0.5, 0.5), units, "ZYX", {2: "nucleus"})


def hard_plane() -> np.ndarray:
    labels = np.zeros((12, 15), np.uint16)
    labels[0:5, 0:5] = 2  # at the border, with a hole in which there is a piece of it
    labels[1:4, 1:4] = 0
    labels[2, 2] = 2
    labels[0:5, 5:8] = 7  # touches it
    labels[2, 6] = 300  # an object in an object
    labels[6:8, 0:2] = 40  # two pieces that meet in a corner
    labels[8:10, 2:4] = 40
    labels[6:9, 6:9] = 41  # a hole that opens in a corner
    labels[7, 7] = labels[8, 8] = 0
    labels[11, 14] = 500  # one pixel, in the corner
    labels[0, 10:15:2] = 9  # pieces of one pixel at the border
    return labels
