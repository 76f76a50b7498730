"""The best weights by clicks on held-out objects."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_iafpn.evaluation.readers import LayerSet
from napari_iafpn.networks import build_cascade, load_cascade, read_card
from napari_iafpn.training.logs import VALIDATION
from napari_iafpn.training.recipe import recipe_from
from napari_iafpn.training.selection import (
    Best,
    Scores,
    SetScores,
    Validation,
    coarse_alone,
    draw_objects,
)
from napari_iafpn.training.stage import best_path
from napari_iafpn.training.state import load_state
from napari_iafpn.training.train import ComputeSettings, train

ENGINE = ComputeSettings(workers=0, save_every=1, accelerator="cpu")
WORST, GOOD = (
    Scores({"a": SetScores(3, 9.0, 0.1)}, 0.85),
    Scores({"a": SetScores(3, 2.0, 0.8)}, 0.85),
)


class StoppedError(Exception):
    """Stands for a killed process."""


@pytest.fixture
def validated(values):
    values["validation"] = {
        "sets": [{"name": "held out", "path": "disks"}],
        "objects": 3,
        "every": 2,
        "max_clicks": 2,
        "view_scale": 2.0,
    }
    return values


@pytest.fixture
def scripted(monkeypatch):
    """Replace the measuring by given scores, one after the other."""

    def script(*scores):
        left = list(scores)

        def measure(self, cascade, stage):
            cascade.eval()
            return left.pop(0)

        monkeypatch.setattr(Validation, "measure", measure)

    return script


def test_clicks_are_measured_logged_and_written_into_the_card(validated, folder, tmp_path):
    seen = []
    recipe = recipe_from(validated)
    path = train(recipe, folder, tmp_path / "run", engine=ENGINE, report=seen.append)
    moments = [(p.stage, p.step) for p in seen if p.scores]
    assert moments == [("coarse", 2), ("coarse", 4), ("fine", 2), ("fine", 4)]
    with open(tmp_path / "run" / VALIDATION, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["stage"], r["step"], r["set"], r["n"]) for r in rows[:2]] == [
        ("coarse", "2", "held out", "3.0"),
        ("coarse", "4", "held out", "3.0"),
    ]
    scores = read_card(path).scores["held out"]
    best = max((p.scores for p in seen if p.scores and p.stage == "fine"), key=lambda s: s.order)
    assert scores == {"n": 3.0, "NoC@85": best.noc, "mIoU@1": best.first_iou}


def test_the_best_weights_are_exported_not_the_last(validated, folder, tmp_path, scripted):
    scripted(GOOD, WORST, WORST, GOOD)
    recipe = recipe_from(validated)
    path = train(recipe, folder, tmp_path / "run", engine=ENGINE)
    output = tmp_path / "run"
    kept, exported = load_cascade(best_path(output, "coarse")), load_cascade(path)
    torch.testing.assert_close(
        exported.coarse.state_dict(), kept.coarse.state_dict(), rtol=1e-3, atol=1e-3
    )
    assert read_card(path.with_name("disks-coarse.safetensors")).scores["held out" and "a"] == {
        "n": 3.0,
        "NoC@85": 2.0,
        "mIoU@1": 0.8,
    }
    best = Best.from_state(load_state(output, recipe.run_digest)["best"])
    assert (best.step, best.waited) == (4, 0)


def test_a_stage_ends_early_where_the_clicks_stay_as_they_are(
    validated, folder, tmp_path, scripted, curve
):
    validated["coarse"]["steps"] = 20
    validated["validation"] |= {"every": 1, "patience": 2}
    scripted(*[GOOD] * 6)
    recipe = recipe_from(validated)
    train(recipe, folder, tmp_path / "run", engine=ENGINE)
    steps = {stage: len(curve(tmp_path / "run", stage)) for stage in ("coarse", "fine")}
    assert steps == {"coarse": 3, "fine": 3}


@pytest.mark.parametrize("moment", [("coarse", 3), ("fine", 3)])
def test_the_choice_survives_a_killed_run(validated, folder, tmp_path, moment, curve):
    validated["coarse"]["ema"] = 0.5
    recipe = recipe_from(validated)
    whole = train(recipe, folder, tmp_path / "whole", engine=ENGINE)

    def stop(progress):
        if (progress.stage, progress.step) == moment:
            raise StoppedError

    output = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        train(recipe, folder, output, engine=ENGINE, report=stop)
    resumed = train(recipe, folder, output, engine=ENGINE, resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    assert curve(output) == curve(tmp_path / "whole")


def test_measuring_does_not_change_the_training(validated, folder, tmp_path, curve):
    train(recipe_from(validated), folder, tmp_path / "with", engine=ENGINE)
    del validated["validation"]
    train(recipe_from(validated), folder, tmp_path / "without", engine=ENGINE)
    assert curve(tmp_path / "with", "coarse") == curve(tmp_path / "without", "coarse")


def test_fewer_clicks_win_and_the_first_mask_decides_a_tie():
    best = Best().after(WORST, 1)
    assert best.after(GOOD, 2).step == 2
    assert best.after(WORST, 2) == replace(best, waited=1)
    sharper = Scores({"a": SetScores(3, 9.0, 0.2)}, 0.85)
    assert best.after(sharper, 2).step == 2
    assert Best.from_state(best.to_state()) == best


def test_the_mean_over_sets_counts_each_set_once():
    scores = Scores({"a": SetScores(30, 2.0, 0.8), "b": SetScores(3, 4.0, 0.6)}, 0.9)
    assert (scores.noc, scores.first_iou) == (3.0, pytest.approx(0.7))
    assert scores.rows()["all"] == {"n": 33.0, "NoC@90": 3.0, "mIoU@1": pytest.approx(0.7)}


def test_objects_are_drawn_once_from_many_images(dataset_of, recipe):
    (disks,) = dataset_of(recipe).sets
    drawn = draw_objects(disks, 6, seed=1)
    assert sum(len(sample.objects) for sample in drawn) == 6
    assert len(drawn) >= 3
    again = draw_objects(disks, 6, seed=1)
    assert [(s.name, s.objects) for s in again] == [(s.name, s.objects) for s in drawn]
    empty = replace(drawn[0], instances=np.zeros(drawn[0].shape, np.uint8))
    with pytest.raises(ValueError, match="the validation set 'empty' has no object"):
        draw_objects(LayerSet("empty", (empty,)), 6, seed=1)


def test_a_held_out_image_that_cannot_be_used_is_left_out(validated, folder):
    (folder / "disks" / "images" / "p2.png").write_bytes(b"no image")
    said = []
    config = recipe_from(validated | {"validation": validated["validation"] | {"objects": 20}})
    validation = Validation.open(config.validation, folder, announce=said.append)
    assert {sample.name for sample in validation.samples["held out"]} == {"p0", "p1", "p3"}
    (sentence,) = said
    assert sentence.startswith("an image of the validation set 'held out' is left out: ")
    assert "p2" in sentence


def test_the_coarse_level_is_measured_without_the_fine_one(recipe):
    cascade = build_cascade(recipe.model, "none")
    alone = coarse_alone(cascade)
    assert alone.fine is None
    assert alone.config.fine is None
    assert alone.coarse is cascade.coarse
    assert cascade.fine is not None
