"""Samples, targets, views and simulated clicks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_iafpn.training.clicking import initial_clicks, next_click
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.readers import FolderSet
from napari_iafpn.training.recipe import AugmentConfig, ClickConfig, SetConfig, ViewConfig
from napari_iafpn.training.sample import Sample
from napari_iafpn.training.targets import choose_target, target_slices
from napari_iafpn.training.views import View, choose_view, cut_view

NONE = np.zeros((64, 64), bool)


def view_of(target, others=NONE, ignore=NONE):
    return View(torch.zeros(3, 64, 64, dtype=torch.uint8), target, others, ignore)


@pytest.fixture
def square():
    mask = NONE.copy()
    mask[20:44, 10:40] = True
    return mask


def test_a_sample_depends_on_its_index_alone(recipe, folder):
    one, other = ClickDataset(recipe, folder), ClickDataset(recipe, folder)
    for index in (7, 3):
        a, b = one[index], other[index]
        assert torch.equal(a["image"], b["image"])
        assert torch.equal(a["label"], b["label"])
        assert a["clicks"] == b["clicks"]
    assert not torch.equal(one[7]["image"], one[8]["image"])


def test_items_show_bright_objects_under_their_labels(recipe, folder):
    """The disks are bright, so pixels and labels must stay aligned through every geometry."""
    plain = AugmentConfig(
        colour=0, gamma=0, stretch=0, invert=0, grey=0, shuffle=0, blur=0, noise=0
    )
    dataset = ClickDataset(replace(recipe, augment=plain), folder)
    for index in range(30):
        item = dataset[index]
        target = item["label"] == 1
        if target.any():
            assert item["image"][0][target].float().mean() > 140


def test_255_is_ignored_in_8_bit_labels_only(folder):
    path = folder / "disks" / "labels" / "p0.png"
    labels = np.asarray(Image.open(path)).copy()
    labels[:5] = 255
    Image.fromarray(labels).save(path)
    found = FolderSet.find(folder, SetConfig("disks", 1.0))
    sample = found.read(0)
    assert sample.ignore[:5].all()
    assert sample.instances.max() <= 5
    Image.fromarray(labels.astype(np.uint16)).save(path)
    sample = found.read(0)
    assert sample.ignore is None
    assert sample.instances.max() == 255


def test_a_wrong_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(ValueError, match=r"no pairs of images and labels in .*nothing; expected"):
        FolderSet.find(tmp_path, SetConfig("nothing", 1.0))


def test_labels_of_another_size_are_refused():
    with pytest.raises(ValueError, match="give labels of the image's size"):
        Sample(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.int32))


def test_regions_grow_over_neighbours(rng):
    partition = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((10, 10), int)).astype(np.int32)
    sample = Sample(np.zeros((30, 30, 3), np.uint8), partition)
    sizes = set()
    for _ in range(40):
        ids = choose_target(sample, "regions", ViewConfig(), rng)
        rows, cols = target_slices(sample, ids)
        assert np.isin(partition[rows, cols], ids).sum() == 100 * len(ids)
        sizes.add(len(ids))
    assert sizes >= {1, 2}


def test_an_image_without_objects_offers_no_target(rng):
    sample = Sample(np.zeros((30, 30, 3), np.uint8), np.zeros((30, 30), np.int32))
    assert choose_target(sample, "instances", ViewConfig(), rng) is None


def test_views_hold_the_object(rng):
    target = slice(40, 60), slice(70, 95)
    for _ in range(100):
        box = choose_view((120, 100), target, ViewConfig(), rng)
        assert 0 <= box.row_start <= 50 < box.row_stop <= 120
        assert 0 <= box.col_start <= 82 < box.col_stop <= 100


def test_cutting_without_resizing_is_exact(rng):
    image = rng.integers(0, 255, (50, 50, 3), dtype=np.uint8)
    labels = (image[..., 0] > 128).astype(np.int32)
    sample = Sample(image, labels)
    from napari_iafpn.geometry import Box

    view = cut_view(sample, (1,), Box(5, 37, 8, 40), 32)
    assert np.array_equal(view.image.numpy(), image[5:37, 8:40].transpose(2, 0, 1))
    assert np.array_equal(view.target, labels[5:37, 8:40] == 1)


def test_initial_clicks_keep_their_sides(square, rng):
    others = NONE.copy()
    others[50:60, 50:60] = True
    for _ in range(50):
        clicks = initial_clicks(view_of(square, others), ClickConfig(), rng)
        assert clicks[0].positive
        for click in clicks:
            assert square[click.pixel] == click.positive


def test_an_empty_target_gets_negative_clicks_only(rng):
    for _ in range(20):
        clicks = initial_clicks(view_of(NONE), ClickConfig(), rng)
        assert not any(click.positive for click in clicks)


def test_the_number_of_first_clicks_follows_the_decay(square, rng):
    counts = [
        sum(c.positive for c in initial_clicks(view_of(square), ClickConfig(), rng))
        for _ in range(2000)
    ]
    assert np.mean(np.equal(counts, 1)) == pytest.approx(0.2, abs=0.04)
    assert np.mean(np.equal(counts, 2)) == pytest.approx(0.16, abs=0.04)


def test_the_next_click_lies_deep_in_the_larger_error(square, rng):
    missed_part = square.astype(float)
    missed_part[20:44, 10:25] = 0.0
    missed_part[2:6, 50:54] = 1.0
    for _ in range(20):
        click = next_click(missed_part, square, NONE, rng)
        assert click.positive
        assert 23 <= click.row <= 40
        assert 12 <= click.col <= 22


def test_the_next_click_on_a_false_region_is_negative(square, rng):
    extra = square.astype(float)
    extra[20:44, 45:60] = 1.0
    assert not next_click(extra, square, NONE, rng).positive
    ignored = NONE.copy()
    ignored[20:44, 45:60] = True
    assert next_click(extra, square, ignored, rng) is None


def test_a_thin_large_error_is_still_found(rng):
    target = np.zeros((400, 400), bool)
    target[3, :] = True
    click = next_click(np.zeros((400, 400)), target, np.zeros_like(target), rng)
    assert click.positive
    assert click.row == 3
