"""Recipes say exactly what is wrong with them."""

from pathlib import Path

import pytest

from napari_iafpn.networks import PRESETS
from napari_iafpn.training.recipe import read_recipe, recipe_from

RECIPES = sorted((Path(__file__).parents[2] / "training").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read(path):
    recipe = read_recipe(path)
    assert recipe.name == path.stem
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
        ((), "epochs", "unknown key 'epochs' in the configuration of the recipe"),
        (("coarse",), "lr", r"unknown key 'lr' in the configuration of \[coarse\]"),
        (("model",), "size", "unknown key 'size' in the configuration of the cascade"),
        (("sets", 0), "path", "unknown key 'path' in the configuration of a set"),
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
    with pytest.raises(ValueError, match="kind of set 'disks' is 'videos'"):
        recipe_from(values)


def test_broken_toml(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(ValueError, match=r"broken\.toml is no valid TOML"):
        read_recipe(path)
