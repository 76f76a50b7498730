from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.networks import Cascade, ModelCard, save_cascade


@pytest.fixture(scope="session")
def tiny_model(tiny_cascade: Cascade, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with random weights: fast, and good for nothing but its plumbing."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_cascade(tiny_cascade, path, ModelCard(name="tiny"))
    return path


@pytest.fixture
def disks_folder(tmp_path: Path) -> Path:
    """A folder ``disks`` of three images, (60 + 10 n, 90), with the objects 1, 2 and 3 in each."""
    folder = tmp_path / "disks"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(3):
        labels = np.zeros((60 + 10 * number, 90), np.uint16)
        rows, cols = np.ogrid[: labels.shape[0], : labels.shape[1]]
        for label in (1, 2, 3):
            disk = (rows - 30) ** 2 + (cols - 28 * label + 10) ** 2
            labels[disk <= (4 + 3 * label + number) ** 2] = label
        noise = np.random.default_rng(number).integers(0, 40, labels.shape)
        image = np.where(labels, 60 + 60 * labels, 30) + noise
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{number}.png")
        Image.fromarray(labels).save(folder / "labels" / f"{number}.png")
    return folder
