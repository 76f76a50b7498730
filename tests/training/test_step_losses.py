"""One step of each stage: the simulated rounds and the loss after them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from napari_iafpn.clicks import Click
from napari_iafpn.networks import CascadeConfig
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.losses import cross_entropy, normalized_focal_loss
from napari_iafpn.training.settings import ClickConfig
from napari_iafpn.training.step_losses import Rounds, coarse_loss, fine_loss


class SpyLevel(nn.Module):
    """Finds nothing, and remembers how it was asked."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(-3.0))
        self.norm = nn.BatchNorm2d(1)
        self.calls = []

    def forward(self, image, previous, points):
        return self.outputs(image, previous, points)[0]

    def outputs(self, image, previous, points):
        self.calls.append(
            SimpleNamespace(
                training=self.training,
                gradient=torch.is_grad_enabled(),
                previous=previous.clone(),
                clicks=points.valid.sum(dim=1).tolist(),
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
    )


@pytest.fixture
def cascade():
    return SimpleNamespace(coarse=SpyLevel(), fine=SpyLevel(), config=CascadeConfig(min_crop=16))


def rounds_of(count, auxiliary=0.0):
    rounds = Rounds.draw(ClickConfig(), 0, 7, [5, 6], (64, 64), auxiliary)
    return replace(rounds, count=count)


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
    batch.existing[0, :, 20:40, 20:40] = True
    loss(cascade, batch, rounds_of(1))
    first, second = (call.previous for call in cascade.coarse.calls)
    torch.testing.assert_close(first, batch.existing.float())
    assert second.max() < 0.06  # then it is what the networks found


def test_the_auxiliary_head_counts_with_its_weight(cascade, batch):
    labels = batch.labels.float()
    logits = torch.full((2, 1, 64, 64), -3.0)
    focal = normalized_focal_loss(logits, labels).mean()
    loss = coarse_loss(cascade, batch, rounds_of(0, auxiliary=0.4))
    torch.testing.assert_close(loss, focal + 0.4 * cross_entropy(logits * 0.5, labels).mean())
    torch.testing.assert_close(coarse_loss(cascade, batch, rounds_of(0)), focal)


def test_the_rounds_of_a_step_are_drawn_from_its_place_in_the_stream():
    """Their number is common to a step, from 0 to 3; each sample has its own user."""
    config = ClickConfig()
    counts = [Rounds.draw(config, 0, step, [0], (64, 64), 0.0).count for step in range(400)]
    assert set(counts) == {0, 1, 2, 3}
    assert counts.count(0) == pytest.approx(100, abs=35)
    both = Rounds.draw(config, 0, 9, [4, 5], (64, 64), 0.0)
    second = Rounds.draw(config, 0, 9, [5], (64, 64), 0.0)
    assert both.count == second.count
    assert both.users[1].random() == second.users[0].random() != both.users[0].random()
