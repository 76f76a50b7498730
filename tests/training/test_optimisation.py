"""Learning rates, parameter groups and the running average."""

from dataclasses import replace

import pytest
import torch

from napari_iafpn.networks import build_cascade
from napari_iafpn.training.optimisation import (
    WeightAverage,
    make_optimizer,
    schedule,
    weights_of,
)
from napari_iafpn.training.settings import StageConfig


@pytest.fixture
def level(recipe):
    torch.manual_seed(0)
    return build_cascade(recipe.model, "none").coarse


def test_cosine_warms_up_and_ends_at_zero():
    config = StageConfig(steps=10, warmup_steps=2)
    factors = [schedule(step, config) for step in range(11)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[2:] == sorted(factors[2:], reverse=True)
    assert factors[6] == pytest.approx(0.5)
    assert factors[10] == pytest.approx(0.0)


def test_steps_drop_at_their_milestones():
    config = StageConfig(steps=10, warmup_steps=0, schedule="step", milestones=(4, 8), drop=0.1)
    factors = [schedule(step, config) for step in (0, 3, 4, 7, 8, 9)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    constant = StageConfig(steps=10, warmup_steps=0, schedule="constant")
    assert {schedule(step, constant) for step in range(10)} == {1.0}


def test_a_constant_rate_falls_to_zero_in_the_cooldown():
    config = StageConfig(steps=10, warmup_steps=0, schedule="constant", cooldown=4)
    factors = [schedule(step, config) for step in range(11)]
    assert factors == pytest.approx([1] * 7 + [0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize("given", [{"cooldown": 2}, {"schedule": "constant", "cooldown": 11}])
def test_a_cooldown_belongs_to_a_constant_rate_and_fits_the_stage(given):
    with pytest.raises(ValueError, match="cooldown is"):
        StageConfig(steps=10, warmup_steps=0, **given)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_backbone_learns_slower_and_norms_do_not_decay(level, name):
    config = StageConfig(
        10, learning_rate=1e-2, backbone_factor=0.1, warmup_steps=0, optimizer=name
    )
    optimizer = make_optimizer(level, config)
    assert type(optimizer).__name__.lower() == name
    backbone = {id(p) for p in level.features.backbone.parameters()}
    seen = 0
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            seen += 1
            assert group["lr"] == (1e-3 if id(parameter) in backbone else 1e-2)
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1)
    assert seen == len(list(level.parameters()))


def test_of_a_whole_cascade_both_backbones_learn_slower(recipe):
    cascade = build_cascade(recipe.model, pretrained="none")
    config = StageConfig(10, learning_rate=1e-2, backbone_factor=0.1, warmup_steps=0)
    rates = {
        id(parameter): group["lr"]
        for group in make_optimizer(cascade, config).param_groups
        for parameter in group["params"]
    }
    assert rates == {
        id(parameter): 1e-3 if "backbone" in name else 1e-2
        for name, parameter in cascade.named_parameters()
    }


def test_the_average_is_lent_and_given_back(level):
    average = WeightAverage(level, decay=0.5)
    first = level.fusion.mix.weight.detach().clone()
    with torch.no_grad():
        level.fusion.mix.weight.add_(1.0)
    average.update(level)  # the first steps weigh more: 1 / 10 of the old value
    with weights_of(level, average):
        torch.testing.assert_close(level.fusion.mix.weight.detach(), first + 0.9)
    torch.testing.assert_close(level.fusion.mix.weight.detach(), first + 1.0)
    other = WeightAverage(level, decay=0.5)
    other.load_state_dict(average.state_dict())
    assert other.steps == 1
    assert torch.equal(other.state["fusion.mix.weight"], average.state["fusion.mix.weight"])


def test_stages_check_themselves():
    with pytest.raises(ValueError, match="warmup_steps is 40 and steps 10"):
        StageConfig(steps=10)
    with pytest.raises(ValueError, match="accumulate is 0; give at least 1"):
        replace(StageConfig(steps=100), accumulate=0)
