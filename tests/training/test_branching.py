"""The drawn set of roots, cracks, vessels and fibres."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

SCRIPT = Path(__file__).parents[2] / "training" / "branching.py"


def drawn(data):
    """Return a set of four, one of each kind, as pairs of image and labels."""
    subprocess.run([sys.executable, SCRIPT, data, "--images", "4"], check=True)
    folder = data / "branching"
    images, labels = (sorted((folder / part).iterdir()) for part in ("images", "labels"))
    opened = [np.asarray(Image.open(file), int) for file in images + labels]
    return list(zip(opened[: len(images)], opened[len(images) :], strict=True))


def test_objects_are_long_thin_and_unlike_what_lies_beside_them(tmp_path):
    other = tmp_path / "photographs" / "images"
    other.mkdir(parents=True)
    Image.fromarray(np.full((300, 400, 3), 128, np.uint8)).save(other / "grey.png")
    pairs = drawn(tmp_path)
    assert len(pairs) == 4
    for image, label in pairs:
        assert image.shape == (640, 640, 3)
        assert label.shape == (640, 640)
        assert label.any()
        inside = label > 0
        beside = ndimage.binary_dilation(inside, iterations=6) & ~ndimage.binary_dilation(
            inside, iterations=3
        )
        assert ndimage.distance_transform_edt(inside)[inside].mean() < 6
        assert np.ptp(np.argwhere(inside), 0).max() > 100
        assert np.abs(image[inside].mean(0) - image[beside].mean(0)).max() > 8
    assert all(map(np.array_equal, sum(pairs, ()), sum(drawn(tmp_path), ())))
