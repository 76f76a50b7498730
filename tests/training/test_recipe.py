"""Recipes say exactly what is wrong with them."""

from pathlib import Path

import pytest
import timm

from napari_iafpn.evaluation.readers import FORMATS
from napari_iafpn.networks import PRESETS, CascadeConfig, find_model, read_card
from napari_iafpn.training.recipe import override, read_recipe, recipe_from

RECIPES = sorted((Path(__file__).parents[2] / "training").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read(path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert isinstance(recipe.model, CascadeConfig)
    assert timm.is_model(recipe.model.coarse.backbone)
    assert all(config.format in FORMATS for config in recipe.sets)
    assert all(config.licence for config in recipe.sets)


def test_a_preset_is_changed_by_the_keys_beside_it(values):
    values["model"] = {"preset": "tiny", "coarse_size": 96, "coarse": {"propagation": "none"}}
    model = recipe_from(values).model
    assert (model.coarse_size, model.coarse.propagation) == (96, "none")
    assert model.fine == PRESETS["tiny"].fine


def test_every_value_is_part_of_the_digest(values):
    before = recipe_from(values).digest
    assert recipe_from(values).digest == before
    values["seed"] = 5
    assert recipe_from(values).digest != before


@pytest.mark.parametrize(
    ("place", "key", "sentence"),
    [
        ((), "epochs", "unknown key 'epochs' in the recipe; known keys are augment"),
        (("coarse",), "lr", "unknown key 'lr' in coarse; known keys are accumulate"),
        (("model",), "size", "unknown key 'size' in model; known keys are coarse"),
        (("sets", 0), "folder", "unknown key 'folder' in sets.disks; known keys are format"),
    ],
)
def test_unknown_keys_are_named(values, place, key, sentence):
    table = values
    for step in place:
        table = table[step]
    table[key] = 1
    with pytest.raises(ValueError, match=sentence):
        recipe_from(values)


def test_missing_keys_are_named(values):
    del values["fine"]
    with pytest.raises(ValueError, match="lacks the key 'fine'"):
        recipe_from(values)


def test_an_unknown_kind_is_named(values):
    values["sets"][0]["kind"] = "videos"
    with pytest.raises(ValueError, match=r"sets\.disks\.kind is 'videos'; choose one"):
        recipe_from(values)


def test_broken_toml(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(ValueError, match=r"broken\.toml is no valid TOML"):
        read_recipe(path)


def test_a_key_of_the_wrong_type_is_named(values):
    values["coarse"]["steps"] = "many"
    with pytest.raises(ValueError, match=r"coarse.steps is 'many'; give a whole number"):
        recipe_from(values)
    values["coarse"] = 7
    with pytest.raises(ValueError, match="coarse is 7; give a table"):
        recipe_from(values)


def overridden(values, assignment):
    override(values, [assignment])
    return values


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("coarse.size=100", "coarse.size is 100; give multiples of 32"),
        ("coarse.warmup_steps=4", "warm-up must be shorter than the stage"),
        ("coarse.schedule=step", "the schedule 'step' needs milestones"),
        ("coarse.milestones=[2]", "the schedule is 'cosine', which has none"),
        ("coarse.optimizer=sgd", r"optimizer is 'sgd'; choose one of adamw, adam"),
        ("coarse.epochs=3", "has both steps and epochs"),
        ("fine.ema=1.5", "ema is 1.5; give a number from 0 to 1"),
        ("model.fine=false", r"\[fine\] is a stage of a model without a fine level"),
        (
            "refiner={steps=2, warmup_steps=1}",
            r"\[refiner\] is a stage of a model without a refiner",
        ),
        (
            "cascade={steps=2, warmup_steps=1, accumulate=2}",
            "learns after every click; leave it out for a model without a fine level, and acc",
        ),
        ("precision=64-true", "precision is '64-true'"),
        ("view.source_size=[64,96]", "augment.rotate90 is 0.5 and view.source_size 64 x 96"),
        ("fine.source_size=[64,96]", "augment.rotate90 is 0.5 and fine.source_size 64 x 96"),
        ("view.merge=2", "view.merge is 2; give a number from 0 to 1"),
        ("clicks.negatives=[0.5,0.5,0.5]", "give three shares that sum to 1"),
        ("validation.every=5", "validation lacks the key 'sets'"),
        (
            "validation={sets=[{name='a', path='one'}, {name='a', path='two'}]}",
            "validation: sets has 'a' twice; give each set its own name",
        ),
        ("validation={sets=[{name='all'}]}", r"validation\.sets\.all\.name is 'all'; give another"),
        ("sets.disks.weight=0", "sets.disks.weight is 0; give a positive one"),
        ("sets.cells.weight=1", "there is no set 'cells'; sets are disks"),
        ("coarse.steps", "expected key=value"),
        ("fine.rounds=-1", "rounds is -1; give at least 0"),
        ("model.memory=1.0", "memory is 1.0; give a share from 0 to less than 1"),
        ("start_share=0.2", "start_share is 0.2; give a share from 0 up to 1, and with it a start"),
        ("name.first=1", "goes into 'name', which is no table"),
    ],
)
def test_impossible_values_and_combinations_are_named(values, assignment, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe_from(overridden(values, assignment))


def test_values_are_set_from_the_command_line(values):
    override(values, ["coarse.steps=10", "sets.disks.licence=MIT", "view.scale=[1.5, 3]"])
    recipe = recipe_from(values)
    assert recipe.coarse.steps == 10
    assert recipe.sets[0].licence == "MIT"
    assert recipe.view.scale == (1.5, 3)


def test_epochs_and_their_milestones_become_steps(values):
    values["coarse"] = {
        "epochs": 10, "epoch_samples": 100, "batch": 20, "schedule": "step", "milestones": [4, 8]
    }  # fmt: skip
    config = recipe_from(values).coarse
    assert config.steps == 50
    assert config.milestones == (20, 40)


def test_a_model_without_fine_level_has_one_stage(values):
    values["model"]["fine"] = False
    del values["fine"]
    assert list(recipe_from(values).stages) == ["coarse"]


def test_a_newer_key_at_its_default_leaves_older_digests_true(values):
    before = recipe_from(values).digest
    values["coarse"]["accumulate"] = 1
    values["sets"][0]["format"] = "folder"
    assert recipe_from(values).digest == before
    values["coarse"]["accumulate"] = 2
    assert recipe_from(values).digest != before


def test_the_card_of_the_default_model_names_its_recipe():
    recipe = read_recipe(RECIPES[0].parent / "default.toml")
    assert read_card(find_model("default")).recipe_hash == recipe.digest
