"""Recipes, data and the training loop, on small things made here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from media import Clip, make_clip
from PIL import Image

from train.checkpoint import load_checkpoint
from train.data import FramePairs, PhotoCrops, load_picture
from train.errors import TrainError
from train.export import export
from train.features import LAYERS, VGGFeatures, load_features
from train.loop import Paths, learning_rate, train
from train.losses import random_flow
from train.objective import Sample
from train.perceptual import PerceptualRun
from train.recipe import Recipe, StylePicture, Weights, load_recipe

CPU = torch.device("cpu")


def write_photo(path: Path, seed: int, size: int = 72) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size // 8, size // 8, 3), np.uint8)
    Image.fromarray(noise).resize((size, size)).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for seed in range(8):
        write_photo(folder / "photos" / f"{seed}.png", seed)
    write_photo(folder / "styles" / "a.png", 100)
    return folder


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """A VGG16 of the right shape; losses of training need no meaning in this test."""
    from torchvision.models import vgg16

    torch.manual_seed(0)
    return vgg16(weights=None).features[: max(LAYERS.values()) + 1].state_dict()  # type: ignore


@pytest.fixture
def make_run(
    data: Path, weights: dict[str, torch.Tensor], tmp_path: Path
) -> Callable[..., PerceptualRun]:
    def make(**changes: object) -> PerceptualRun:
        recipe = Recipe(
            "tiny",
            ["photos"],
            [StylePicture("a", "styles/a.png")],
            sheet_photos=["photos/0.png"],
            steps=4,
            batch=2,
            size_px=32,
            save_every=2,
            mixture_share=0.5,
            generator={"blocks": 1, "front": 16, "body": 16},
        )
        features = VGGFeatures({k: v.clone() for k, v in weights.items()})
        return PerceptualRun(replace(recipe, **changes), Paths(data, tmp_path), features, CPU)  # type: ignore

    return make


def silent(step: int, terms: dict[str, float], seconds: float) -> None:
    pass


@pytest.fixture(autouse=True)
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.perceptual.CALIBRATION_BATCHES", 1)
    defaults = {"exclude": (), "more": (), "min_side_px": 48}
    monkeypatch.setattr(PhotoCrops.__init__, "__kwdefaults__", defaults)


def test_a_resumed_run_makes_the_same_steps(make_run: Callable[..., PerceptualRun]) -> None:
    whole = make_run()
    terms = [whole.advance() for _ in range(4)]
    half = make_run()
    for _ in range(2):
        half.advance()
    half.save()
    resumed = make_run()
    resumed.resume()
    assert resumed.step == 2
    again = [resumed.advance() for _ in range(2)]
    assert again == terms[2:]
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_run_resumes_with_its_own_recipe_only(make_run: Callable[..., PerceptualRun]) -> None:
    make_run().save()
    other = [StylePicture("b", "styles/a.png")]
    generator = {"blocks": 2, "front": 16, "body": 16}
    for changes in ({"styles": other}, {"generator": generator}):
        with pytest.raises(TrainError, match="other styles, or of another generator"):
            make_run(**changes).resume()
    make_run(steps=8, learning_rate=1e-4).resume()


def test_a_run_does_not_replace_another_unasked(make_run: Callable[..., PerceptualRun]) -> None:
    first = make_run(steps=2)
    train(first, silent)
    before = first.paths.checkpoint.read_bytes()
    with pytest.raises(TrainError, match="--resume"):
        train(make_run(steps=2), silent)
    assert first.paths.checkpoint.read_bytes() == before
    resumed = make_run(steps=3)
    resumed.resume()
    train(resumed, silent)
    assert resumed.step == 3


def test_training_lowers_the_loss(make_run: Callable[..., PerceptualRun]) -> None:
    run = make_run(mixture_share=0.0, steps=1000, learning_rate=1e-2)
    photos = run.photos.batch(2, torch.default_generator)
    sample = Sample(photos, torch.eye(2), random_flow(2, 32, 32))

    def loss() -> float:
        torch.manual_seed(3)
        with torch.no_grad():
            terms = run.objective.terms(run.model, sample, True)
        return float(sum(vars(run.recipe.weights)[name] * value for name, value in terms.items()))

    before = loss()
    for _ in range(10):
        run.advance()
    assert loss() < 0.9 * before


def test_importance_moves_the_content_term_and_nothing_else(
    make_run: Callable[..., PerceptualRun],
) -> None:
    one = make_run().advance()
    favoured = make_run(importance=1.0)
    assert favoured.photos.photos[0].shape[0] == 4
    other = favoured.advance()
    assert one["content"] != other["content"]
    assert one["content"] == pytest.approx(other["content"], rel=0.3)
    for name in ("style", "total_variation", "stability", "identity"):
        assert one[name] == other[name]


def test_emphasis_weighs_the_style_terms_of_one_style(
    make_run: Callable[..., PerceptualRun],
) -> None:
    def terms(emphasis: float, style: int) -> dict[str, torch.Tensor]:
        picture = StylePicture("a", "styles/a.png", emphasis=emphasis)
        run = make_run(styles=[picture], weights=Weights(coarse_style=1.0, quarters=1.0))
        photos = run.photos.batch(1, torch.Generator().manual_seed(5))
        sample = Sample(photos, torch.eye(2)[[style]], torch.zeros(1, 32, 32, 2))
        return run.objective.terms(run.model, sample, True)

    plain, strong, original = terms(1, 1), terms(3, 1), terms(3, 0)
    for name in ("style", "coarse_style", "quarters"):
        torch.testing.assert_close(strong[name], 3 * plain[name])
        torch.testing.assert_close(original[name], terms(1, 0)[name])
    torch.testing.assert_close(strong["content"], plain["content"])


def test_quarters_punish_what_is_bare_and_not_what_varies_as_the_picture_does(
    make_run: Callable[..., PerceptualRun], data: Path
) -> None:
    run = make_run(weights=Weights(quarters=1.0))
    picture = load_picture(data / "styles/a.png", short_side=64)[None, :, :32, :32]

    def quarters(painting: torch.Tensor) -> float:
        class Painter:
            net = run.model.net

            def __call__(self, image: torch.Tensor, *_: object) -> torch.Tensor:
                return painting.expand(len(image), -1, -1, -1)

        photos = run.photos.batch(2, torch.Generator().manual_seed(5))
        sample = Sample(photos, torch.eye(2)[[1, 1]], torch.zeros(2, 32, 32, 2))
        return run.objective.terms(Painter(), sample, False)["quarters"].item()  # type: ignore

    half_bare = picture.clone()
    half_bare[..., 16:, :] = 0.5
    assert quarters(half_bare) > 1.5 * quarters(picture)


def test_steadiness_weighs_what_lowers_flicker(
    make_run: Callable[..., PerceptualRun], data: Path
) -> None:
    make_clip(data / "film.mp4", Clip(num_frames=6))

    def terms(steadiness: float, style: int) -> dict[str, torch.Tensor]:
        picture = StylePicture("a", "styles/a.png", steadiness=steadiness)
        weights = Weights(frame_difference=1.0)
        run = make_run(styles=[picture], clips=["film.mp4"], weights=weights)
        random = torch.Generator().manual_seed(5)
        photos, pair = run.photos.batch(1, random), run.clips.pair(random)
        torch.manual_seed(6)
        flow = torch.ones(1, 32, 32, 2)
        sample = Sample(photos, torch.eye(2)[[style]], flow, pair=pair)
        return run.objective.terms(run.model, sample, True)

    plain, steady = terms(1, 1), terms(3, 1)
    for name in ("stability", "frame_difference"):
        torch.testing.assert_close(steady[name], 3 * plain[name])
        torch.testing.assert_close(terms(3, 0)[name], terms(1, 0)[name])
    for name in ("content", "style"):
        torch.testing.assert_close(steady[name], plain[name])


def test_strokes_that_begin_in_the_grain_move_along_with_the_photo(
    make_run: Callable[..., PerceptualRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(generator={"blocks": 1, "front": 16, "body": 16, "grain": True})
    with torch.no_grad():
        run.model.styles[:, -1] = 30
    plain = torch.full((1, 3, 256, 256), 0.5)
    sample = Sample(plain, torch.eye(2)[[1]], torch.full((1, 256, 256, 2), 8.0))

    def stability() -> float:
        torch.manual_seed(7)
        return run.objective.terms(run.model, sample, False)["stability"].item()

    moves = stability()
    monkeypatch.setattr("train.objective._grains", lambda model, flow: None)
    assert moves < 0.5 * stability()


def test_a_run_leaves_checkpoint_sheet_and_log_and_exports(
    make_run: Callable[..., PerceptualRun], tmp_path: Path, data: Path
) -> None:
    run = make_run()
    train(run, silent)
    assert load_checkpoint(run.paths.checkpoint).step == 4
    with Image.open(tmp_path / "sheet_000004.png") as sheet:
        assert sheet.width > sheet.height
    assert list((tmp_path / "log").iterdir())
    result = export(
        run.paths.checkpoint, tmp_path / "shelf", "tiny", torch.rand(3, 300, 400), "Apache-2.0"
    )
    assert result.max_difference <= 1
    assert result.fp16_psnr_db >= 40
    from rtstyle.inference import load_engine
    from rtstyle.shelf import ShelvedGenerator
    from rtstyle.style import load_styles

    shelved = ShelvedGenerator("tiny", tmp_path / "shelf")
    info = load_engine(shelved, "openvino").info.generator
    bank = load_styles(shelved.styles, info.num_style_values)
    assert bank.checked_for(info.weights_sha256).names == ["original", "a"]
    assert result.weights_sha256 in shelved.card.read_text()


def test_terms_without_a_weight_cost_nothing_and_those_with_one_count(
    make_run: Callable[..., PerceptualRun], data: Path
) -> None:
    extra = {"equivariance", "coarse_style", "quarters", "frame_difference", "lattice", "cells"}
    assert not extra & set(make_run().advance())
    make_clip(data / "film.mp4", Clip(num_frames=6))
    all_of_them = Weights(**dict.fromkeys(extra, 1.0))
    run = make_run(clips=["film.mp4"], weights=all_of_them)
    terms = run.advance()
    assert extra < set(terms)
    assert all(terms[name] > 0 for name in extra)
    assert len(run.photos.photos) == 8 + 1


def test_pairs_are_the_same_crop_of_successive_frames(data: Path) -> None:
    make_clip(data / "pairs.mp4", Clip(num_frames=6))
    pairs = FramePairs([data / "pairs.mp4"], 32)
    pair = pairs.pair(torch.Generator().manual_seed(1))
    assert pair.shape == (2, 3, 32, 32)
    assert not torch.equal(pair[0], pair[1])


def test_another_run_may_be_started_from(
    make_run: Callable[..., PerceptualRun], tmp_path: Path
) -> None:
    first = make_run()
    first.advance()
    first.save()
    saved = first.paths.checkpoint.rename(tmp_path / "first.safetensors")
    more = [StylePicture("b", "styles/a.png"), StylePicture("a", "styles/a.png")]
    run = make_run(styles=more)
    run.start_from(saved)
    known = first.average.module.state_dict()["styles"]
    torch.testing.assert_close(run.model.styles[2], known[1])
    torch.testing.assert_close(run.model.styles[1], known.mean(dim=0))
    run.advance()
    frozen = make_run(generator={**run.recipe.generator, "normalisation": "frozen"})
    frozen.start_from(saved)
    assert frozen.model.net.config.normalisation == "frozen"
    frozen.advance()
    wider = make_run(generator={"blocks": 2, "front": 16, "body": 16})
    with pytest.raises(TrainError, match="another shape"):
        wider.start_from(saved)


def test_calibrated_features_have_unit_rms(weights: dict[str, torch.Tensor]) -> None:
    features = VGGFeatures({k: v.clone() for k, v in weights.items()})
    photos = torch.rand(2, 3, 64, 64)
    before = features(photos)
    features.calibrate([photos])
    for layer, values in features(photos).items():
        assert abs(values.square().mean().sqrt() - 1) < 1e-3
        ratio = before[layer].square().mean().sqrt()
        torch.testing.assert_close(values * ratio, before[layer], rtol=1e-3, atol=1e-4)


def test_learning_rate_warms_up_and_falls() -> None:
    recipe = Recipe("r", [], [StylePicture("a", "a.png")], steps=1000)
    rates = [learning_rate(recipe, step) for step in range(1000)]
    assert rates[0] < 0.05 * recipe.learning_rate
    assert max(rates) > 0.9 * recipe.learning_rate
    assert rates[-1] < 0.05 * recipe.learning_rate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'a'\nphotos = ['x']\n", "no \\[\\[styles\\]\\]"),
        ("name = 'a'\nphotos = []\nsteeps = 3\n[[styles]]\nname='b'\nfile='b.jpg'\n", "steeps"),
        ("photos = []\n[[styles]]\nname='b'\nfile='b.jpg'\n", "name"),
        ("name = 'a'\nphotos = []\n[[styles]]\nname='original'\nfile='b'\n", "twice"),
        ("name = ", "TOML|Invalid"),
    ],
)
def test_a_bad_recipe_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(TrainError, match=message):
        load_recipe(path)


def test_a_recipe_that_is_no_text_or_asks_for_another_shape_is_named(
    make_run: Callable[..., PerceptualRun], tmp_path: Path
) -> None:
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(TrainError, match=r"picture\.toml"):
        load_recipe(tmp_path / "picture.toml")
    with pytest.raises(TrainError, match="unknown key 'block'; known: blocks"):
        make_run(generator={"block": 3})


def test_a_recipe_takes_over_what_it_does_not_say_itself(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        "name = 'a'\nphotos = ['x']\nsteps = 3\n[[styles]]\nname='b'\nfile='b.jpg'\n"
    )
    (tmp_path / "more.toml").write_text("extends = 'base.toml'\nname = 'c'\nsteps = 5\n")
    recipe = load_recipe(tmp_path / "more.toml")
    assert (recipe.name, recipe.steps, recipe.photos) == ("c", 5, ["x"])
    assert recipe.style_names == ["original", "b"]


def test_too_few_photos_are_an_error(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", 0)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(TrainError, match="only 1 usable photos"):
        PhotoCrops([tmp_path], 32, min_side_px=48)


@pytest.mark.parametrize(("depth", "megabytes"), [(16, "528 MB"), (19, "548 MB")])
def test_what_a_download_takes_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int, megabytes: str
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(TrainError, match=f"VGG{depth}'s weights are not here") as caught:
        load_features(None, depth=depth)
    assert megabytes in caught.value.fix


def test_features_are_never_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(TrainError, match="--download-features"):
        load_features(None)
    with pytest.raises(TrainError, match="no such feature file"):
        load_features(tmp_path / "none.pth")
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(TrainError, match="does not hold VGG16"):
        load_features(tmp_path / "other.pth")


def test_a_file_that_is_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.safetensors").write_bytes(b"noise")
    with pytest.raises(TrainError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "c.safetensors")


def test_our_pictures_come_with_the_recipes_and_others_lie_in_the_data(tmp_path: Path) -> None:
    ours = StylePicture("pointillism", "pointillism.jpg").path(tmp_path)
    assert load_picture(ours, short_side=64).shape == (3, 88, 64)
    assert StylePicture("a", "styles/a.jpg").path(tmp_path) == tmp_path / "styles/a.jpg"
