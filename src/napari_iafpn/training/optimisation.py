"""Optimisers, learning rates and the running average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from napari_iafpn.networks.level import Level
from napari_iafpn.training.settings import StageConfig

OPTIMIZERS: dict[str, type[torch.optim.Adam]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def make_optimizer(level: nn.Module, config: StageConfig) -> torch.optim.Adam:
    """Adam or AdamW; backbones learn slower, norms and biases do not decay."""
    levels = [module for module in level.modules() if isinstance(module, Level)]
    backbone = {id(p) for level in levels for p in level.features.backbone.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in level.parameters():
        key = (id(parameter) in backbone, parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return OPTIMIZERS[config.optimizer](
        [
            {"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay}
            for (in_backbone, decays), parameters in groups.items()
            for rate in [config.learning_rate * (config.backbone_factor if in_backbone else 1.0)]
            for decay in [config.weight_decay if decays else 0.0]
        ]
    )


def load_moments(optimizer: torch.optim.Adam, state: dict[str, Any]) -> None:
    """Take over what a stored optimiser remembers; rates and decays stay as they are."""
    own = [
        {key: group[key] for key in ("lr", "initial_lr", "weight_decay")}
        for group in optimizer.param_groups
    ]
    optimizer.load_state_dict(state)
    for group, values in zip(optimizer.param_groups, own, strict=True):
        group.update(values)


def schedule(step: int, config: StageConfig) -> float:
    """Return the learning rate's factor at a step, counted from 0.

    A linear warm-up, then half a cosine to zero, a drop at each milestone, or no change before
    the cool-down.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        left = config.steps - step
        return min(1.0, left / config.cooldown) if config.cooldown else 1.0
    if config.schedule == "step":
        return float(config.drop ** sum(step >= milestone for milestone in config.milestones))
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * share))


class WeightAverage:
    """A running average of a level's weights and statistics (EMA)."""

    def __init__(self, level: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {key: value.detach().clone() for key, value in level.state_dict().items()}

    @torch.no_grad()
    def update(self, level: nn.Module) -> None:
        """Take in the weights after a step; the first steps weigh more, so that it starts close."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))
        for key, value in level.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1.0 - decay)
            else:
                self.state[key].copy_(value)

    def state_dict(self) -> dict[str, Tensor | int]:
        """Return what ``load_state_dict`` takes."""
        return {"steps": self.steps, **self.state}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Go on from a stored average."""
        self.steps = int(state["steps"])
        for key, value in self.state.items():
            value.copy_(torch.as_tensor(state[key]))


@contextmanager
def weights_of(level: nn.Module, average: WeightAverage | None) -> Iterator[None]:
    """Lend the averaged weights to the level, where there is an average."""
    if average is None:
        yield
        return
    own = {key: value.clone() for key, value in level.state_dict().items()}
    level.load_state_dict(average.state)
    try:
        yield
    finally:
        level.load_state_dict(own)
