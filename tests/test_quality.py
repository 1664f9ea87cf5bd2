"""The yardstick of quality: optimisation descends, its curves are kept, figures tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.curves import CurveCache
from benchmarks.gatys import Gatys, Protocol, equivalent_iterations
from benchmarks.painted import cell_share, lattice_share
from benchmarks.quality import (
    Painter,
    Photo,
    add_curves,
    measure,
    missing_pairs,
    recipe_of,
    verdict,
)
from train.features import VGGFeatures
from train.recipe import load_recipe

PROTOCOL = Protocol(photo_px=48, style_short_side_px=48, start="photo", evaluations=12)
CHANNELS = [4, 4, "M", 6, 6, "M", 8, 8, 8, "M", 8, 8, 8]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def picture(seed: int) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return np.array(Image.fromarray(blocks).resize((48, 48)))


@pytest.fixture
def photos() -> dict[str, np.ndarray]:
    return {"a.jpg": picture(1), "b.jpg": picture(2)}


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    Image.fromarray(picture(3)).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


@pytest.fixture
def gatys(monkeypatch: pytest.MonkeyPatch, photos: dict[str, np.ndarray]) -> Gatys:
    from torchvision.models.vgg import make_layers

    def thin(weights: None, init_weights: bool = False) -> SimpleNamespace:
        return SimpleNamespace(features=make_layers(CHANNELS))  # type: ignore[arg-type]

    monkeypatch.setattr("torchvision.models.vgg16", thin)
    torch.manual_seed(0)
    layers = thin(None).features
    for layer in layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    return Gatys(VGGFeatures(layers.state_dict()), list(photos.values()), PROTOCOL)


@pytest.fixture
def cache(tmp_path: Path) -> CurveCache:
    return CurveCache(tmp_path / "curves.json", PROTOCOL)


def test_optimisation_starts_at_the_photo_and_descends(
    gatys: Gatys, photos: dict[str, np.ndarray], painting: Path
) -> None:
    targets = gatys.targets(painting)
    curve = gatys.curve(photos["a.jpg"], targets)
    assert len(curve) == PROTOCOL.evaluations
    assert curve[0] == pytest.approx(
        gatys.score(photos["a.jpg"], gatys.content(photos["a.jpg"]), targets).loss, rel=0.01
    )
    assert all(later <= earlier for earlier, later in pairwise(curve))
    assert curve[-1] < 0.8 * curve[0]


def test_from_noise_it_begins_worse_and_descends_too(
    gatys: Gatys, photos: dict[str, np.ndarray], painting: Path
) -> None:
    targets = gatys.targets(painting)
    gatys.protocol = replace(PROTOCOL, start="noise")
    curve = gatys.curve(photos["a.jpg"], targets)
    grey = np.full_like(photos["a.jpg"], 128)
    assert curve[0] == pytest.approx(
        gatys.score(grey, gatys.content(photos["a.jpg"]), targets).loss, rel=0.05
    )
    assert curve[-1] < 0.8 * curve[0]
    assert gatys.curve(photos["a.jpg"], targets) == curve


def test_with_bfloat16_convolutions_a_curve_begins_alike_and_descends(
    gatys: Gatys, photos: dict[str, np.ndarray], painting: Path
) -> None:
    targets = gatys.targets(painting)
    curve = gatys.curve(photos["a.jpg"], targets)
    gatys.protocol = replace(PROTOCOL, bfloat16=False)
    exact = gatys.curve(photos["a.jpg"], targets)
    assert curve[:2] == pytest.approx(exact[:2], rel=0.01)  # later, small differences have grown
    assert curve[-1] < 0.8 * curve[0] and exact[-1] < 0.8 * exact[0]


def test_the_photo_has_no_content_loss_and_the_picture_no_style_loss(
    gatys: Gatys, photos: dict[str, np.ndarray], painting: Path
) -> None:
    targets = gatys.targets(painting)
    photo, style = photos["a.jpg"], picture(3)
    content = gatys.content(photo)
    untouched, copied = gatys.score(photo, content, targets), gatys.score(style, content, targets)
    assert untouched.content == 0 < untouched.style
    assert copied.style == pytest.approx(0, abs=1e-6)
    assert copied.content > 0.1
    assert untouched.loss == pytest.approx(PROTOCOL.style_weight * untouched.style)


@pytest.mark.parametrize(("loss", "expected"), [(9, 0), (8, 0), (5, 1), (2.5, 3), (1, 4)])
def test_equivalent_iterations_are_the_first_as_good(loss: float, expected: int) -> None:
    assert equivalent_iterations(loss, [8, 5, 3, 2]) == expected


def test_curves_survive_and_those_of_another_protocol_are_refused(cache: CurveCache) -> None:
    cache.put("p.jpg", "a.jpg", [3.0, 1.23456789])
    again = CurveCache(cache.path, PROTOCOL)
    assert again.get("p.jpg", "a.jpg") == [3.0, 1.2346]
    assert again.get("p.jpg", "b.jpg") is None
    with pytest.raises(ValueError, match="another protocol"):
        CurveCache(cache.path, replace(PROTOCOL, style_weight=1.0))


def test_missing_curves_are_computed_a_few_at_a_time(
    gatys: Gatys, photos: dict[str, np.ndarray], painting: Path, cache: CurveCache
) -> None:
    pairs = list(missing_pairs([painting, painting], list(photos), cache))
    assert pairs == [(painting, "a.jpg"), (painting, "b.jpg")]
    add_curves(gatys, pairs[:1], photos, cache)
    assert list(missing_pairs([painting], list(photos), cache)) == pairs[1:]


def test_figures_tell_who_paints_from_who_does_not(
    gatys: Gatys, photos: dict[str, np.ndarray], painting: Path, cache: CurveCache
) -> None:
    lazy = Painter("lazy", True, painting, lambda photo: photo)
    copying = Painter("copying", True, painting, lambda photo: picture(3))
    seen = {name: Photo(pixels, gatys.content(pixels)) for name, pixels in photos.items()}
    without = measure(lazy, gatys, seen, cache)
    assert without["pairs_with_curve"] == 0 and "net_over_opt" not in without
    assert without["luma_ssim"] == pytest.approx(1)
    cache.put(painting.name, "a.jpg", gatys.curve(photos["a.jpg"], gatys.targets(painting)))
    untouched, copied = (measure(p, gatys, seen, cache) for p in (lazy, copying))
    assert untouched["equivalent_iterations"] == 0
    assert untouched["pairs_with_curve"] == 1
    assert untouched["net_over_opt"] > 1
    assert copied["style"] < untouched["style"]
    assert copied["content"] > untouched["content"]
    assert copied["luma_ssim"] < 0.5


def test_the_recipe_of_a_bank_is_that_with_its_styles() -> None:
    folder = Path(__file__).parent.parent / "train" / "recipes"
    for path in folder.glob("bank*.toml"):
        recipe = load_recipe(path)
        assert recipe_of([*recipe.style_names[::-1], "own"], folder).styles == recipe.styles
    with pytest.raises(ValueError, match="no recipe"):
        recipe_of(["original", "unknown"], folder)


def test_the_verdict_looks_at_the_mean_and_the_worst_of_ours() -> None:
    def result(iterations: float, *, is_ours: bool = True) -> dict:
        return {"is_ours": is_ours, "equivalent_iterations": iterations}

    good = {"a": result(90), "b": result(25), "c": result(10, is_ours=False)}
    assert verdict(good)["reached"]
    assert verdict(good)["mean_of_rivals"] == 10
    assert not verdict({**good, "b": result(24)})["reached"]
    assert not verdict({"a": result(49), "b": result(49)})["reached"]
    own = verdict({**good, "own": {**result(5), "is_own": True}})
    assert own["reached"] and own["mean_of_own"] == 5 and own["mean"] == verdict(good)["mean"]
    assert "note" in verdict({"a": {"is_ours": True}})


def test_lattice_share_tells_a_grid_of_dots_from_noise() -> None:
    random = np.random.default_rng(1)
    dots = np.tile(random.integers(0, 256, (8, 8, 3), np.uint8), (8, 8, 1))
    assert lattice_share(dots) > 0.9
    assert lattice_share(random.integers(0, 256, dots.shape, np.uint8)) < 0.2


def test_cell_share_tells_dots_here_and_there_from_noise() -> None:
    random = np.random.default_rng(1)
    dot = np.zeros((8, 8), np.uint8)
    dot[2:5, 3:6] = 255
    there = random.random((24, 1, 24, 1)) < 0.3
    dots = (there * dot[:, None, :]).reshape(192, 192, 1).repeat(3, axis=2)
    assert cell_share(dots) > 0.8
    assert lattice_share(dots) < 0.5
    assert cell_share(random.integers(0, 256, dots.shape, np.uint8)) < 0.1
