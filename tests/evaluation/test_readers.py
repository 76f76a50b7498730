import json

import numpy as np
import pytest
from PIL import Image

from napari_iafpn.evaluation import read_folder


@pytest.fixture
def folder(tmp_path, rng):
    """A set of two images: one with 8-bit labels and ignored pixels, one with 16-bit labels."""
    root = tmp_path / "cells"
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    for stem, dtype in [("a", np.uint8), ("b", np.uint16)]:
        labels = np.zeros((12, 16), dtype)
        labels[:4], labels[6:9], labels[11] = 1, 7, 255
        Image.fromarray(labels).save(root / "labels" / f"{stem}.png")
        image = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / "images" / f"{stem}.webp", lossless=True)
    return root


def test_all_objects_are_read_where_no_list_chooses(folder):
    first, second = read_folder(folder)
    assert first.image.shape == (12, 16, 3)
    assert first.objects == (1, 7)
    assert first.ignore.sum() == 16
    assert first.truth(7).sum() == 3 * 16
    assert first.object_name(7) == "a:7"
    assert second.objects == (1, 7, 255)
    assert second.ignore is None


def test_a_list_beside_the_folder_chooses_the_objects(folder):
    listed = {"cells": [["b", 7], ["b", 255]], "others": [["x", 1]]}
    (folder.parent / "objects.json").write_text(json.dumps(listed))
    (sample,) = read_folder(folder)
    assert (sample.name, sample.objects) == ("b", (7, 255))


@pytest.mark.parametrize(
    ("listed", "sentence"), [(["c", 1], "names image 'c'"), (["a", 9], "labels of 'a' lack id 9")]
)
def test_a_list_that_does_not_fit_is_refused(folder, listed, sentence):
    (folder.parent / "objects.json").write_text(json.dumps({"cells": [listed]}))
    with pytest.raises(ValueError, match=sentence):
        list(read_folder(folder))


def test_missing_files_are_named(folder, tmp_path):
    (folder / "labels" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"b\.png is missing"):
        list(read_folder(folder))
    with pytest.raises(ValueError, match="there is no image in"):
        list(read_folder(tmp_path))
