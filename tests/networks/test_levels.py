"""The contract of every level, and the sizes the paper publishes."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_iafpn.networks import PRESETS, CascadeConfig, Level, LevelConfig, build_cascade, preset
from napari_iafpn.networks.config import PROPAGATIONS
from napari_iafpn.prompts import Click, PromptTensors

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from complexity import measure

TINY = PRESETS["tiny"].coarse


class LevelContract:
    """What every level keeps, whatever its backbone and decoder."""

    config: LevelConfig

    @pytest.fixture(scope="class")
    @classmethod
    def level(cls):
        torch.manual_seed(0)
        level = Level(cls.config).eval()
        for name, parameter in level.named_parameters():
            if name.endswith("gamma"):
                parameter.data.fill_(0.5)
        return level

    def run(self, level, clicks, previous=None, image=None):
        image = self.image(len(clicks)) if image is None else image
        previous = torch.zeros(len(clicks), 1, 64, 96) if previous is None else previous
        with torch.inference_mode():
            return level(image, previous, PromptTensors.of(clicks))

    def image(self, count):
        return torch.rand(count, 3, 64, 96, generator=torch.Generator().manual_seed(3))

    def test_logits_have_the_inputs_size(self, level):
        assert self.run(level, [[Click(3, 4)]]).shape == (1, 1, 64, 96)

    def test_runs_without_clicks(self, level):
        assert self.run(level, [[]]).isfinite().all()

    def test_batch_of_different_counts_equals_one_by_one(self, level):
        clicks = [[Click(3, 4), Click(50, 60, False), Click(20, 20)], [Click(0, 0)]]
        together = self.run(level, clicks)
        alone = self.run(level, clicks[1:], image=self.image(2)[1:])
        spread = together.std().item()
        torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-4 * spread)

    def test_clicks_outside_change_nothing(self, level):
        inside = self.run(level, [[Click(3, 4)]])
        more = self.run(level, [[Click(3, 4), Click(-9, 200)]])
        torch.testing.assert_close(more, inside, rtol=1e-4, atol=1e-4 * inside.std().item())

    def test_clicks_previous_mask_and_sign_matter(self, level):
        base = self.run(level, [[Click(30, 40)]])
        assert not torch.equal(base, self.run(level, [[Click(30, 40, False)]]))
        assert not torch.equal(base, self.run(level, [[Click(0, 0)]]))
        ones = torch.ones(1, 1, 64, 96)
        assert not torch.equal(base, self.run(level, [[Click(30, 40)]], ones))

    def test_refuses_sides_that_are_no_multiples_of_32(self, level):
        with pytest.raises(ValueError, match="70 x 96; both sides must be multiples of 32"):
            level(torch.zeros(1, 3, 70, 96), torch.zeros(1, 1, 70, 96), PromptTensors.of([[]]))


class TestTiny(LevelContract):
    config = TINY


class TestDefault(LevelContract):
    config = PRESETS["default"].coarse


class TestResNet34(LevelContract):
    config = PRESETS["resnet34"].coarse


class TestDeepStemResNet(LevelContract):
    config = PRESETS["resnet50s"].coarse


class TestHRNet(LevelContract):
    config = PRESETS["hrnet18"].coarse


class TestRegNet(LevelContract):
    """A backbone that no preset names."""

    config = replace(TINY, backbone="regnetx_002")


@pytest.mark.parametrize("propagation", PROPAGATIONS)
@pytest.mark.parametrize("heavy", [False, True])
def test_ablations_are_switches(propagation, heavy):
    level = Level(replace(TINY, propagation=propagation, heavy_propagation=heavy)).eval()
    assert (level.sgm is None) == (propagation == "none")
    assert (level.hsgm is None) == (propagation != "sgm+hsgm")
    out = level(
        torch.rand(1, 3, 32, 64),
        torch.zeros(1, 1, 32, 64),
        PromptTensors.of([[Click(1, 1)]]),
    )
    assert out.shape == (1, 1, 32, 64)


def test_without_iaf_there_is_no_fine_level():
    cascade = build_cascade(CascadeConfig(TINY, None, coarse_size=64), pretrained="none")
    assert cascade.fine is None


@pytest.mark.parametrize(
    ("name", "millions"), [("resnet34", 23.35), ("resnet50s", 31.4), ("resnet101s", 58.4)]
)
def test_sizes_of_the_paper(name, millions):
    found = measure(replace(preset(name).coarse, propagation="none"))
    assert found.parameters == pytest.approx(millions, rel=0.05)


def test_operations_of_the_paper():
    plain = measure(replace(preset("resnet50s").coarse, propagation="none"))
    whole = measure(preset("resnet50s").coarse)
    assert plain.operations == pytest.approx(508.7, rel=0.05)
    assert 0.05 <= whole.parameters - plain.parameters <= 0.2
    assert 0 < whole.operations - plain.operations <= 25


def test_an_unknown_backbone_is_named():
    with pytest.raises(ValueError, match=r"unknown backbone 'resnet35'.*resnet34"):
        Level(replace(TINY, backbone="resnet35"))


def test_a_backbone_without_stride_2_is_refused():
    with pytest.raises(ValueError, match="feature strides"):
        Level(replace(TINY, backbone="convnext_atto"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"propagation": "dense"}, "propagation is 'dense'; choose one of none, sgm, sgm\\+hsgm"),
        ({"output_stride": 12}, "output_stride is 12"),
        ({"channels": 7}, "channels is 7"),
    ],
)
def test_impossible_configurations_are_named(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(TINY, **change)
