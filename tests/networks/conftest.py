"""Fixtures of networks."""

import pytest
import torch
from torch import nn

from napari_iafpn.networks import build_cascade, preset


@pytest.fixture(scope="session")
def lively():
    """Make a cascade of a preset whose norms have seen something and whose clicks spread."""
    return _lively


def _lively(name):
    torch.manual_seed(0)
    cascade = build_cascade(preset(name), "none")
    for module in cascade.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    for key, parameter in cascade.named_parameters():
        if key.endswith("gamma"):
            parameter.data.fill_(0.5)
    if cascade.refiner is not None:
        nn.init.uniform_(cascade.refiner.leave.weight, -0.5, 0.5)
    return cascade
