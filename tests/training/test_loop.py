"""The loop: stages, resuming, and what stops a run."""

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from lightning.fabric import Fabric

from napari_iafpn.networks import build_cascade, load_cascade, read_card
from napari_iafpn.training import state
from napari_iafpn.training.dataset import Batch
from napari_iafpn.training.logs import LOG
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.stage import export, parts_of
from napari_iafpn.training.state import STATE, load_state
from napari_iafpn.training.step_losses import STEP_LOSSES, ClickSchedule, fine_loss
from napari_iafpn.training.train import ComputeSettings, train

ENGINE = ComputeSettings(workers=0, save_every=1, accelerator="cpu")


class StoppedError(Exception):
    """Stands for a killed process."""


def stop_at(stage, step):
    def report(progress):
        if (progress.stage, progress.step) == (stage, step):
            raise StoppedError

    return report


@pytest.fixture
def whole_run(recipe, folder, tmp_path):
    path = train(recipe, folder, tmp_path / "whole", engine=ENGINE)
    return tmp_path / "whole", path


@pytest.mark.parametrize("moment", [("coarse", 3), ("fine", 2)])
def test_a_stopped_run_resumes_to_the_same_model(
    recipe, folder, tmp_path, whole_run, moment, curve
):
    output = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        train(recipe, folder, output, engine=ENGINE, report=stop_at(*moment))
    path = train(recipe, folder, output, engine=ENGINE, resume=True)
    assert path.read_bytes() == whole_run[1].read_bytes()
    assert curve(output) == curve(whole_run[0])


SCRIPT = """
from pathlib import Path
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.train import ComputeSettings, train
engine = ComputeSettings(workers=0, save_every=1, accelerator="cpu")
for output, resume in {runs!r}:
    train(recipe_from({values!r}), Path({folder!r}), Path(output), engine=engine, resume=resume)
"""


STEPS = 16


@pytest.mark.slow
def test_a_process_killed_at_once_resumes_to_the_same_model(values, folder, tmp_path, curve):
    values["coarse"] |= {"steps": STEPS, "ema": 0.9}
    recipe, output, whole = recipe_from(values), tmp_path / "killed", tmp_path / "whole"

    def start(*runs):
        runs = [(str(output), resume) for output, resume in runs]
        code = SCRIPT.format(values=values, folder=str(folder), runs=runs)
        return subprocess.Popen([sys.executable, "-c", code])

    process = start((output, False))
    try:
        deadline = time.monotonic() + 120
        while not (output / STATE).is_file() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 1 <= load_state(output, recipe.run_digest)["step"] < STEPS
    # In a process of their own: what other tests did to this one may change a last bit.
    assert start((output, True), (whole, False)).wait(timeout=300) == 0
    (model,) = output.glob("*-fine.safetensors")
    assert model.read_bytes() == (whole / model.name).read_bytes()
    assert curve(output) == curve(tmp_path / "whole")


def test_a_run_in_the_folder_is_not_continued_unasked(recipe, folder, whole_run):
    with pytest.raises(ValueError, match=r"holds a run .state\.pt.; give --resume"):
        train(recipe, folder, whole_run[0], engine=ENGINE)


def test_another_recipe_does_not_continue_a_run(values, folder, whole_run):
    values["seed"] = 9
    with pytest.raises(ValueError, match="holds a run of another recipe"):
        train(recipe_from(values), folder, whole_run[0], engine=ENGINE, resume=True)


def test_a_run_goes_on_with_another_learning_rate(values, folder, tmp_path):
    """As the sentence about a loss that is no longer finite says."""
    output = tmp_path / "run"
    with pytest.raises(StoppedError):
        train(recipe_from(values), folder, output, engine=ENGINE, report=stop_at("coarse", 2))
    values["coarse"] |= {"learning_rate": 1e-5, "weight_decay": 0.5, "schedule": "constant"}
    recipe = recipe_from(values)
    path = train(recipe, folder, output, engine=ENGINE, resume=True, control=lambda p: p.step < 3)
    assert path is None
    groups = load_state(output, recipe.run_digest)["optimizer"]["param_groups"]
    assert {group["lr"] for group in groups} == {1e-5, 0.3 * 1e-5}
    assert {group["weight_decay"] for group in groups} == {0.0, 0.5}
    with open(output / LOG, newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates == [1e-3, 1e-5, 1e-5]  # the state was that of the first step
    values["coarse"]["batch"] = 1
    with pytest.raises(ValueError, match="no other change than to learning rates"):
        train(recipe_from(values), folder, output, engine=ENGINE, resume=True)


def test_the_model_carries_its_card_and_recipe(recipe, whole_run):
    card = read_card(whole_run[1])
    assert card.name == "disks"
    assert card.training_data[0]["licence"] == "CC0"
    assert card.recipe_hash == recipe.digest
    assert card.scores == {}
    assert load_cascade(whole_run[1]).config == recipe.model


def test_the_caller_can_stop_and_go_on(recipe, folder, tmp_path, whole_run):
    def three_steps(progress):
        return progress.step < 3

    output = tmp_path / "stopped"
    assert train(recipe, folder, output, engine=ENGINE, control=three_steps) is None
    assert load_state(output, recipe.run_digest)["step"] == 3
    path = train(recipe, folder, output, engine=ENGINE, resume=True)
    assert path.read_bytes() == whole_run[1].read_bytes()


def test_training_learns(values, folder, tmp_path, curve):
    values["coarse"] |= {"steps": 100, "learning_rate": 5e-3, "batch": 4}
    train(recipe_from(values), folder, tmp_path / "run", engine=ENGINE)
    losses = [float(loss) for _, _, loss in curve(tmp_path / "run", "coarse")]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_two_passes_make_the_step_of_one_of_both_batches(values, folder, tmp_path, curve):
    """With the norms at rest, since a pass normalises its own samples."""
    values["coarse"] |= {"freeze_norm": True, "batch": 4}
    values["model"]["fine"] = False
    del values["fine"]
    train(recipe_from(values), folder, tmp_path / "one", engine=ENGINE)
    values["coarse"] |= {"accumulate": 2, "batch": 2}
    train(recipe_from(values), folder, tmp_path / "two", engine=ENGINE)
    one, two = ([float(loss) for _, _, loss in curve(tmp_path / name)] for name in ("one", "two"))
    assert one[0] == pytest.approx(two[0], rel=0.05)  # dropout draws in another order
    assert len(one) == len(two) == 4


def test_the_average_is_exported(values, folder, tmp_path):
    values["coarse"]["ema"] = values["fine"]["ema"] = 0.9
    recipe = recipe_from(values)
    output = tmp_path / "run"
    path = train(recipe, folder, output, engine=ENGINE)
    kept = load_state(output, recipe.run_digest)
    exported = load_cascade(path).fine.state_dict()
    for key in ("fusion.mix.weight", "head.2.weight"):
        average, last = kept["average"][key], kept["cascade"][f"fine.{key}"]
        torch.testing.assert_close(exported[key], average, rtol=1e-3, atol=1e-3)
        assert not torch.equal(average, last)


def test_the_fine_stage_leaves_the_coarse_level_alone(recipe, folder, tmp_path, dataset_of):
    """Its weights and its statistics, in a step and over the whole stage."""
    torch.manual_seed(0)
    cascade = build_cascade(recipe.model, pretrained="none")
    before = {k: v.clone() for k, v in cascade.coarse.state_dict().items()}
    cascade.fine.train()
    dataset = dataset_of(recipe)
    batch = Batch.collate([dataset[index] for index in range(3)])
    rounds = replace(ClickSchedule.draw(recipe, recipe.fine, 0, range(3)), count=2)
    fine_loss(cascade, batch, rounds).backward()
    assert all(torch.equal(before[k], v) for k, v in cascade.coarse.state_dict().items())
    assert all(parameter.grad is None for parameter in cascade.coarse.parameters())
    assert any(parameter.grad is not None for parameter in cascade.fine.parameters())
    path = train(recipe, folder, tmp_path / "run", engine=ENGINE)
    first = load_cascade(path.with_name("disks-coarse.safetensors"))
    last = load_cascade(path)
    pairs = zip(first.coarse.state_dict().values(), last.coarse.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_fine_level_starts_from_the_coarse_one(values, folder, tmp_path):
    values["fine"]["learning_rate"] = 1e-12
    path = train(recipe_from(values), folder, tmp_path / "run", engine=ENGINE)
    cascade = load_cascade(path)
    for (name, coarse), fine in zip(
        cascade.coarse.named_parameters(), cascade.fine.parameters(), strict=True
    ):
        torch.testing.assert_close(fine, coarse, rtol=0, atol=1e-3, msg=name)


def test_a_run_can_go_on_from_a_model(values, folder, tmp_path):
    """Both levels begin with its weights, here at another size; a rate of nothing shows it."""
    first = train(recipe_from(values), folder, tmp_path / "first", engine=ENGINE)
    shutil.copy(first, folder / "first.safetensors")
    values |= {"start": "first.safetensors", "model": {"preset": "tiny", "coarse_size": 96}}
    for stage in ("coarse", "fine"):
        values[stage] |= {"learning_rate": 1e-12, "weight_decay": 0.0, "freeze_norm": True}
    second = train(recipe_from(values), folder, tmp_path / "second", engine=ENGINE)
    begun, went_on = load_cascade(first).state_dict(), load_cascade(second)
    assert went_on.config.coarse_size == 96
    for key, value in went_on.state_dict().items():
        torch.testing.assert_close(value, begun[key], rtol=1e-3, atol=1e-5, msg=key)


def test_the_starts_weights_can_have_a_share_in_the_end(values, folder, tmp_path):
    first = train(recipe_from(values), folder, tmp_path / "first", engine=ENGINE)
    shutil.copy(first, folder / "first.safetensors")
    recipe = recipe_from(values | {"start": "first.safetensors", "start_share": 0.25})
    last = load_cascade(train(recipe, folder, tmp_path / "second", engine=ENGINE)).state_dict()
    trained = load_state(tmp_path / "second", recipe.run_digest)["cascade"]
    begun = load_cascade(first).state_dict()
    assert any(not torch.equal(trained[key], begun[key]) for key in begun)
    for key, value in last.items():
        if value.is_floating_point():
            expected = 0.25 * begun[key] + 0.75 * trained[key]
            torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-5, msg=key)


def test_a_refiner_is_trained_alone_after_a_start_without_one(values, folder, tmp_path):
    """Stages of no steps leave the levels as the start has them, bit for bit."""
    first = train(recipe_from(values), folder, tmp_path / "first", engine=ENGINE)
    shutil.copy(first, folder / "first.safetensors")
    stage = values["fine"] | {"rounds": 2}
    values |= {"start": "first.safetensors", "start_share": 0.25}
    values |= {"model": {"preset": "tiny", "refiner": 8}}
    values |= {"coarse": {"steps": 0}, "fine": {"steps": 0}, "refiner": stage}
    path = train(recipe_from(values), folder, tmp_path / "second", engine=ENGINE)
    assert path.name == "disks-refiner.safetensors"
    begun, last = load_cascade(first).state_dict(), load_cascade(path).state_dict()
    assert all(torch.equal(last[key], value) for key, value in begun.items())
    assert last["refiner.leave.weight"].abs().max() > 0


@pytest.fixture
def going_on(values, folder, tmp_path):
    """Return values of a recipe that trains the whole of a started cascade."""
    first = train(recipe_from(values), folder, tmp_path / "first", engine=ENGINE)
    shutil.copy(first, folder / "first.safetensors")
    together = values["fine"] | {"rounds": 2}
    values |= {"start": "first.safetensors", "model": {"preset": "tiny", "refiner": 8}}
    return values | {"coarse": {"steps": 0}, "fine": {"steps": 0}, "cascade": together}


def test_a_whole_cascade_is_trained_with_its_statistics_as_they_are(going_on, folder, tmp_path):
    path = train(recipe_from(going_on), folder, tmp_path / "second", engine=ENGINE)
    assert path.name == "disks-cascade.safetensors"
    begun = load_cascade(folder / "first.safetensors").state_dict()
    last = load_cascade(path).state_dict()
    for key in ("coarse.head.2.weight", "fine.head.2.weight", "fine.fusion.mix.weight"):
        assert not torch.equal(last[key], begun[key])
    assert last["refiner.leave.weight"].abs().max() > 0
    statistics = [key for key in begun if "running" in key]
    assert statistics
    assert all(torch.equal(last[key], begun[key]) for key in statistics)


def test_a_stopped_training_of_a_whole_cascade_resumes_to_the_same_model(
    going_on, folder, tmp_path, curve
):
    recipe, whole, output = recipe_from(going_on), tmp_path / "whole", tmp_path / "stopped"
    expected = train(recipe, folder, whole, engine=ENGINE)
    with pytest.raises(StoppedError):
        train(recipe, folder, output, engine=ENGINE, report=stop_at("cascade", 2))
    path = train(recipe, folder, output, engine=ENGINE, resume=True)
    assert path.read_bytes() == expected.read_bytes()
    assert curve(output) == curve(whole)


def test_a_start_of_another_architecture_is_named(values, folder, tmp_path):
    values["model"]["refiner"] = 8
    recipe = recipe_from(values)
    export(build_cascade(recipe.model, "none"), recipe, folder / "first.safetensors")
    values["start"] = "first.safetensors"
    values["sets"][0]["path"] = "nowhere"
    for other in ({"coarse": {"channels": 24}}, {"refiner": 16}):
        values["model"] = {"preset": "tiny", **other}
        with pytest.raises(ValueError, match=r"start names first.safetensors, whose networks are"):
            train(recipe_from(values), folder, tmp_path / "second", engine=ENGINE)


def test_a_loss_that_is_not_finite_stops_with_the_last_state(recipe, folder, tmp_path, monkeypatch):
    calls = []

    def broken(cascade, batch, rounds):
        calls.append(1)
        loss = sum(p.sum() for p in cascade.coarse.parameters()) * 0.0
        return loss + (float("nan") if len(calls) > 2 else 1.0)

    monkeypatch.setitem(STEP_LOSSES, "coarse", broken)
    with pytest.raises(ValueError, match="loss of the coarse stage is no longer finite at step 2"):
        train(recipe, folder, tmp_path / "run", engine=ENGINE)
    kept = load_state(tmp_path / "run", recipe.run_digest)
    assert kept["step"] == 2
    assert all(value.isfinite().all() for value in kept["cascade"].values())


def test_a_full_disk_stops_with_the_last_state(recipe, folder, tmp_path, monkeypatch, whole_run):
    output, write, calls = tmp_path / "run", state.write_atomically, []

    def full(path, payload):
        calls.append(path)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, payload)

    with monkeypatch.context() as patch:
        patch.setattr(state, "write_atomically", full)
        with pytest.raises(ValueError, match=r"the disk of .*run is full; the last good state"):
            train(recipe, folder, output, engine=ENGINE)
    assert load_state(output, recipe.run_digest)["step"] == 2
    path = train(recipe, folder, output, engine=ENGINE, resume=True)
    assert path.read_bytes() == whole_run[1].read_bytes()


def test_a_state_is_read_without_running_its_code(recipe, folder, tmp_path):
    (tmp_path / "run").mkdir()
    torch.save({"stage": Harmful()}, tmp_path / "run" / STATE)
    with pytest.raises(ValueError, match=r"state\.pt is damaged or no state of a run"):
        train(recipe, folder, tmp_path / "run", engine=ENGINE, resume=True)
    (tmp_path / "run" / STATE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"state\.pt is damaged or no state of a run"):
        load_state(tmp_path / "run", recipe.run_digest)


class Harmful:
    """Would end the tests where it is unpickled."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"workers": -1}, "workers is -1; give at least 0"),
        ({"devices": 0}, "devices is 0; give at least 1"),
        ({"precision": "8-bit"}, "precision is '8-bit'; choose one of auto"),
        ({"accelerator": "abacus"}, "device 'abacus' is not available here"),
    ],
)
def test_an_impossible_engine_is_named(recipe, folder, tmp_path, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        train(recipe, folder, tmp_path / "run", engine=ComputeSettings(**change))


def test_bf16_needs_hardware(recipe, folder, tmp_path, monkeypatch):
    from napari_iafpn.training import train as module

    monkeypatch.setattr(module, "cpu_has_bf16", lambda: False)
    assert module.choose_precision("auto", "cpu") == "32-true"
    with pytest.raises(ValueError, match="precision is 'bf16-mixed', which this cpu device"):
        train(recipe, folder, tmp_path / "run", engine=replace(ENGINE, precision="bf16-mixed"))
    monkeypatch.setattr(module, "cpu_has_bf16", lambda: True)
    assert module.choose_precision("auto", "cpu") == "bf16-mixed"


def test_no_part_of_a_cascade_shrinks_the_steps_of_another(tiny_cascade):
    assert parts_of(tiny_cascade) == [tiny_cascade.coarse, tiny_cascade.fine]
    assert parts_of(tiny_cascade.fine) == [tiny_cascade.fine]


@pytest.mark.parametrize(("clip", "asked"), [(0.0, set()), (0.5, {0.5})])
def test_gradients_are_shortened_only_to_a_limit(
    values, folder, tmp_path, monkeypatch, clip, asked
):
    limits = []
    monkeypatch.setattr(
        Fabric, "clip_gradients", lambda *_, max_norm, **__: limits.append(max_norm)
    )
    values["coarse"] |= {"clip": clip}
    engine = ComputeSettings(workers=0, accelerator="cpu")
    train(
        recipe_from(values), folder, tmp_path / "run", engine=engine, control=stop_at("coarse", 2)
    )
    assert set(limits) == asked
