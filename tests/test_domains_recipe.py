"""Recipes: those that come along are whole, bad ones name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from domain_data import recipe

from train.domains.pairs import load_pairs_recipe
from train.domains.recipe import (
    domain_recipe_from_dict,
    factors,
    load_domain_recipe,
)
from train.errors import TrainError
from train.recipe import read_toml

RECIPES = Path(__file__).parent.parent / "train" / "recipes" / "domains"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_that_come_along_are_whole(path: Path) -> None:
    if path.stem.startswith("pairs"):
        assert load_pairs_recipe(path).name == path.stem.removesuffix("-gpu")
        return
    network = read_toml(path)["network"]
    found = load_domain_recipe(path, network)
    assert found.name == path.stem and found.sheet_photos
    if network in ("adversarial", "student"):
        from train.domains import game, student

        (game if network == "adversarial" else student).config_of(found)


def test_pairs_and_networks_speak_of_the_same_styles() -> None:
    styles = {style.name for style in load_pairs_recipe(RECIPES / "pairs-128.toml").styles}
    for path in RECIPES.glob("*.toml"):
        if not path.stem.startswith("pairs"):
            assert set(load_domain_recipe(path, read_toml(path)["network"]).styles) <= styles


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a", "network": "dcm"}, "no network called 'dcm'"),
        ({"name": "a", "network": "dcnn", "steeps": 3}, "steeps"),
        ({"network": "dcnn"}, "name"),
        ({"name": "a", "network": "dcnn", "crops": {"sise": 3}}, "sise"),
    ],
)
def test_a_bad_recipe_names_what_is_wrong(values: dict, message: str) -> None:
    with pytest.raises(TrainError, match=message):
        domain_recipe_from_dict(values, "r.toml")


def test_a_recipe_of_another_network_names_its_command() -> None:
    with pytest.raises(TrainError, match="python -m train drn"):
        load_domain_recipe(RECIPES / "drn-128.toml", "dcnn")


def test_factors_are_the_defaults_but_for_what_the_recipe_says() -> None:
    plain = {"pixels": 1.0, "features": 2.0}
    assert factors(recipe("dcnn", weights={"pixels": 5.0}), plain) == {**plain, "pixels": 5.0}
    with pytest.raises(TrainError, match="unknown loss 'pixel'"):
        factors(recipe("dcnn", weights={"pixel": 5.0}), plain)
