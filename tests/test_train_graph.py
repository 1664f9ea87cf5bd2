"""Making the graph: paintings' other parts are known, light counts little, two runs are equal."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtstyle.descriptor import describe
from rtstyle.frame import Pixels
from rtstyle.style import ORIGINAL, Style, StyleBank, load_styles, save_styles
from rtstyle.style_graph import StyleGraph, load_graph
from tests.test_descriptor import stripes
from train.__main__ import run
from train.errors import TrainError
from train.graph import GraphOptions, build_graph, centroids, exposed, square_crops

PAINTINGS = {
    "warm": stripes(10, 32),
    "cold": stripes(110, 32),
    "fine": stripes(10, 8),
    "upright": stripes(10, 32, upright=True),
}
OPTIONS = GraphOptions(num_crops=8, num_crop_classes=3, num_photo_classes=8, num_varied=4)


def photos(count: int) -> list[Pixels]:
    """Blurred noise in many colours."""
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (count, 6, 8, 3), np.uint8)
    return [np.array(Image.fromarray(each).resize((96, 72))) for each in noise]


@cache
def graph() -> StyleGraph:
    return build_graph({name: [each] for name, each in PAINTINGS.items()}, photos(20), OPTIONS)


@pytest.mark.parametrize("name", PAINTINGS)
def test_another_part_of_a_painting_is_known(name: str) -> None:
    crops = square_crops(PAINTINGS[name], 6, np.random.default_rng(9))
    assert [graph().ranked([describe(crop)])[0][0] for crop in crops] == [name] * 6


@pytest.mark.parametrize("stops", [-0.6, 0.6])
def test_light_does_not_change_the_choice(stops: float) -> None:
    for name, painting in PAINTINGS.items():
        assert graph().ranked([describe(exposed(painting, stops))])[0][0] == name


def test_beliefs_are_shares_and_paintings_are_sure_of_themselves() -> None:
    beliefs = graph().beliefs
    np.testing.assert_allclose(beliefs.sum(axis=1), 1, rtol=1e-5)
    assert (beliefs[: 3 * len(PAINTINGS)].max(axis=1) == 1).all()
    assert graph().is_consistent


def test_two_runs_are_equal() -> None:
    again = build_graph({name: [each] for name, each in PAINTINGS.items()}, photos(20), OPTIONS)
    np.testing.assert_array_equal(again.nodes, graph().nodes)
    np.testing.assert_array_equal(again.beliefs, graph().beliefs)


def test_classes_are_stood_for_by_their_middle() -> None:
    points = np.array([[0.0, 0], [0, 1], [9, 9], [9, 8]])
    found = sorted(map(tuple, centroids(points, 2).tolist()))
    assert found == [(0, 0.5), (9, 8.5)]
    np.testing.assert_array_equal(centroids(points, 4), points)


def test_exposure_keeps_black_and_moves_the_rest() -> None:
    grey = np.full((2, 2, 3), 100, np.uint8)
    assert exposed(grey, -1.0).max() < 100 < exposed(grey, 1.0).min()
    assert exposed(np.zeros_like(grey), 1.0).max() == 0


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(TrainError, match="at least"):
        build_graph({"warm": [PAINTINGS["warm"]]}, photos(3), OPTIONS)


def a_shelf(folder: Path, names: list[str]) -> Path:
    """A bank, photos, paintings and the recipe of `PAINTINGS`."""
    styles = {name: Style(name, np.zeros(2, np.float32), "abc") for name in [ORIGINAL, *names]}
    save_styles(folder / "fast.styles", StyleBank("abc", styles))
    (folder / "photos").mkdir()
    for index, photo in enumerate(photos(20)):
        Image.fromarray(photo).save(folder / f"photos/{index}.png")
    (folder / "photos/broken.png").write_text("no picture")
    recipe = 'name = "test"\nphotos = ["photos"]\n'
    for name, painting in PAINTINGS.items():
        Image.fromarray(painting).save(folder / f"{name}.png")
        recipe += f'[[styles]]\nname = "{name}"\nfile = "{name}.png"\n'
    (folder / "recipe.toml").write_text(recipe)
    return folder / "recipe.toml"


def command(recipe: Path) -> None:
    folder = str(recipe.parent)
    run(["graph", str(recipe), "--data", folder, "--out", folder], "test")


def test_the_command_writes_a_graph_for_the_bank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(a_shelf(tmp_path, ["warm", "fine"]))
    assert "2 styles, 20 photos" in capsys.readouterr().out
    made = load_graph(tmp_path / "fast.graph", load_styles(tmp_path / "fast.styles"))
    assert made.names == ("warm", "fine")
    assert made.ranked([describe(PAINTINGS["fine"])])[0][0] == "fine"


def test_a_recipe_of_another_bank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no picture for: udnie"):
        command(a_shelf(tmp_path, ["warm", "udnie"]))
