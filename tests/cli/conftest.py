from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.networks import Cascade, ModelCard, save_cascade


@pytest.fixture(scope="session")
def tiny_model(tiny_cascade: Cascade, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with random weights: fast, and good for nothing but its plumbing."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_cascade(tiny_cascade, path, ModelCard(name="tiny"))
    return path


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """A bright disk on a dark ground, (60, 80)."""
    rows, cols = np.ogrid[:60, :80]
    return np.where((rows - 30) ** 2 + (cols - 40) ** 2 < 15**2, 200, 30).astype(np.uint8)


@pytest.fixture
def image(tmp_path: Path, pixels: NDArray[np.uint8]) -> Path:
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    return path
