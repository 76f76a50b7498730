"""Sets, samples, targets, views and their augmentation."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.geometry import Box
from napari_iafpn.training import dataset as dataset_module, mixture
from napari_iafpn.training.augment import augment
from napari_iafpn.training.dataset import ClickDataset
from napari_iafpn.training.mixture import annotators, open_mixture, read_annotator
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.settings import AugmentConfig, ViewConfig
from napari_iafpn.training.views import choose_target, choose_view, cut_view, target_slices


def sample_of(instances, image=None):
    if image is None:
        image = np.zeros((*instances.shape, 3), np.uint8)
    return Sample("a", image, instances, tuple(np.unique(instances[instances > 0]).tolist()))


def test_a_sample_depends_on_its_index_alone(recipe, dataset_of):
    one, other = dataset_of(recipe), dataset_of(recipe)
    for index in (7, 3):
        a, b = one[index], other[index]
        assert torch.equal(a["image"], b["image"])
        assert torch.equal(a["label"], b["label"])
        assert a["clicks"] == b["clicks"]
    assert not torch.equal(one[7]["image"], one[8]["image"])


def test_items_show_bright_objects_under_their_labels(recipe, dataset_of):
    """The disks are bright, so pixels and labels must stay aligned through every geometry."""
    plain = AugmentConfig(
        colour=0, gamma=0, stretch=0, invert=0, grey=0, shuffle=0, blur=0, noise=0
    )
    dataset = dataset_of(replace(recipe, augment=plain))
    for index in range(30):
        item = dataset[index]
        target = item["label"] == 1
        if target.any():
            assert item["image"][0][target].float().mean() > 140


def test_no_pixels_are_read_for_views_in_which_the_object_is_too_small(
    recipe, dataset_of, monkeypatch
):
    cut = []
    monkeypatch.setattr(dataset_module, "cut_view", lambda *_, **__: cut.append(1))
    monkeypatch.setattr(dataset_module, "ATTEMPTS", 30)
    tiny = replace(recipe, view=replace(recipe.view, whole=1.0, source_size=32))
    monkeypatch.setattr(dataset_module, "MIN_SEEN", 500)
    with pytest.raises(ValueError, match="none of 30 draws from set"):
        dataset_of(tiny)[0]
    assert not cut


def test_regions_grow_over_neighbours(rng):
    partition = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((10, 10), int)).astype(np.int32)
    sample = sample_of(partition)
    sizes = set()
    for _ in range(40):
        ids = choose_target(sample, "regions", ViewConfig(), rng)
        rows, cols = target_slices(sample, ids)
        assert np.isin(partition[rows, cols], ids).sum() == 100 * len(ids)
        sizes.add(len(ids))
    assert sizes >= {1, 2}


def test_the_union_of_parts_has_the_small_ones_too(values, folder, rng):
    """They are no targets by themselves, and no background of the whole."""
    labels = np.zeros((96, 96), np.uint8)
    labels[8:88, 8:40], labels[8:88, 40:80], labels[40:44, 30:50] = 1, 2, 3
    for path in (folder / "disks" / "labels").glob("*.png"):
        Image.fromarray(labels).save(path)
    values["sets"][0]["kind"] = "parts"
    values["view"]["min_object"] = 1000
    recipe = recipe_from(values)
    (disks,) = open_mixture(recipe, folder)
    chosen = {choose_target(disks.read(0), "parts", recipe.view, rng) for _ in range(40)}
    assert chosen == {(1,), (2,), (1, 2, 3)}
    small = replace(recipe.view, min_object=4000)
    assert choose_target(disks.read(0), "parts", small, rng) == (1, 2, 3)
    assert choose_target(disks.read(0), "parts", replace(small, min_object=6000), rng) is None


def test_an_image_without_objects_offers_no_target(rng):
    sample = sample_of(np.zeros((30, 30), np.int32))
    assert choose_target(sample, "instances", ViewConfig(), rng) is None


def test_views_hold_the_object(rng):
    target = slice(40, 60), slice(70, 95)
    for _ in range(100):
        box = choose_view((120, 100), target, ViewConfig(), rng)
        assert 0 <= box.row_start <= 50 < box.row_stop <= 120
        assert 0 <= box.col_start <= 82 < box.col_stop <= 100


@pytest.mark.parametrize("shape", [(60, 800), (800, 60)])
def test_a_view_of_a_strip_is_no_strip(rng, shape):
    middle = shape[0] // 2, shape[1] // 2
    small = tuple(slice(at - 5, at + 5) for at in middle)
    long = tuple(slice(at // 2, at // 2 + at) for at in middle)
    for _ in range(50):
        box = choose_view(shape, small, ViewConfig(), rng)
        assert max(box.shape) <= 1.5 * min(box.shape)
        assert box.holds(*middle)
        box = choose_view(shape, long, ViewConfig(whole=1.0), rng)
        assert sorted(box.shape) == [60, 400]


def test_cutting_without_resizing_is_exact(rng):
    image = rng.integers(0, 255, (50, 50, 3), dtype=np.uint8)
    labels = (image[..., 0] > 128).astype(np.int32)
    sample = sample_of(labels, image)
    view = cut_view(sample, (1,), Box(5, 37, 8, 40), 32)
    assert np.array_equal(view.image.numpy(), image[5:37, 8:40].transpose(2, 0, 1))
    assert np.array_equal(view.target, labels[5:37, 8:40] == 1)


def test_overlapping_objects_keep_their_whole_masks_in_a_view():
    below, above = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    below[:30], above[20:] = True, True
    instances = np.where(above, 2, below).astype(np.uint8)
    image = np.zeros((40, 40, 3), np.uint8)
    sample = Sample("a", image, instances, (1, 2), masks={1: below, 2: above})
    view = cut_view(sample, (1,), Box.whole((40, 40)), 40)
    assert np.array_equal(view.target, below)
    assert np.array_equal(view.others, np.where(above & ~below, 2, 0))
    assert target_slices(sample, (1,)) == (slice(0, 30), slice(0, 40))


def test_images_of_any_type_become_colours(recipe, folder, dataset_of):
    path = folder / "disks" / "images" / "p0.png"
    deep = np.asarray(Image.open(path))[..., 0].astype(np.uint16) * 200
    Image.fromarray(deep).save(path)
    item = dataset_of(recipe)[0]
    assert item["image"].dtype == torch.uint8
    assert item["image"].shape[0] == 3


def test_crops_of_fixed_scale_hold_the_object(rng):
    """A view of 64 x 96 px at 1.0 to 2.0 shows 32 x 48 to 64 x 96 pixels of the image."""
    config = ViewConfig(source_size=(64, 96), rescale=(1.0, 2.0))
    for _ in range(50):
        box = choose_view((120, 100), (slice(40, 60), slice(70, 95)), config, rng)
        assert 32 <= box.height <= 64
        assert box.width == pytest.approx(box.height * 1.5, abs=1)
        assert 0 <= box.row_start <= 40 < 60 <= box.row_stop <= 120
        assert 0 <= box.col_start <= 70 < 95 <= box.col_stop <= 100


def test_a_crop_larger_than_the_image_is_black_background_around_it(rng):
    image = rng.integers(1, 255, (20, 30, 3), dtype=np.uint8)
    sample = sample_of(np.ones((20, 30), np.uint8), image)
    config = ViewConfig(source_size=(40, 40), rescale=(1.0, 1.0))
    box = choose_view((20, 30), (slice(0, 20), slice(0, 30)), config, rng)
    view = cut_view(sample, (1,), box, (40, 40))
    assert view.target.sum() == 600
    assert np.array_equal(view.target, view.image.numpy().all(axis=0))
    assert np.array_equal(view.image.numpy()[:, 10:30, 5:35], image.transpose(2, 0, 1))


def test_quarter_turns_and_flips_move_everything_alike(rng):
    image = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    labels = np.digitize(image[..., 0], [80, 160]).astype(np.uint8)
    view = cut_view(sample_of(labels, image), (1, 2), Box.whole((32, 32)), 32, parts=True)
    turning = AugmentConfig(1, 1, *[0] * 8)
    for _ in range(8):
        moved = augment(view, turning, rng)
        red = moved.image[0].numpy()
        assert np.array_equal(moved.target, red >= 80)
        assert np.array_equal(moved.parts[1], red >= 160)


def test_a_turn_by_any_angle_moves_everything_alike(rng):
    rows, cols = np.mgrid[:64, :64]
    image = np.zeros((64, 64, 3), np.uint8)
    labels = ((rows - 20) ** 2 + (cols - 40) ** 2 < 100).astype(np.int32)
    labels[50:, :14] = 9
    image[labels == 1] = 200
    view = cut_view(sample_of(labels, image), (1,), Box.whole((64, 64)), 64)
    off = dict.fromkeys([f.name for f in fields(AugmentConfig)], 0.0)
    ignored = []
    for _ in range(8):
        turned = augment(view, AugmentConfig(**{**off, "rotate": 1.0}), rng)
        counted = ~turned.ignore
        assert np.mean((turned.image[0].numpy() > 100)[counted] == turned.target[counted]) > 0.99
        assert 280 < turned.target.sum() < 340
        assert set(np.unique(turned.others)) <= {0, 9}
        ignored.append(turned.ignore.mean())
    assert 0.1 < max(ignored) < 0.25


@pytest.mark.parametrize("change", ["colour", "gamma", "stretch", "invert", "grey", "shuffle"])
def test_changed_colours_leave_shape_and_type(rng, change):
    image = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    view = cut_view(sample_of(np.ones((32, 32), np.uint8), image), (1,), Box.whole((32, 32)), 32)
    off = dict.fromkeys([f.name for f in fields(AugmentConfig)], 0.0)
    changed = augment(view, AugmentConfig(**{**off, change: 1.0}), rng).image
    assert (changed.shape, changed.dtype) == (view.image.shape, torch.uint8)
    assert not torch.equal(changed, view.image)


def test_an_empty_target_makes_the_object_another_one(recipe, dataset_of):
    view = replace(recipe.view, background=1.0)
    item = dataset_of(replace(recipe, view=view))[0]
    assert not (item["label"] == 1).any()
    assert not any(click.positive for click in item["clicks"])


def test_sets_without_a_usable_object_are_named(values, folder):
    values["view"]["min_object"] = 5000
    with pytest.raises(ValueError, match="nothing in the set 'disks' can be used"):
        open_mixture(recipe_from(values), folder)
    values["sets"].append({"name": "missing", "weight": 1.0})
    values["view"]["min_object"] = 24
    with pytest.raises(ValueError, match="set 'missing': there is no folder"):
        open_mixture(recipe_from(values), folder)
    values["sets"][1]["format"] = "lmdb"
    with pytest.raises(ValueError, match="format of set 'missing' is 'lmdb'; use one of folder"):
        open_mixture(recipe_from(values), folder)


def test_images_that_cannot_be_used_are_left_out_and_announced(recipe, folder):
    (folder / "disks" / "images" / "p1.png").write_bytes(b"no image")
    said = []
    (disks,) = open_mixture(recipe, folder, said.append)
    assert len(disks) == 3
    assert "cannot be read" in said[0]


def test_of_a_large_set_too_what_cannot_be_used_is_left_out_or_skipped(
    recipe, folder, monkeypatch, caplog
):
    """Left out of those that were looked through; of the others skipped, with a sentence."""
    monkeypatch.setattr(mixture, "LOOKED_THROUGH", 2)
    places = mixture._looked_through(4, recipe.seed)
    unseen = next(place for place in range(4) if place not in places)
    labels = folder / "disks" / "labels"
    Image.fromarray(np.zeros((96, 96), np.uint8)).save(labels / f"p{places[0]}.png")
    Image.fromarray(np.ones((90, 96), np.uint8)).save(labels / f"p{unseen}.png")
    (disks,) = open_mixture(recipe, folder)
    names = [disks.image_name(index) for index in range(len(disks))]
    assert names == [f"p{place}" for place in range(4) if place != places[0]]
    dataset = ClickDataset(recipe, (disks,))
    assert all(dataset[index]["label"].shape == (96, 96) for index in range(20))
    (told,) = caplog.messages
    assert told.startswith(f"an image of set 'disks' is skipped: image 'p{unseen}' has 96 x 96")


def test_each_annotator_of_a_partition_is_drawn(values, folder):
    labels = folder / "disks" / "labels"
    for path in sorted(labels.glob("*.png")):
        partition = np.kron([[1, 2], [3, 255]], np.ones((48, 48))).astype(np.uint8)
        Image.fromarray(partition).save(labels / f"{path.stem}_a0.png")
        Image.fromarray(np.fliplr(partition)).save(labels / f"{path.stem}_a1.png")
        path.unlink()
    values["sets"][0]["kind"] = "regions"
    recipe = recipe_from(values)
    (disks,) = open_mixture(recipe, folder)
    assert annotators(disks, 0) == 2
    corners = {int(read_annotator(disks, 0, which).instances[0, 0]) for which in (0, 1)}
    assert corners == {1, 2}
    dataset = ClickDataset(recipe, (disks,))
    assert all((dataset[index]["label"] == 1).any() for index in range(3))


def test_decoded_images_do_not_fill_the_memory(recipe, folder):
    sets = open_mixture(recipe, folder)
    small, large = ClickDataset(recipe, sets, cache_bytes=40_000), ClickDataset(recipe, sets)
    for index in range(20):
        assert torch.equal(small[index]["image"], large[index]["image"])
    assert small._decoded.used <= 40_000 < large._decoded.used


def test_a_stage_can_see_the_same_samples_sharper(recipe, dataset_of):
    plain = dataset_of(recipe)
    assert plain.seen_at(None) is plain
    sharp = plain.seen_at(4 * recipe.view.source_size)
    for index in range(3):
        coarse, fine = plain[index], sharp[index]
        assert fine["image"].shape[-1] == 4 * coarse["image"].shape[-1]
        assert (
            abs((fine["label"] == 1).float().mean() - (coarse["label"] == 1).float().mean()) < 0.05
        )
