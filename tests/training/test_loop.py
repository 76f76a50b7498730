"""The loop: stages, resuming, and what stops a run."""

import csv

import pytest
import torch

from napari_iafpn.networks import build_cascade, load_cascade, read_card
from napari_iafpn.training import loop
from napari_iafpn.training.dataset import Batch, ClickDataset
from napari_iafpn.training.loop import schedule, train
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.stages import Round, fine_loss


class StoppedError(Exception):
    """Stands for a killed process."""


def curve(output):
    with open(output / loop.LOG, newline="") as file:
        return [(row["stage"], row["step"], row["loss"]) for row in csv.DictReader(file)]


def stop_at(stage, step):
    def report(progress):
        if (progress.stage, progress.step) == (stage, step):
            raise StoppedError

    return report


@pytest.fixture
def whole_run(recipe, folder, tmp_path):
    path = train(recipe, folder, tmp_path / "whole", workers=0, save_every=1)
    return tmp_path / "whole", path


@pytest.mark.parametrize("moment", [("coarse", 3), ("fine", 2)])
def test_a_killed_run_resumes_to_the_same_model(recipe, folder, tmp_path, whole_run, moment):
    output = tmp_path / "killed"
    with pytest.raises(StoppedError):
        train(recipe, folder, output, workers=0, save_every=1, report=stop_at(*moment))
    path = train(recipe, folder, output, workers=0, save_every=1)
    assert path.read_bytes() == whole_run[1].read_bytes()
    assert set(curve(output)) == set(curve(whole_run[0]))


def test_the_model_carries_its_card_and_recipe(recipe, whole_run):
    card = read_card(whole_run[1])
    assert card.name == "disks"
    assert card.training_data[0]["licence"] == "CC0"
    assert card.recipe_hash == recipe.digest
    assert load_cascade(whole_run[1]).config == recipe.model


def test_another_recipe_does_not_continue_a_run(values, folder, whole_run):
    values["seed"] = 9
    with pytest.raises(ValueError, match="holds a run of another recipe"):
        train(recipe_from(values), folder, whole_run[0], workers=0)


def test_training_learns(values, folder, tmp_path):
    values["coarse"] |= {"steps": 60, "learning_rate": 5e-3, "batch": 4}
    train(recipe_from(values), folder, tmp_path / "run", workers=0)
    losses = [float(loss) for stage, _, loss in curve(tmp_path / "run") if stage == "coarse"]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_the_fine_stage_leaves_the_coarse_level_alone(recipe, folder):
    torch.manual_seed(0)
    cascade = build_cascade(recipe.model, pretrained="none")
    before = {k: v.clone() for k, v in cascade.coarse.state_dict().items()}
    cascade.fine.train()
    dataset = ClickDataset(recipe, folder)
    batch = Batch.collate([dataset[index] for index in range(3)])
    rounds = Round(0, 0, 3, 64)
    rounds.count = 2
    fine_loss(cascade, batch, rounds).backward()
    assert all(torch.equal(before[k], v) for k, v in cascade.coarse.state_dict().items())
    assert all(parameter.grad is None for parameter in cascade.coarse.parameters())
    assert any(parameter.grad is not None for parameter in cascade.fine.parameters())


def test_a_loss_that_is_not_finite_stops_with_the_last_state(recipe, folder, tmp_path, monkeypatch):
    calls = []

    def broken(cascade, batch, rounds):
        calls.append(1)
        loss = sum(p.sum() for p in cascade.coarse.parameters()) * 0.0
        return loss + (float("nan") if len(calls) > 2 else 1.0)

    monkeypatch.setitem(loop.STEP_LOSSES, "coarse", broken)
    with pytest.raises(ValueError, match="loss of the coarse stage is nan at step 2"):
        train(recipe, folder, tmp_path / "run", workers=0, save_every=1)
    state = torch.load(tmp_path / "run" / loop.STATE, weights_only=True)
    assert state["step"] == 2
    assert all(value.isfinite().all() for value in state["cascade"].values())


def test_schedule_warms_up_and_ends_at_zero(recipe):
    factors = [schedule(step, recipe.coarse) for step in range(recipe.coarse.steps + 1)]
    assert factors[0] == 1.0
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] == pytest.approx(0.0)
