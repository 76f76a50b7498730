"""The default model that is in the package."""

from pathlib import Path

import pytest

from napari_iafpn.networks import find_model, load_cascade, model_names, read_card
from napari_iafpn.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "training"


def test_the_default_model_comes_first():
    assert model_names()[0] == "default"


def test_it_is_small_and_loads():
    path = find_model("default")
    assert path.stat().st_size <= 20e6
    assert load_cascade(path).fine is not None


@pytest.mark.parametrize("name", model_names())
def test_every_card_names_licences_scores_and_weaknesses(name):
    card = read_card(find_model(name))
    assert card.licence
    assert all(entry["licence"] and entry["source"] for entry in card.training_data)
    assert {"NoC@80", "NoC@85", "NoC@90", "n"} <= set(card.scores["dsb2018_val60"])
    assert card.notes


@pytest.mark.parametrize("name", model_names())
def test_every_model_has_its_recipe_and_card(name):
    card = read_card(find_model(name))
    assert read_recipe(RECIPES / card.recipe).digest == card.recipe_hash
    assert f"# Model card: {name}" in (RECIPES / f"{name}.md").read_text()
