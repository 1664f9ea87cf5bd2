"""A style of one's own, on a tiny generator and features as thin as a hair."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torchvision.models import WeightsEnum

from rtstyle.cli import main
from rtstyle.errors import EngineError, RtstyleError
from rtstyle.inference import METADATA_PREFIX, load_engine
from rtstyle.shelf import ShelvedGenerator
from rtstyle.style import load_styles
from train import fusion, own_style, style_order
from train.bank import StyledGenerator
from train.checkpoint import Checkpoint, save_checkpoint
from train.data import PhotoCrops
from train.errors import TrainError
from train.export import export
from train.features import VGGFeatures, load_features
from train.fusion import style_targets, weighted_gram
from train.generators import UnshuffleConfig
from train.losses import gram_matrix
from train.own_style import FitOptions, FitProgress, StyleFit, content_photos, load_style_picture
from train.recipe import Recipe, StylePicture
from train.shelved import load_shelved
from train.style_order import StyleOrder, make_style, name_from

CHANNELS = [4, 4, "M", 6, 6, "M", 8, 8, 8, "M", 8, 8, 8]
"""VGG16's layers with next to no channels."""

TINY = UnshuffleConfig(front=16, body=16, blocks=1)
QUICK = FitOptions(steps=3, batch=1, size_px=32)


def painting(path: Path, seed: int, size: tuple[int, int] = (160, 144)) -> Path:
    """Blocks of colour: random, but the same for a seed."""
    height, width = max(1, size[1] // 16), max(1, size[0] // 16)
    blocks = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """So small are the tensors that threads would wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _thin_features(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models.vgg import make_layers

    def thin(weights: None, init_weights: bool = False) -> SimpleNamespace:
        return SimpleNamespace(features=make_layers(CHANNELS))  # type: ignore[arg-type]

    monkeypatch.setattr("torchvision.models.vgg16", thin)
    monkeypatch.setattr(own_style, "CALIBRATION_BATCHES", 1)
    monkeypatch.setattr(style_order, "PREVIEW_PX", 64)
    monkeypatch.setattr(fusion, "TILES", 4)


@pytest.fixture
def features_file(tmp_path: Path) -> Path:
    from torchvision.models.vgg import make_layers

    torch.manual_seed(0)
    layers = make_layers(CHANNELS)  # type: ignore[arg-type]
    for layer in layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)  # else little comes through
    path = tmp_path / "vgg16.pth"
    torch.save({f"features.{key}": value for key, value in layers.state_dict().items()}, path)
    return path


@pytest.fixture
def features(features_file: Path) -> VGGFeatures:
    return load_features(features_file)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> ShelvedGenerator:
    """A tiny generator with the styles `original`, `red` and `blue`, as `export` writes it."""
    folder = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(1)
    pictures = [StylePicture("red", ""), StylePicture("blue", "")]
    recipe = Recipe("tiny", [], pictures, generator=TINY.asdict())
    model = StyledGenerator(3, TINY)
    with torch.no_grad():
        model.styles.add_(torch.randn_like(model.styles) * 0.3)
    state = model.state_dict()
    average = {key: value.clone() for key, value in state.items()}
    checkpoint = Checkpoint(1, asdict(recipe), state, average, {}, torch.get_rng_state())
    save_checkpoint(folder / "checkpoint.safetensors", checkpoint)
    export(folder / "checkpoint.safetensors", folder, "tiny", torch.rand(3, 300, 400), "CC0")
    return ShelvedGenerator("tiny", folder)


@pytest.fixture
def order(shelf: ShelvedGenerator, features_file: Path, tmp_path: Path) -> StyleOrder:
    picture = painting(tmp_path / "My Picture.png", 1)
    return StyleOrder(
        [picture],
        tmp_path / "own.style",
        "own",
        {"title": "Blocks", "author": "numpy", "year": "2026", "licence": "CC0-1.0"},
        generator=str(shelf.onnx),
        features=features_file,
        fit=QUICK,
    )


@pytest.fixture
def run(shelf: ShelvedGenerator, features: VGGFeatures, tmp_path: Path) -> StyleFit:
    picture = load_style_picture(painting(tmp_path / "a.png", 1), 128)
    options = replace(QUICK, learning_rate=0.01, batch=2)
    photos = content_photos([], options.size_px)
    own_style.calibrate(features, photos, torch.device("cpu"))
    targets = style_targets([picture], features)
    return StyleFit(load_shelved(shelf.onnx).net, targets, features, photos, options)


def silent(progress: FitProgress) -> None:
    pass


def test_a_shelved_generator_paints_as_its_engine_does(shelf: ShelvedGenerator) -> None:
    shelved = load_shelved(shelf.onnx)
    style = load_styles(shelf.styles)["red"]
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    engine = load_engine(shelf, "onnxruntime")
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        painted = shelved.net(image, torch.from_numpy(style.vector)[None])[0]
    expected = (painted.clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(engine.stylize(pixels, style).astype(float) - expected).max() <= 1
    assert shelved.info.weights_sha256 == style.generator
    assert style.trained_for.startswith("tiny ")


def test_weights_that_are_not_those_of_the_hash_are_refused(
    shelf: ShelvedGenerator, tmp_path: Path
) -> None:
    model = onnx.load(str(shelf.onnx))
    for entry in model.metadata_props:
        if entry.key == METADATA_PREFIX + "weights_sha256":
            entry.value = "0" * 64
    onnx.save(model, str(tmp_path / "a.onnx"))
    with pytest.raises(EngineError, match="not those that its styles belong to"):
        load_shelved(tmp_path / "a.onnx")
    (tmp_path / "b.onnx").write_bytes(b"noise")
    with pytest.raises(EngineError, match="damaged"):
        load_shelved(tmp_path / "b.onnx")
    with pytest.raises(EngineError, match="no such generator"):
        load_shelved(tmp_path / "c.onnx")


def test_a_weighted_gram_of_equal_shares_is_the_gram() -> None:
    found = torch.rand(1, 5, 12, 16).contiguous(memory_format=torch.channels_last)
    shares = torch.full((4, 4), 1 / 16)
    torch.testing.assert_close(weighted_gram(found, shares), gram_matrix(found))


def test_fusing_by_the_mean_takes_the_mean_of_the_grams(features: VGGFeatures) -> None:
    pictures = [torch.rand(3, 64, 64), torch.rand(3, 64, 80) * 0.3]
    fused = style_targets(pictures, features, "mean")
    alone = [style_targets([picture], features) for picture in pictures]
    for layer, gram in fused.items():
        torch.testing.assert_close(gram, (alone[0][layer] + alone[1][layer]) / 2)


@pytest.mark.parametrize("method", ["mixture", "kmeans"])
def test_what_pictures_share_counts_more_than_the_odd_one_out(
    features: VGGFeatures, method: fusion.Fusion
) -> None:
    torch.manual_seed(0)
    alike = [torch.rand(3, 64, 64) * 0.5 + 0.5 for _ in range(3)]
    odd = torch.zeros(3, 64, 64)
    odd[0] = 1
    fused = style_targets([*alike, odd], features, method)
    plain = style_targets([*alike, odd], features, "mean")
    wanted = style_targets(alike, features, "mean")
    for layer, target in wanted.items():
        assert (fused[layer] - target).norm() < (plain[layer] - target).norm()
        assert torch.linalg.eigvalsh(fused[layer][0]).min() > -1e-5


def test_fitting_lowers_the_loss_and_leaves_the_generator_alone(run: StyleFit) -> None:
    before = {name: value.clone() for name, value in run.net.state_dict().items()}
    image = run.photos.batch(32, torch.Generator().manual_seed(5))  # crops differ much

    def loss() -> float:
        with torch.no_grad():
            return run._total(run.losses(image, run.see(image), run.vector)).item()

    at_first = loss()
    losses = []
    for _ in range(30):
        run.advance(0.0)
        losses.append(loss())
    assert losses[-1] < 0.9 * at_first, losses
    for name, value in run.net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_fit_begins_with_the_nearest_style(run: StyleFit) -> None:
    vectors = [np.full(run.net.num_style_values, value, np.float32) for value in (0.0, 9.0)]
    good = run.net.neutral_style().numpy()
    assert run.start_from([vectors[1], good, vectors[0]]) in (1, 2)
    assert run.start_from([vectors[1], good]) == 1
    np.testing.assert_array_equal(run.style_vector(), good)


def test_a_fit_ends_when_its_time_is_over(run: StyleFit) -> None:
    run.options = replace(run.options, steps=10**9, max_seconds=0.01)
    assert own_style.fit(run, silent).step < 100


def test_an_order_leaves_a_style_that_paints(order: StyleOrder, shelf: ShelvedGenerator) -> None:
    heard: list[FitProgress] = []
    made = make_style(order, heard.append)
    assert [progress.step for progress in heard] == [1, 2, 3]
    assert heard[-1].share == 1
    assert made.start in ("red", "blue")
    engine = load_engine(shelf, "onnxruntime")
    own = load_styles(order.out, engine.info.generator.num_style_values)
    bank = load_styles(shelf.styles).with_styles(own)
    style = bank["own"]
    assert (style.title, style.author, style.licence) == ("Blocks", "numpy", "CC0-1.0")
    assert style.thumbnail is not None and style.thumbnail.shape == (128, 128, 3)
    assert not np.array_equal(style.vector, bank[made.start].vector)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert engine.stylize(pixels, style).std() > 0
    with Image.open(order.preview) as preview:
        assert preview.width > 2 * preview.height
    assert not list(order.out.parent.glob("*.part"))


def test_an_interrupted_order_keeps_what_was_learned(order: StyleOrder) -> None:
    def interrupt(progress: FitProgress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    made = make_style(order, interrupt)
    assert made.was_interrupted and made.last.step == 2
    assert load_styles(order.out).names == ["own"]


@pytest.mark.parametrize(
    ("changes", "message", "exit_code"),
    [
        ({"name": "red"}, "the name 'red' is taken", 2),
        ({"name": "a:b"}, "cannot be called", 2),
        ({"out": Path("own.png")}, "must end in .style", 4),
        ({"out": Path("/nowhere/own.style")}, "no such folder", 4),
        ({"photos": [Path("/nowhere")]}, "no such folder of photos", 2),
        ({"pictures": [Path("/nowhere.jpg")]}, "no such file", 3),
        ({"pictures": [Path("/")]}, "is a folder, not a picture", 3),
        ({"generator": "/nowhere.onnx"}, "no such generator", 6),
    ],
)
def test_what_cannot_be_done_is_said(
    order: StyleOrder, changes: dict, message: str, exit_code: int
) -> None:
    with pytest.raises(RtstyleError, match=message) as caught:
        make_style(replace(order, **changes), silent)
    assert caught.value.exit_code == exit_code
    assert not order.out.exists()


def test_an_output_that_exists_is_not_replaced_unasked(order: StyleOrder) -> None:
    order.out.write_text("precious")
    with pytest.raises(RtstyleError, match="exists"):
        make_style(order, silent)
    assert order.out.read_text() == "precious"


def test_pictures_that_cannot_be_learned_from_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(RtstyleError, match="cannot be read"):
        load_style_picture(tmp_path / "text.jpg", 512)
    with pytest.raises(RtstyleError, match="too small to learn a style from: 127x300"):
        load_style_picture(painting(tmp_path / "tiny.png", 1, (127, 300)), 512)
    Image.new("1", (7000, 6000)).save(tmp_path / "huge.png")
    with pytest.raises(RtstyleError, match="too large"):
        load_style_picture(tmp_path / "huge.png", 512)


def test_a_scroll_is_made_small_and_a_turned_photo_upright(tmp_path: Path) -> None:
    scroll = load_style_picture(painting(tmp_path / "scroll.png", 1, (200, 6000)), 128)
    assert scroll.shape[1] * scroll.shape[2] <= 2.1 * 128**2
    turned = Image.new("RGB", (200, 150))
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert load_style_picture(tmp_path / "turned.jpg", 512).shape == (3, 200, 150)


def test_own_photos_join_those_we_ship(tmp_path: Path) -> None:
    shipped = content_photos([], 32)
    painting(tmp_path / "mine.png", 1, (300, 300))
    more = content_photos([tmp_path], 32)
    assert isinstance(more, PhotoCrops)
    assert len(more.photos) == len(shipped.photos) + 1 >= 3


@pytest.mark.parametrize(
    ("file", "name"),
    [("Starry Night (1889).jpg", "starry-night-1889"), ("été_2.png", "été-2"), ("__.png", "own")],
)
def test_names_come_from_files(file: str, name: str) -> None:
    assert name_from(Path(file)) == name


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["rtstyle", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_the_command_makes_a_style_that_can_be_kept(
    order: StyleOrder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RTSTYLE_STYLES", str(tmp_path / "kept"))
    generator = ["--generator", order.generator]
    code = command(
        monkeypatch, "train", "style", str(order.pictures[0]), "--steps", "1", "--json",
        "--features", str(order.features), *generator,
    )  # fmt: skip
    told = capsys.readouterr()
    assert code == 0, told.err
    result = json.loads(told.out)
    assert (result["schema"], result["style"], result["steps"]) == (1, "my-picture", 1)
    assert (tmp_path / "My Picture.style").is_file() and Path(result["preview"]).is_file()
    use = " ".join(generator)
    assert f"--style 'My Picture.style' {use}" in told.err
    assert command(monkeypatch, "styles", "add", "My Picture.style", *generator) == 0
    assert f"--style my-picture {use}" in capsys.readouterr().err
    assert command(monkeypatch, "styles", *generator) == 0
    assert "my-picture" in capsys.readouterr().out
    assert command(monkeypatch, "styles", "remove", "my-picture") == 0
    assert command(monkeypatch, "styles", *generator) == 0
    assert "my-picture" not in capsys.readouterr().out


def test_without_torch_the_command_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert command(monkeypatch, "train", "style", "painting.jpg") == 6
    told = capsys.readouterr().err
    assert "pip install 'rtstyle[train]'" in told
    assert len(told.strip().splitlines()) <= 3


def test_without_features_the_command_names_the_ways_to_get_them(
    order: StyleOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(TrainError, match="--download-features"):
        make_style(replace(order, features=None), silent)


def test_features_that_are_none_are_refused(order: StyleOrder, tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(TrainError, match="it is damaged, or no file of torch"):
        make_style(replace(order, features=tmp_path / "text.pth"), silent)


@pytest.mark.parametrize("state", [torch.zeros(3), {"features.conv0.weight": torch.zeros(3)}, {}])
def test_weights_of_something_else_are_refused(
    order: StyleOrder, tmp_path: Path, state: object
) -> None:
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(TrainError, match="does not hold VGG16's or VGG19's weights"):
        make_style(replace(order, features=tmp_path / "other.pth"), silent)


def test_weights_that_cannot_be_fetched_are_said(
    order: StyleOrder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(WeightsEnum, "get_state_dict", offline)
    with pytest.raises(TrainError, match="no route to host") as caught:
        make_style(replace(order, features=None, download_features=True), silent)
    assert "--features FILE" in str(caught.value)


def test_ctrl_c_ends_the_command_with_130(
    order: StyleOrder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("train.style_order.make_style", interrupt)
    assert command(monkeypatch, "train", "style", str(order.pictures[0])) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_wrong_option_is_a_matter_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(monkeypatch, "train", "style", "a.jpg", "--no-such-option") == 2
    assert command(monkeypatch, "train", "style", "--help") == 0
