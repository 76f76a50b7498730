"""A small annotated folder on disk and a recipe of seconds."""

import csv

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.logs import LOG
from napari_iafpn.training.mixture import open_mixture
from napari_iafpn.training.recipe import recipe_from


def draw_disks(rng, count=5, side=96):
    """Return an image of bright disks on dark ground and their instance labels."""
    labels = np.zeros((side, side), np.uint8)
    rows, cols = np.mgrid[:side, :side]
    for index in range(1, count + 1):
        row, col, radius = *rng.integers(12, side - 12, 2), rng.integers(7, 14)
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = index
    grey = np.where(labels > 0, 170, 50) + rng.normal(0, 10, labels.shape)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), labels


@pytest.fixture
def folder(tmp_path, rng):
    """``disks/images`` and ``disks/labels`` with four pairs."""
    for part in ("images", "labels"):
        (tmp_path / "disks" / part).mkdir(parents=True)
    for number in range(4):
        image, labels = draw_disks(rng)
        Image.fromarray(image).save(tmp_path / "disks" / "images" / f"p{number}.png")
        Image.fromarray(labels).save(tmp_path / "disks" / "labels" / f"p{number}.png")
    return tmp_path


@pytest.fixture
def values():
    """Plain values of a recipe that trains a tiny cascade for a few steps."""
    stage = {"steps": 4, "batch": 2, "size": 64, "warmup_steps": 1}
    return {
        "name": "disks",
        "model": {"preset": "tiny"},
        "pretrained": "none",
        "precision": "32-true",
        "sets": [{"name": "disks", "weight": 1.0, "licence": "CC0"}],
        "view": {"source_size": 96},
        "coarse": dict(stage),
        "fine": dict(stage),
    }


@pytest.fixture
def recipe(values):
    return recipe_from(values)


@pytest.fixture
def dataset_of(folder):
    """Open a recipe's sets in ``folder``."""
    return lambda recipe: ClickDataset(recipe, open_mixture(recipe, folder))


@pytest.fixture
def curve():
    """Read the losses that a run has logged."""

    def read(output, stage=None):
        with open(output / LOG, newline="") as file:
            rows = list(csv.DictReader(file))
        return [
            (r["stage"], int(r["step"]), r["loss"]) for r in rows if stage in (None, r["stage"])
        ]

    return read
