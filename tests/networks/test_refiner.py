"""The correction after the fine level."""

from dataclasses import replace

import pytest
import torch

from napari_iafpn.networks import CascadeConfig, build_cascade, load_cascade, preset, save_cascade
from napari_iafpn.networks.models import ModelCard
from napari_iafpn.networks.refiner import Refiner, _features
from napari_iafpn.prompts import Click, PromptTensors

SIZE = (64, 96)


@pytest.fixture
def refiner():
    """A refiner whose last convolution says something."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = Refiner(8)
        torch.nn.init.normal_(made.leave.weight, std=0.5)
    return made.eval()


def maps(count=1):
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(count, 1, *SIZE, generator=generator)
    intention = torch.rand(count, 1, *SIZE, generator=generator)
    last = torch.zeros(count, 1, *SIZE)
    last[:, :, 16:40, 20:60] = 0.9
    return logits, intention, last


def points(*clicks):
    return PromptTensors.of([list(each) for each in clicks])


def test_untrained_it_changes_nothing():
    logits, intention, last = maps()
    given = points([Click(10, 10), Click(30, 70, False)])
    assert torch.equal(Refiner(8)(logits, intention, last, given), logits)


def test_a_batch_of_different_counts_equals_one_by_one(refiner):
    clicks = [Click(30, 30)], [Click(20, 25), Click(50, 80, False), Click(18, 70)], []
    logits, intention, last = maps(3)
    together = refiner(logits, intention, last, points(*clicks))
    for place, own in enumerate(clicks):
        one = slice(place, place + 1)
        alone = refiner(logits[one], intention[one], last[one], points(own))
        torch.testing.assert_close(together[one], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        [Click(50, 80, False), Click(30, 30)],
        [Click(30, 30), Click(50, 80)],
        [Click(30, 30), Click(50, 40, False)],
        [Click(30, 30), Click(500, 80, False)],
    ],
    ids=["order", "sign", "place", "outside"],
)
def test_order_sign_and_place_of_the_clicks_matter(refiner, other):
    logits, intention, last = maps()
    clicks = [Click(30, 30), Click(50, 80, False)]
    found = refiner(logits, intention, last, points(clicks))
    changed = refiner(logits, intention, last, points(other))
    assert changed.isfinite().all()
    assert not torch.allclose(found, changed, atol=1e-3)


@pytest.mark.parametrize("changed", [1, 2], ids=["intention", "last"])
def test_intention_and_last_mask_matter(refiner, changed):
    given = list(maps())
    found = refiner(*given, points([Click(30, 30)]))
    given[changed] = torch.zeros_like(given[changed])
    assert not torch.allclose(refiner(*given, points([Click(30, 30)])), found, atol=1e-3)


@pytest.mark.parametrize("positive", [True, False])
def test_distances_are_in_units_of_the_clicks_distance_to_the_old_outline(positive):
    """A click on the middle of cell (7, 18), four cells right of the last mask's (7, 14).

    Of a negative click the background is what is right already, and it lies in the object.
    """
    logits, intention, last = maps()
    if not positive:
        last = 1 - last
    given, sign = _features(logits, intention, last, points([Click(29.5, 73.5, positive)]))
    along = given[0, 6, 7, [18, 14, 10]]
    torch.testing.assert_close(along, torch.log(torch.tensor([1.0, 2.0, 3.0])))
    assert sign.item() == (1 if positive else -1)


def test_it_travels_with_the_model(tmp_path):
    config = replace(preset("tiny"), refiner=8)
    cascade = build_cascade(config, pretrained="none")
    torch.nn.init.normal_(cascade.refiner.leave.weight)
    save_cascade(cascade, tmp_path / "model.safetensors", ModelCard("refined"))
    loaded = load_cascade(tmp_path / "model.safetensors")
    assert loaded.config.refiner == 8
    assert torch.equal(loaded.refiner.leave.weight, cascade.refiner.leave.weight)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"refiner": -1}, "refiner is -1; give at least 0"),
        ({"refiner": 8, "fine": None}, "refiner is 8; give the channels of what follows"),
    ],
)
def test_impossible_configurations_are_named(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(CascadeConfig(), **change)
