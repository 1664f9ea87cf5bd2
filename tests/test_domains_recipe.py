"""Recipes: those that come along are whole, bad ones name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from domain_data import recipe

from train.domains.pairs import load_pairs_recipe
from train.domains.recipe import (
    Network,
    check_size,
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
        ({"name": "a", "network": "dcnn", "steps": "many"}, "steps must be a whole number"),
        ({"name": "a", "network": "dcnn", "steps": True}, "steps must be a whole number"),
        ({"name": "a", "network": "dcnn", "save_every": 0}, "save_every must be 1 or more"),
        ({"name": "a", "network": "dcnn", "batch": 0}, "batch must be 1 or more"),
        ({"name": "a", "network": "dcnn", "seed": -1}, "seed must be 0 or more"),
        ({"name": "a", "network": "dcnn", "learning_rate": "slow"}, "learning_rate must be a"),
        ({"name": "a", "network": "dcnn", "styles": "van-gogh"}, "styles must be a list"),
        ({"name": "a", "network": "dcnn", "shape": 3}, "shape must be a table"),
        ({"name": "a", "network": "dcnn", "weights": {"pixels": "1"}}, "pixels must be a number"),
        ({"name": "a", "network": "dcnn", "crops": {"align": 1}}, "align must be true or false"),
        ({"name": "a", "network": "dcnn", "crops": {"clip_step": 0}}, "clip_step must be 1"),
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


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        ("adversarial", {"widht": 8}, "unknown key 'widht'"),
        ("adversarial", {"width": "8"}, "width must be a whole number"),
        ("adversarial", {"fuse_critic": "em"}, "no fuse_critic 'em'; known: none, mixture, greedy"),
        ("student", {"frunt": 8}, "unknown key 'frunt'"),
        ("student", {"normalisation": "batch"}, "known: instance, frozen"),
        ("student", {"blocks": -1}, "blocks must be 0 or more"),
    ],
)
def test_a_shape_that_the_network_does_not_have_is_refused(
    network: Network, shape: dict, message: str
) -> None:
    from train.domains import game, student

    with pytest.raises(TrainError, match=message):
        (game if network == "adversarial" else student).config_of(recipe(network, shape=shape))


def test_a_shape_for_a_network_of_one_shape_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("name = 'a'\nnetwork = 'dcnn'\nshape = { width = 64 }\n")
    with pytest.raises(TrainError, match="dcnn has one shape only"):
        load_domain_recipe(path, "dcnn")


@pytest.mark.parametrize(("size_px", "multiple"), [(36, 8), (8, 8), (32, 32), (8, 1)])
def test_sizes_that_a_network_cannot_paint_are_refused(size_px: int, multiple: int) -> None:
    check_size(64, multiple, "size_px")
    with pytest.raises(TrainError, match=f"size_px must be a multiple of {multiple}, .*{size_px}"):
        check_size(size_px, multiple, "size_px")
