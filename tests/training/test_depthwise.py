"""Depthwise convolutions under autocast: the same results, gradients at least as exact."""

import pytest
import torch
from torch import nn

from napari_iafpn.training import depthwise
from napari_iafpn.training.depthwise import Float32DepthwiseGradients
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.train import ComputeSettings, cpu_has_bf16, train

GEOMETRIES = [
    {"kernel_size": 5, "padding": 2},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 5, "padding": 2, "stride": 2},
    {"kernel_size": 5, "padding": (2, 1), "stride": (1, 2), "bias": True},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
]


def run(layer, values, *, ours, autocast=True):
    """Return the result, and the gradients of values, weight and bias."""
    values = values.clone().requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        if ours:
            with Float32DepthwiseGradients():
                result = layer(values)
        else:
            result = layer(values)
    (result.float() * torch.linspace(-1, 1, result.numel()).view(result.shape)).sum().backward()
    gradients = [values.grad, *(p.grad for p in layer.parameters())]
    return result.detach(), [gradient.clone() for gradient in gradients]


def distance(found, exact):
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_results_are_the_same_and_gradients_at_least_as_exact(geometry):
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 16, groups=16, **{"bias": False} | geometry)
    values = torch.randn(2, 16, 17, 20).to(memory_format=torch.channels_last)
    assert is_ours(layer, values)
    exact = run(layer, values, ours=False, autocast=False)[1]
    result, reduced = run(layer, values, ours=False)
    ours, gradients = run(layer, values, ours=True)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, result)
    for found, plain, wanted in zip(gradients, reduced, exact, strict=True):
        assert found.dtype == plain.dtype == torch.float32
        assert distance(found, wanted) < 1.1 * distance(plain, wanted) + 1e-4
        assert distance(found, wanted) < 0.01


def is_ours(layer, values, **where):
    with torch.autocast("cpu", dtype=torch.bfloat16, **where), Float32DepthwiseGradients():
        result = layer(values)
    return "Depthwise" in type(result.grad_fn).__name__


def test_everything_else_is_left_alone():
    values = torch.randn(1, 8, 9, 9)
    depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
    assert is_ours(depthwise, values)
    assert not is_ours(depthwise, values, enabled=False)
    assert not is_ours(nn.Conv2d(8, 8, 3, groups=8), values)
    assert not is_ours(nn.Conv2d(8, 8, 5, padding="same", groups=8), values)
    assert not is_ours(nn.Conv2d(8, 8, 5, groups=4), values)
    assert not is_ours(nn.Conv2d(8, 16, 5, groups=8), values)
    with torch.no_grad():
        assert not is_ours(depthwise, values)
    assert not is_ours(depthwise.requires_grad_(False), values.requires_grad_())


def test_the_layout_stays_channels_last():
    layer = nn.Conv2d(8, 8, 5, padding=2, stride=2, groups=8)
    values = torch.randn(2, 8, 12, 12).to(memory_format=torch.channels_last)
    _, (gradient, *_) = run(layer, values, ours=True)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU does not compute bf16")
def test_training_uses_it(values, folder, tmp_path, monkeypatch):
    calls = []
    plain = depthwise._gradients
    monkeypatch.setattr(depthwise, "_gradients", lambda *a: calls.append(a[0].dtype) or plain(*a))
    train(
        recipe_from(values | {"precision": "bf16-mixed"}),
        folder,
        tmp_path / "run",
        engine=ComputeSettings(workers=0, accelerator="cpu"),
    )
    assert torch.float32 in calls
