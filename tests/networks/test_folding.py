"""Folded networks: the same masks with fewer steps, and the original untouched."""

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from napari_iafpn.networks.folding import folded
from napari_iafpn.prompts import Click, PromptTensors

PRESETS = ("tiny", "default", "resnet34", "hrnet18")
CLICKS = [[Click(30, 40), Click(5, 80, False)]]


def norms(cascade):
    return [module for module in cascade.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.inference_mode()
def logits(level):
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    return level(image, torch.zeros(1, 1, 64, 96), PromptTensors.of(CLICKS))


@pytest.mark.parametrize("name", PRESETS)
def test_gives_the_same_without_a_norm(name, lively):
    cascade = lively(name)
    quick = folded(cascade)
    assert norms(cascade)
    assert not norms(quick)
    assert not any(isinstance(module, Conv2dSame) for module in quick.modules())
    for level in ("coarse", "fine"):
        expected = logits(getattr(cascade, level))
        got = logits(getattr(quick, level))
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3 * expected.std().item())


def test_leaves_the_original_as_it_was(lively):
    cascade = lively("tiny").train()
    before = {key: value.clone() for key, value in cascade.state_dict().items()}
    quick = folded(cascade)
    assert all(module.training for module in cascade.modules())
    assert not any(module.training for module in quick.modules())
    after = cascade.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
