"""Masks with errors before the first click, from which networks learn to correct."""

import numpy as np
import pytest
import torch

from napari_iafpn.masks import iou
from napari_iafpn.training import dataset, initial_masks
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.initial_masks import (
    correcting_clicks,
    draw_initial_mask,
    misplaced_mask,
    placing_clicks,
)
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.views import View

NONE = np.zeros((64, 64), bool)
NOBODY = np.zeros((64, 64), np.int32)


def view_of(target, others=NOBODY):
    return View(torch.zeros(3, 64, 64, dtype=torch.uint8), target, others, NONE)


@pytest.fixture
def square():
    mask = NONE.copy()
    mask[20:44, 10:40] = True
    return mask


@pytest.fixture
def neighbour():
    labels = NOBODY.copy()
    labels[20:44, 42:60] = 7
    return labels


def drawn(error, target, others, rng, times=40):
    return [error(target, others, rng) for _ in range(times)]


def test_a_cut_leaves_out_a_part_on_one_side(square, rng):
    for wrong in drawn(initial_masks._cut, square, NOBODY, rng):
        assert not (wrong & ~square).any()
        assert 0.35 < wrong.sum() / square.sum() < 0.95


def test_a_neighbour_is_joined_whole(square, neighbour, rng):
    for wrong in drawn(initial_masks._joined, square, neighbour, rng, 5):
        np.testing.assert_array_equal(wrong, square | (neighbour > 0))


def test_without_a_neighbour_a_disk_is_joined(square, rng):
    far = NOBODY.copy()
    far[60:, 60:] = 3
    for wrong in drawn(initial_masks._joined, square, far, rng):
        assert wrong[square].all()
        assert not wrong[far > 0].any()
        assert wrong.sum() > square.sum()


def test_an_outline_moves_in_or_out(square, rng):
    sizes = [
        wrong.sum() / square.sum() for wrong in drawn(initial_masks._shifted, square, NOBODY, rng)
    ]
    assert min(sizes) < 0.6
    assert max(sizes) > 1.5


def test_every_error_leaves_something_to_correct(square, neighbour, rng):
    overlaps = [
        iou(draw_initial_mask(view_of(square, neighbour), rng), square, NONE) for _ in range(200)
    ]
    assert np.mean(overlaps) == pytest.approx(0.65, abs=0.12)
    assert min(overlaps) > 0.03


def test_what_is_gone_or_not_there_stays_as_it_is(rng):
    point = NONE.copy()
    point[5, 5] = True
    for _ in range(100):
        assert draw_initial_mask(view_of(point), rng).any()
        assert not draw_initial_mask(view_of(NONE), rng).any()


def test_the_first_click_lies_on_what_is_right_the_second_on_what_is_wrong(square, neighbour, rng):
    for _ in range(100):
        view = view_of(square, neighbour)
        mask = draw_initial_mask(view, rng)
        clicks = correcting_clicks(view, mask, rng)
        first = clicks[0]
        assert first.positive
        assert (square & mask)[first.pixel]
        for second in clicks[1:]:
            assert square[second.pixel] == second.positive
            assert mask[second.pixel] != second.positive


def test_samples_begin_with_a_mask_as_often_as_the_recipe_says(values, dataset_of):
    def begun(share, count=60):
        values["clicks"] = {"existing": share}
        stream = dataset_of(recipe_from(values))
        return [stream[index] for index in range(count)]

    assert not any(item["initial_mask"].any() for item in begun(0.0, 10))
    some = begun(0.4)
    assert sum(bool(item["initial_mask"].any()) for item in some) == pytest.approx(24, abs=12)
    batch = Batch.collate(some[:2])
    assert batch.initial_mask.shape == batch.labels.shape
    assert batch.initial_mask.dtype == torch.bool


def test_a_mirrored_target_can_be_the_mask(values, dataset_of, monkeypatch):
    monkeypatch.setattr(dataset, "draw_initial_mask", lambda view, rng: view.target)
    values |= {"clicks": {"existing": 1.0}, "augment": {"flip": 1.0, "rotate90": 0.0}}
    item = dataset_of(recipe_from(values))[0]
    assert torch.equal(item["initial_mask"], item["label"] == 1)


def test_recipes_without_it_draw_the_samples_that_they_drew(values, dataset_of):
    without = dataset_of(recipe_from(values))
    digest = recipe_from(values).digest
    values["clicks"] = {"existing": 0.0}
    assert recipe_from(values).digest == digest
    values["clicks"] = {"existing": 0.5}
    other = recipe_from(values)
    assert other.digest != digest
    assert torch.equal(dataset_of(other)[0]["image"], without[0]["image"])


def test_a_misplaced_mask_is_the_target_elsewhere_or_its_neighbour(square, neighbour, rng):
    view, seen = view_of(square, neighbour), {"moved": 0, "neighbour": 0}
    for _ in range(60):
        mask = misplaced_mask(view, rng)
        whose = "neighbour" if np.array_equal(mask, neighbour > 0) else "moved"
        seen[whose] += 1
        if whose == "moved":
            assert 0 < np.count_nonzero(mask) <= np.count_nonzero(square)
            assert not np.array_equal(mask, square)
        clicks = placing_clicks(view, mask, rng)
        assert square[clicks[0].pixel]
        assert clicks[0].positive
        for wrong in clicks[1:]:
            assert square[wrong.pixel] == wrong.positive != mask[wrong.pixel]
    assert seen["moved"] > seen["neighbour"] > 5
    assert not misplaced_mask(view_of(NONE), rng).any()


def test_samples_begin_with_a_misplaced_mask_as_often_as_the_recipe_says(values, dataset_of):
    values["clicks"] = {"misplaced": 0.4}
    stream = dataset_of(recipe_from(values))
    items = [stream[index] for index in range(60)]
    begun = [item for item in items if item["initial_mask"].any()]
    assert len(begun) == pytest.approx(24, abs=12)
    assert all(item["clicks"][0].positive for item in begun)
    values["clicks"] = {"misplaced": 0.4, "existing": 0.7}
    with pytest.raises(ValueError, match="shares that sum to at most 1"):
        recipe_from(values)
