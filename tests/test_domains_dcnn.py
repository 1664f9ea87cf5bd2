"""DCNN: shapes, learning, resuming, and the way to the shelf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from domain_data import made_pairs, random_features, recipe, run_of, silent
from PIL import Image

from train.checkpoint import load_checkpoint
from train.domains import dcnn
from train.domains.batches import Batch
from train.domains.networks import load_trained
from train.domains.run import DomainRun, calibrate, train_together
from train.features import VGGFeatures


def dcnn_run(out: Path, **changes: object) -> DomainRun:
    plan, pairs, features = recipe("dcnn", **changes), made_pairs(), random_features()
    calibrate(features, pairs)
    torch.manual_seed(plan.seed)
    return run_of(plan, pairs, dcnn.players(dcnn.create(features), plan, features), out)


def test_the_encoder_keeps_its_weights_and_the_decoder_learns(tmp_path: Path) -> None:
    run = dcnn_run(tmp_path)
    before = {name: value.clone() for name, value in run.generator.state_dict().items()}
    run.advance()
    for name, value in run.generator.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("encoder."), name


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    run = dcnn_run(tmp_path, steps=1000, learning_rate=5e-2)  # the warm-up takes most of it
    fixed = run.pairs.first(4)

    def loss() -> float:
        with torch.no_grad():
            terms = run.objectives[0](fixed)
        return float(sum(run.players[0].factors[name] * value for name, value in terms.items()))

    before = loss()
    for _ in range(15):
        run.advance()
    assert loss() < 0.9 * before


def test_a_resumed_run_makes_the_same_steps(tmp_path: Path) -> None:
    whole = dcnn_run(tmp_path)
    terms = [whole.advance() for _ in range(4)]
    half = dcnn_run(tmp_path)
    for _ in range(2):
        half.advance()
    half.save()
    resumed = dcnn_run(tmp_path)
    resumed.resume()
    assert resumed.step == 2
    assert [resumed.advance() for _ in range(2)] == terms[2:]
    for one, other in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_equal_pictures_have_no_loss() -> None:
    features = random_features()
    net = dcnn.create(features)
    objective = dcnn.PaintingObjective(net, features, 32)
    image = torch.rand(2, 3, 32, 32)
    terms = objective.compare(image, image)
    assert set(terms) == set(dcnn.WEIGHTS)
    assert all(value.item() < 1e-6 for value in terms.values())
    other = objective(Batch(image, torch.rand(2, 3, 32, 32), torch.ones(2, 1), torch.ones(2)))
    assert all(value.item() > 1e-3 for value in other.values())


def test_vgg19_serves_as_encoder() -> None:
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    features = VGGFeatures(make_layers(cfgs["E"])[:25].state_dict())  # type: ignore[index]
    net = dcnn.create(features)
    assert net(torch.rand(1, 3, 32, 40)).shape == (1, 3, 32, 40)
    again = dcnn.restore(net.state_dict())
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(again(image), net(image))


def test_a_run_leaves_checkpoint_sheet_and_log_and_exports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rtstyle.api import load
    from rtstyle.cli import app
    from train.domains.export import export_domain

    run = dcnn_run(tmp_path / "run", sheet_photos=["none"], crops=recipe("dcnn").crops)
    (tmp_path / "run" / "none").mkdir(parents=True)
    train_together(run, silent)
    assert load_checkpoint(run.paths.checkpoint).step == 4
    with Image.open(tmp_path / "run" / "sheet_000004.png") as sheet:
        assert sheet.height > sheet.width
    shelf = tmp_path / "shelf"
    photo = torch.rand(3, 200, 200)
    result = export_domain(run.paths.checkpoint, shelf, "tiny", photo)
    assert result.max_difference <= 1
    engine, bank = load(str(shelf / "tiny.onnx"), "openvino")
    assert bank.names == ["tiny"] and engine.info.generator.num_style_values == 0
    painted = engine.stylize(np.zeros((50, 70, 3), np.uint8), bank["tiny"])
    assert painted.shape == (50, 70, 3)
    engine.close()
    assert result.weights_sha256 in (shelf / "tiny.md").read_text()
    app(["styles", "--generator", str(shelf / "tiny.onnx")], standalone_mode=False)
    listed = capsys.readouterr().out
    assert listed.startswith("tiny ") and "the one style of this generator" in listed


def test_what_is_for_research_only_does_not_go_on_the_shelf(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    from rtstyle.cli.styling import load_painter
    from train.domains.export import export_domain
    from train.errors import TrainError

    run = dcnn_run(tmp_path)
    run.recipe = replace(run.recipe, licence="research only, non-commercial")
    run.save()
    with pytest.raises(TrainError, match="engines/research"):
        export_domain(run.paths.checkpoint, tmp_path / "shelf", "tiny", torch.rand(3, 200, 200))
    assert load_trained(run.paths.checkpoint).recipe.licence == run.recipe.licence
    export_domain(run.paths.checkpoint, tmp_path / "research", "tiny", torch.rand(3, 200, 200))
    assert "non-commercial" in (tmp_path / "research" / "tiny.md").read_text()
    engine, *_ = load_painter(str(tmp_path / "research" / "tiny.onnx"), "onnxruntime", None)
    engine.close()
    assert "tiny is not for every use: research only, non-commercial" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes", [{"styles": ["b"]}, {"network": "drn"}, {"shape": {"width": 8}}], ids=str
)
def test_a_run_of_another_recipe_is_not_resumed(tmp_path: Path, changes: dict) -> None:
    from dataclasses import replace

    from train.errors import TrainError

    run = dcnn_run(tmp_path)
    run.save()
    run.recipe = replace(run.recipe, **changes)
    before = run.generator.get_parameter("decoder.0.weight").clone()
    with pytest.raises(TrainError, match="of another network, or of other styles"):
        run.resume()
    assert torch.equal(run.generator.get_parameter("decoder.0.weight"), before) and run.step == 0


def test_a_run_that_began_with_other_features_is_not_resumed(tmp_path: Path) -> None:
    from torchvision.models.vgg import cfgs, make_layers

    from train.errors import TrainError

    dcnn_run(tmp_path).save()
    other = VGGFeatures(make_layers(cfgs["E"])[:25].state_dict())  # type: ignore[index]
    plan = recipe("dcnn")
    run = run_of(plan, made_pairs(), dcnn.players(dcnn.create(other), plan, other), tmp_path)
    with pytest.raises(TrainError, match="--features with which the run began"):
        run.resume()


def test_a_size_that_the_network_cannot_paint_is_refused(tmp_path: Path) -> None:
    from train.errors import TrainError

    with pytest.raises(TrainError, match="size_px must be a multiple of 8"):
        dcnn_run(tmp_path, size_px=36)


def test_a_training_that_diverges_stops_and_keeps_its_checkpoint(tmp_path: Path) -> None:
    from train.errors import TrainError

    run = dcnn_run(tmp_path, save_every=1, steps=9)
    run.advance()
    run.save()
    with torch.no_grad():
        run.generator.get_parameter("decoder.0.weight").fill_(float("nan"))
    with pytest.raises(TrainError, match="loss of the generator in step 2 is nan"):
        train_together(run, silent)
    assert all(v.isfinite().all() for v in load_checkpoint(run.paths.checkpoint).model.values())


def test_a_missing_photo_of_the_sheet_is_said_before_the_first_step(tmp_path: Path) -> None:
    from train.errors import TrainError

    run = dcnn_run(tmp_path, sheet_photos=["none.jpg"])
    with pytest.raises(TrainError, match=r"none\.jpg"):
        train_together(run, silent)
    assert run.step == 0


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    from rtstyle.errors import SinkError

    run = dcnn_run(tmp_path)
    run.save()
    part = tmp_path / ".checkpoint.safetensors.part"
    part.mkdir()
    run.step = 7
    with pytest.raises(SinkError, match="cannot write the checkpoint"):
        run.save()
    assert load_checkpoint(run.paths.checkpoint).step == 0


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    from train.errors import TrainError

    with pytest.raises(TrainError, match="is not a checkpoint"):
        load_trained(tmp_path)


@pytest.mark.parametrize("licence", ["Non-Commercial", "CC-BY-NC-4.0", "cc by nc", "noncommercial"])
def test_such_a_licence_is_known_however_it_is_spelled(tmp_path: Path, licence: str) -> None:
    from dataclasses import replace

    from train.domains.export import export_domain
    from train.errors import TrainError

    run = dcnn_run(tmp_path)
    run.recipe = replace(run.recipe, licence=licence)
    run.save()
    with pytest.raises(TrainError, match="engines/research"):
        export_domain(run.paths.checkpoint, tmp_path / "shelf", "tiny", torch.rand(3, 200, 200))


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_a_generator_has_the_name_of_a_file(tmp_path: Path, name: str) -> None:
    from train.domains.export import export_domain
    from train.errors import TrainError

    run = dcnn_run(tmp_path)
    run.save()
    with pytest.raises(TrainError, match="no name for a file"):
        export_domain(run.paths.checkpoint, tmp_path / "shelf", name, torch.rand(3, 200, 200))


def test_a_path_that_cannot_be_used_is_no_traceback(tmp_path: Path) -> None:
    from domain_data import random_weights, write_pairs

    from train.__main__ import run
    from train.errors import TrainError

    names = {f"features.{name}": value for name, value in random_weights().items()}
    torch.save(names, tmp_path / "vgg.pth")
    write_pairs(tmp_path / "pairs")
    (tmp_path / "r.toml").write_text("name='tiny'\nnetwork='dcnn'\nsize_px=32\n")
    options = ["--pairs", tmp_path / "pairs", "--features", tmp_path / "vgg.pth"]
    options += ["--threads", "1", "--out", tmp_path / "vgg.pth"]
    with pytest.raises(TrainError, match=r"cannot use .*vgg\.pth"):
        run(["dcnn", str(tmp_path / "r.toml"), *map(str, options)], "python -m train")


@pytest.mark.parametrize("option", ["--steps=0", "--threads=-1"])
def test_numbers_out_of_range_are_usage_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    import sys

    from train.__main__ import main

    monkeypatch.setattr(sys, "argv", ["train", "dcnn", "r.toml", "--out", "run", option])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "greater than or equal" in capsys.readouterr().err
