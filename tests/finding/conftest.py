"""A drawer that needs no network, and an image of disks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_iafpn.clicks import Click
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import Prediction

BRIGHT = 0.5


@dataclass
class BrightPieces:
    """Draws the connected bright pixels under a click that no negative click is nearer to."""

    clicks: list[Click] = field(default_factory=list)

    def features(self, plane: Plane, box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
        pixels = plane.read(box, size)[0]
        return pixels.reshape(size[0] // 4, 4, size[1] // 4, 4).mean((1, 3))[None]

    def predict(self, plane, clicks, previous=None, *, view=None) -> Prediction:
        return self.predict_each(plane, [list(clicks)], [view])[0]

    def predict_each(
        self,
        plane: Plane,
        batch: Sequence[Sequence[Click]],
        views: Sequence[Box],
        sizes: tuple[int, int] | None = None,
    ) -> list[Prediction]:
        found = []
        for clicks, view in zip(batch, views, strict=True):
            self.clicks += clicks
            pieces, _ = ndimage.label(plane.read(view, view.shape)[0] > BRIGHT)
            row, col = next(click.pixel for click in clicks if click.positive)
            there = pieces[row - view.row_start, col - view.col_start]
            rows, cols = np.ogrid[: view.height, : view.width]
            far = [
                np.hypot(rows + view.row_start - c.row, cols + view.col_start - c.col)
                + (0 if c.positive else 0.5)
                for c in clicks
            ]
            ours = np.argmin(far, axis=0) == next(n for n, c in enumerate(clicks) if c.positive)
            probability = np.where((pieces == there) & (there > 0) & ours, 0.95, 0.02)
            found.append(Prediction(plane.shape, view, probability.astype(np.float32), view))
        return found


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


@pytest.fixture
def drawer() -> BrightPieces:
    return BrightPieces()


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
