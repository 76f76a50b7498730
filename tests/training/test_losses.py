"""The normalized focal loss against independent numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_iafpn.training.losses import cross_entropy, mask_loss, normalized_focal_loss

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "nfl.npz")
TAGS = sorted({key.removesuffix("_logits") for key in GOLDEN if key.endswith("_logits")})


@pytest.mark.parametrize("tag", TAGS)
def test_golden_values_and_gradients(tag):
    logits = torch.from_numpy(GOLDEN[f"{tag}_logits"]).requires_grad_()
    labels = torch.from_numpy(GOLDEN[f"{tag}_label"]).double()
    loss = normalized_focal_loss(
        logits,
        labels,
        alpha=0.25 if tag.startswith("c_") else 0.5,
        detach_normaliser=not tag.startswith("f_"),
    )
    loss.mean().backward()
    expected = torch.from_numpy(GOLDEN[f"{tag}_loss_per_sample"])
    torch.testing.assert_close(loss.detach(), expected, rtol=0, atol=1e-9)
    gradient = torch.from_numpy(GOLDEN[f"{tag}_grad_of_mean"])
    torch.testing.assert_close(logits.grad, gradient, rtol=0, atol=1e-9)


def test_everything_ignored_costs_nothing():
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = normalized_focal_loss(logits, torch.full((1, 1, 4, 4), -1.0))
    loss.mean().backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_cross_entropy_leaves_out_ignored_pixels():
    logits = torch.tensor([[[[0.0, 2.0], [-1.0, 50.0]]]])
    labels = torch.tensor([[[[1.0, 1.0], [0.0, -1.0]]]])
    by_hand = (math.log(2) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 3
    assert cross_entropy(logits, labels).item() == pytest.approx(by_hand)
    assert cross_entropy(logits, torch.full_like(labels, -1.0)).item() == 0.0


def test_the_loss_of_a_gross_error_is_bounded_and_still_pulls():
    labels = torch.zeros(1, 1, 200, 200)
    labels[..., 85:115, 85:115] = 1
    logits = torch.full_like(labels, 9.0).requires_grad_()
    loss = mask_loss(logits, labels)
    assert 3 < loss.item() < 4.01
    loss.backward()
    background = logits.grad[labels == 0]
    assert (background > 0).all()
    assert background.sum() > 0.2


def test_the_loss_of_a_mask_counts_errors_by_the_objects_size():
    """Two object pixels of four, one ignored; logits of +-ln 3 are probabilities of 3/4 and 1/4.

    Cross-entropies: ln 4/3 for a right pixel, ln 4 for a wrong one, over 2 object pixels. Soft
    IoU: (3/4 + 1/4 + 1) / (1 + 1/4 + 2 - 1 + 1) with 3/4, 1/4 in the object and 1/4 outside.
    """
    logits = torch.tensor([1.0, -1.0, -1.0, 1.0]).mul(math.log(3)).view(1, 1, 2, 2)
    labels = torch.tensor([1.0, 1.0, 0.0, -1.0]).view(1, 1, 2, 2)
    pixels = (2 * math.log(4 / 3) + math.log(4)) / 2
    expected = pixels + 1 - 2 / 3.25
    assert mask_loss(logits, labels, least=1).item() == pytest.approx(expected, abs=1e-6)
    capped = mask_loss(logits, labels, least=1, most=0.1).item()
    assert capped == pytest.approx(0.1 + 1 - 2 / 3.25, abs=1e-6)
