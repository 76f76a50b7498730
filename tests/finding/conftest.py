"""Images of disks."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray


def _disks(
    shape: tuple[int, int], places: Sequence[tuple[int, int, int]], seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return an image of bright disks (row, column, radius), and their labels from 1 on."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for number, (row, col, radius) in enumerate(places, 1):
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = number
    noise = np.random.default_rng(seed).normal(0, 6, shape)
    image = np.where(labels > 0, 200, 50) + noise
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def disks():
    """Return the function that makes images of disks."""
    return _disks


@pytest.fixture(scope="session")
def grid() -> list[tuple[int, int, int]]:
    """Thirty disks of one size."""
    return [(row, col, 9) for row in range(30, 230, 40) for col in range(30, 270, 40)]


@pytest.fixture(scope="session")
def many(grid) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    return _disks((240, 280), grid)
