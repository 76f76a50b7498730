"""One step of each stage: the simulated rounds and the loss after them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from napari_iafpn.networks import PRESETS, Cascade, CascadeConfig, build_cascade
from napari_iafpn.networks.refiner import SHARPNESS
from napari_iafpn.prompts import Click
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.losses import cross_entropy, mask_loss, normalized_focal_loss
from napari_iafpn.training.recipe import Recipe
from napari_iafpn.training.settings import SetConfig, StageConfig
from napari_iafpn.training.step_losses import (
    ClickSchedule,
    SimulatedAnnotation,
    cascade_losses,
    coarse_loss,
    fine_loss,
    refiner_loss,
)


class SpyLevel(nn.Module):
    """Finds nothing, and remembers how it was asked."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(-3.0))
        self.norm = nn.BatchNorm2d(1)
        self.calls = []

    def forward(self, image, previous, prompts):
        return self.outputs(image, previous, prompts)[0]

    def outputs(self, image, previous, prompts):
        self.calls.append(
            SimpleNamespace(
                training=self.training,
                gradient=torch.is_grad_enabled(),
                previous=previous.clone(),
                clicks=prompts.valid.sum(dim=1).tolist(),
            )
        )
        logits = self.bias + image[:, :1] * 0.0
        return logits, logits * 0.5


@pytest.fixture
def batch():
    labels = torch.zeros(2, 1, 64, 64, dtype=torch.int8)
    labels[:, :, 20:40, 10:30] = 1
    labels[1, :, :4] = -1
    images = torch.full((2, 3, 64, 64), 100, dtype=torch.uint8)
    return Batch(
        images,
        labels,
        torch.zeros_like(labels, dtype=torch.bool),
        [[Click(30, 20)], [Click(25, 25), Click(50, 50, False)]],
        [[], []],
        [False, False],
        [1.0, 1.0],
    )


@pytest.fixture
def cascade():
    spied = Cascade.__new__(Cascade)
    nn.Module.__init__(spied)
    spied.config = CascadeConfig(min_crop=16)
    spied.coarse, spied.fine, spied.refiner = SpyLevel(), SpyLevel(), None
    return spied


def rounds_of(count, auxiliary=0.0, view_size=(64, 64)):
    users = tuple(np.random.default_rng(seed) for seed in (5, 6))
    return ClickSchedule(count, users, (64, 64), view_size, auxiliary=auxiliary)


def test_the_coarse_level_clicks_on_in_evaluation_mode_and_learns_last(cascade, batch):
    coarse_loss(cascade, batch, rounds_of(2)).backward()
    calls = cascade.coarse.calls
    assert [call.training for call in calls] == [False, False, True]
    assert [call.gradient for call in calls] == [False, False, True]
    assert [call.clicks for call in calls] == [[1, 2], [2, 3], [3, 4]]
    assert not calls[0].previous.any()
    torch.testing.assert_close(calls[1].previous, torch.full_like(calls[1].previous, 0.04743))
    assert not calls[2].previous.requires_grad
    assert cascade.coarse.bias.grad != 0
    assert batch.clicks[0] == [Click(30, 20)]


@pytest.mark.parametrize(("loss", "level"), [(coarse_loss, "coarse"), (fine_loss, "fine")])
def test_what_was_cast_without_gradient_learns_all_the_same(batch, loss, level):
    """In bf16, after simulated clicks; torch 2.9 would go on with the cast weights of those."""
    cascade = build_cascade(PRESETS["tiny"], "none")
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(cascade, batch, rounds_of(1))
    found.backward()
    learning = getattr(cascade, level).named_parameters()
    assert [name for name, parameter in learning if parameter.grad is None] == []


def test_without_rounds_the_previous_mask_is_empty(cascade, batch):
    coarse_loss(cascade, batch, rounds_of(0))
    (call,) = cascade.coarse.calls
    assert call.training
    assert not call.previous.any()


def test_the_fine_level_learns_on_the_crop_of_the_same_click(cascade, batch):
    """Each round runs coarse, then fine; the fine level gets the coarse mask of that click."""
    cascade.coarse.bias.data.fill_(3.0)
    fine_loss(cascade, batch, rounds_of(2)).backward()
    coarse, fine = cascade.coarse.calls, cascade.fine.calls
    assert len(coarse) == len(fine) == 3
    assert [call.training for call in fine] == [False, False, True]
    assert not any(call.gradient for call in coarse)
    assert all(call.previous.min() > 0.95 for call in fine)  # the coarse probability
    assert not coarse[0].previous.any()
    assert coarse[1].previous.max() < 0.06  # what the fine level pasted
    assert cascade.coarse.bias.grad is None
    assert cascade.fine.bias.grad != 0


@pytest.mark.parametrize("loss", [coarse_loss, fine_loss])
def test_a_mask_before_the_first_click_is_the_first_previous_mask(cascade, batch, loss):
    batch.initial_mask[0, :, 20:40, 20:40] = True
    loss(cascade, batch, rounds_of(1))
    first, second = (call.previous for call in cascade.coarse.calls)
    torch.testing.assert_close(first, batch.initial_mask.float())
    assert second.max() < 0.06  # then it is what the networks found


def test_the_auxiliary_head_counts_with_its_weight(cascade, batch):
    labels = batch.labels.float()
    logits = torch.full((2, 1, 64, 64), -3.0)
    focal = normalized_focal_loss(logits, labels).mean()
    loss = coarse_loss(cascade, batch, rounds_of(0, auxiliary=0.4))
    torch.testing.assert_close(loss, focal + 0.4 * cross_entropy(logits * 0.5, labels).mean())
    torch.testing.assert_close(coarse_loss(cascade, batch, rounds_of(0)), focal)


def test_the_coarse_level_sees_the_view_at_its_own_size(cascade, batch):
    fine_loss(cascade, batch, rounds_of(1, view_size=(32, 32)))
    assert [call.previous.shape[-2:] for call in cascade.coarse.calls] == [(32, 32)] * 2
    assert [call.previous.shape[-2:] for call in cascade.fine.calls] == [(64, 64)] * 2


def test_the_fine_level_remembers_what_it_drew(cascade, batch):
    """Half of its last mask and half of the coarse level's; before there is one, all of the latter.

    The bias of 3 and of -3 gives the probabilities 0.9526 and 0.0474.
    """
    cascade.coarse.bias.data.fill_(3.0)
    cascade.config = replace(cascade.config, memory=0.5)
    batch.initial_mask[1] = True
    fine_loss(cascade, batch, rounds_of(1))
    first, second = (call.previous for call in cascade.fine.calls)
    torch.testing.assert_close(first[0], torch.full_like(first[0], 0.9526), atol=1e-3, rtol=0)
    torch.testing.assert_close(first[1], torch.full_like(first[1], 0.9763), atol=1e-3, rtol=0)
    torch.testing.assert_close(second, torch.full_like(second, 0.5), atol=1e-3, rtol=0)


class SpyRefiner(nn.Module):
    """Adds a learnable number, and remembers how it was asked."""

    def __init__(self, number):
        super().__init__()
        self.number = nn.Parameter(torch.tensor(number))
        self.calls = []

    def forward(self, logits, intention, last, points):
        self.calls.append(SimpleNamespace(logits=logits, last=last, points=points))
        return logits + self.number


def test_the_fine_level_goes_on_from_refined_masks(cascade, batch):
    """-3 of the level and 5 of the refiner: all of the last mask has the probability 0.8808."""
    cascade.refiner = SpyRefiner(5.0)
    fine_loss(cascade, batch, rounds_of(1))
    (call,) = cascade.refiner.calls
    assert call.last.max() == 0
    second = cascade.coarse.calls[1].previous
    assert second.max() == pytest.approx(0.8808, abs=1e-3)
    assert cascade.fine.bias.grad is None


def test_the_refiner_learns_after_every_click(cascade, batch):
    """From one click deep in each object that has no mask yet; the levels are left alone."""
    cascade.refiner = SpyRefiner(1.0)
    batch.clicks[0] = [Click(21, 11), Click(60, 60, False)]
    batch.initial_mask[1, :, 20:40, 10:25] = True
    refiner_loss(cascade, batch, rounds_of(2)).backward()
    given = [call.points for call in cascade.refiner.calls]
    assert [points.valid.sum(1).tolist() for points in given] == [[1, 2], [2, 3], [3, 4]]
    assert given[0].positive[0, 0]
    assert cascade.refiner.number.grad != 0
    assert cascade.fine.bias.grad is None
    assert cascade.coarse.bias.grad is None
    assert not any(call.gradient for call in cascade.coarse.calls + cascade.fine.calls)


def test_objects_that_are_one_target_keep_a_click_each(cascade, batch):
    batch = replace(batch, clicks=[[Click(30, 20), Click(25, 12)]] * 2, merged=[True, False])
    next(cascade_losses(cascade, batch, rounds_of(0)))
    assert cascade.fine.calls[0].clicks == [2, 1]


def test_the_smallest_region_is_of_pixels_of_the_image(cascade, batch):
    nothing = torch.zeros_like(batch.labels)
    batch = replace(batch, labels=nothing, scale=[1.0, 2.5])
    scene = SimulatedAnnotation(batch, rounds_of(0), cascade.config).scene
    boxes = cascade.regions(scene, torch.zeros(2, 1, 64, 64))
    assert [box.shape for box in boxes] == [(17, 17), (41, 41)]


def test_a_model_without_refiner_has_no_such_stage(cascade, batch):
    with pytest.raises(ValueError, match="this model has no refiner; leave out the refiner stage"):
        refiner_loss(cascade, batch, rounds_of(0))


def test_the_whole_cascade_learns_after_every_click(cascade, batch):
    """The coarse level after the first two clicks and the sixth; each loss is of the weights then.

    Begins with one click deep in each object; -3 of the level and 1 of the refiner make the first
    mask, of probability 0.1192.
    """
    cascade.refiner = SpyRefiner(1.0)
    batch.clicks[0] = [Click(21, 11), Click(60, 60, False)]
    parts = (cascade.coarse.bias, cascade.fine.bias, cascade.refiner.number)
    learned = []
    for turn, loss in enumerate(cascade_losses(cascade, batch, rounds_of(6))):
        for parameter in parts:
            parameter.grad = None
        loss.backward()
        learned.append([parameter.grad is not None for parameter in parts])
        cascade.fine.bias.data.fill_(float(turn))
    assert learned == [[turn in (0, 1, 5), True, True] for turn in range(7)]
    assert [call.clicks for call in cascade.fine.calls][:2] == [[1, 1], [2, 2]]
    assert cascade.coarse.calls[1].previous.max() == pytest.approx(0.1192, abs=1e-3)
    drawn = [call.logits.unique().tolist() for call in cascade.refiner.calls]
    assert drawn == [[-3.0], [0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]


def test_the_levels_do_not_learn_through_each_other(cascade, batch):
    """The coarse level's gradient is that of its own mask in the view."""
    cascade.config = replace(cascade.config, memory=0.5)
    (loss,) = cascade_losses(cascade, batch, rounds_of(0, view_size=(32, 32)))
    loss.backward()
    labels = torch.zeros(2, 1, 32, 32)
    labels[:, :, 10:20, 5:15] = 1
    labels[1, :, :2] = -1
    alone = torch.tensor(-3.0, requires_grad=True)
    mask_loss(SHARPNESS * alone.expand_as(labels), labels, least=100).mean().backward()
    torch.testing.assert_close(cascade.coarse.bias.grad, alone.grad)


def test_a_coarse_level_alone_is_no_cascade_to_train(cascade, batch):
    cascade.fine = None
    with pytest.raises(ValueError, match="no fine level; leave out the cascade stage"):
        next(cascade_losses(cascade, batch, rounds_of(0)))


def test_the_rounds_of_a_step_are_drawn_from_its_place_in_the_stream():
    """Their number is common to a step, from 0 to 3; each sample has its own user."""
    recipe = recipe_of()
    counts = [ClickSchedule.draw(recipe, recipe.coarse, step, [0]).count for step in range(400)]
    assert set(counts) == {0, 1, 2, 3}
    assert counts.count(0) == pytest.approx(100, abs=35)
    both = ClickSchedule.draw(recipe, recipe.coarse, 9, [4, 5])
    second = ClickSchedule.draw(recipe, recipe.coarse, 9, [5])
    assert both.count == second.count
    assert both.users[1].random() == second.users[0].random() != both.users[0].random()


def test_a_stage_has_its_own_rounds_and_input():
    recipe = recipe_of(rounds=5, size=96, warmup_size=64, warmup_share=0.5)
    drawn = [ClickSchedule.draw(recipe, recipe.fine, step, [0]) for step in range(100)]
    assert {rounds.count for rounds in drawn} == {0, 1, 2, 3, 4, 5}
    assert [drawn[step].size for step in (0, 49, 50, 99)] == [
        (64, 64),
        (64, 64),
        (96, 96),
        (96, 96),
    ]
    assert {rounds.view_size for rounds in drawn} == {(160, 128)}


def recipe_of(**fine):
    return Recipe(
        "test",
        (SetConfig("disks", 1.0),),
        StageConfig(100, size=(160, 128)),
        StageConfig(100, **fine),
        CascadeConfig(),
    )
