"""DRN: attention that starts as identity, the matrix that is fitted, learning, the shelf."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from domain_data import made_pairs, random_features, recipe, run_of

from train.domains import drn
from train.domains.layers import SelfAttention
from train.domains.run import DomainRun, calibrate
from train.errors import TrainError


def drn_run(out: Path, **changes: object) -> DomainRun:
    plan = recipe("drn", size_px=64, **changes)
    pairs, features = made_pairs(size=64), random_features()
    calibrate(features, pairs)
    torch.manual_seed(plan.seed)
    return run_of(plan, pairs, drn.players(drn.create(None), plan, features), out)


def test_attention_begins_as_identity_and_then_sees_everything() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(16), torch.randn(2, 16, 4, 5)
    torch.testing.assert_close(layer(x), x)
    with torch.no_grad():
        layer.gamma.fill_(1.0)
    far = x.clone().requires_grad_()
    layer(far)[0, :, 0, 0].sum().backward()
    assert far.grad is not None
    assert (far.grad[0].abs().sum(dim=0) > 0).all() and not far.grad[1].any()


def test_attention_is_the_mean_of_values_where_all_keys_are_equal() -> None:
    layer, x = SelfAttention(8), torch.randn(1, 8, 3, 3)
    with torch.no_grad():
        layer.gamma.fill_(1.0)
        layer.key.weight.zero_()
        expected = x + layer.value(x).mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(layer(x), expected)


def test_the_matrix_holds_cosines_of_every_source_with_every_target() -> None:
    source, target = torch.randn(3, 6, 2, 2), torch.randn(2, 6, 2, 2)
    matrix = drn.cosine_matrix(source, target)
    assert matrix.shape == (3, 2)
    expected = torch.cosine_similarity(drn.pooled(source)[2], drn.pooled(target)[1], dim=0)
    torch.testing.assert_close(matrix[2, 1], expected)
    torch.testing.assert_close(drn.cosine_matrix(source, 7 * source).diagonal(), torch.ones(3))


def test_softmax_weights_have_a_mean_of_one_and_begin_equal() -> None:
    net = drn.DRN()
    attended = torch.rand(2, drn.BOTTOM, 1, 1)
    torch.testing.assert_close(net.turned(attended), attended)
    torch.nn.init.normal_(net.weigh.weight, std=0.1)
    weights = net.turned(attended) / attended
    torch.testing.assert_close(weights.mean(dim=1), torch.ones(2, 1, 1), rtol=1e-3, atol=1e-3)
    assert weights.std() > 0.01


def test_training_lowers_the_loss_of_picture_and_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Features without meaning find all pictures alike, and so does an untrained encoder.
    apart = torch.full((2, 2), 0.1) + 0.4 * torch.eye(2)
    monkeypatch.setattr(drn, "similarity_matrix", lambda one, other: apart)
    run = drn_run(tmp_path, steps=1000, learning_rate=5e-3)
    fixed = run.pairs.first(2)

    def losses() -> dict[str, float]:
        with torch.no_grad():
            return {name: value.item() for name, value in run.objectives[0](fixed).items()}

    before = losses()
    assert set(before) == set(drn.WEIGHTS)
    for _ in range(12):
        run.advance()
    after = losses()
    assert after["matrix"] < 0.9 * before["matrix"]
    assert after["pixels"] < 0.9 * before["pixels"]
    assert run.generator.get_parameter("attention.gamma").abs() > 0


def test_it_goes_to_the_shelf_and_takes_any_size(tmp_path: Path) -> None:
    import numpy as np

    from rtstyle.api import load
    from train.domains.export import export_domain

    run = drn_run(tmp_path)
    run.advance()
    run.save()
    result = export_domain(run.paths.checkpoint, tmp_path, "tiny", torch.rand(3, 200, 200))
    assert result.max_difference <= 1
    engine, bank = load(str(tmp_path / "tiny.onnx"), "onnxruntime")
    assert engine.stylize(np.zeros((50, 70, 3), np.uint8), bank["tiny"]).shape == (50, 70, 3)
    engine.close()


def test_pretrained_weights_come_from_a_file_or_are_refused(tmp_path: Path) -> None:
    from torchvision.models import resnet50

    torch.manual_seed(5)
    whole = resnet50(weights=None)
    torch.save(whole.state_dict(), tmp_path / "r.pth")
    net = drn.create(tmp_path / "r.pth")
    torch.testing.assert_close(net.encoder.enter[0].weight, whole.conv1.weight)
    image = torch.rand(1, 3, 64, 64)
    net.eval()
    whole.eval()
    x = whole.maxpool(
        whole.relu(whole.bn1(whole.conv1((image - net.encoder.mean) / net.encoder.std)))
    )
    expected = whole.layer4(whole.layer3(whole.layer2(whole.layer1(x))))
    torch.testing.assert_close(net.encoder(image)[drn.BOTTOM], expected)
    torch.save({"conv1.weight": whole.conv1.weight}, tmp_path / "part.pth")
    with pytest.raises(TrainError, match="does not hold ResNet-50"):
        drn.create(tmp_path / "part.pth")
    with pytest.raises(TrainError, match="no such file"):
        drn.create(tmp_path / "none.pth")
