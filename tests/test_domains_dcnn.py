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
