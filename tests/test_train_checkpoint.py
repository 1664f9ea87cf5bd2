"""Checkpoints of trainings, and their mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from train.__main__ import run
from train.checkpoint import Checkpoint, load_checkpoint, mean, save_checkpoint
from train.errors import TrainError


def checkpoint(value: float, step: int, *, style: str = "a", size: int = 3) -> Checkpoint:
    def weights() -> dict[str, torch.Tensor]:
        return {"net.weight": torch.full((size, 2), value), "net.count": torch.tensor(step)}

    recipe = {"name": "tiny", "styles": [{"name": style}]}
    optimizer = {"0/step": torch.tensor(step)}
    return Checkpoint(step, recipe, weights(), weights(), optimizer, torch.arange(4))


def test_the_mean_is_of_the_weights_and_all_else_is_the_last_ones() -> None:
    one, other = checkpoint(1.0, 10), checkpoint(4.0, 30)
    other = replace(other, average={**other.average, "net.weight": torch.full((3, 2), 6.0)})
    found = mean([one, other, other])
    torch.testing.assert_close(found.model["net.weight"], torch.full((3, 2), 3.0))
    torch.testing.assert_close(found.average["net.weight"], torch.full((3, 2), 13 / 3))
    assert found.model["net.count"] == 30
    assert (found.step, found.recipe, found.optimizer) == (30, other.recipe, other.optimizer)


@pytest.mark.parametrize("other", [checkpoint(1.0, 5, style="b"), checkpoint(1.0, 5, size=4)])
def test_weights_without_a_counterpart_have_no_mean(other: Checkpoint) -> None:
    one = checkpoint(1.0, 5)
    for stranger in (other, replace(one, model=other.model, recipe=other.recipe)):
        with pytest.raises(TrainError, match="generators or styles differ"):
            mean([one, stranger])


def test_the_command_writes_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "early.safetensors", tmp_path / "late.safetensors"]
    for file, value in zip(files, (1.0, 2.0), strict=True):
        save_checkpoint(file, checkpoint(value, 7))
    out = tmp_path / "mean.safetensors"
    run(["mean", *map(str, files), "--out", str(out)], "train")
    found = load_checkpoint(out)
    torch.testing.assert_close(found.average["net.weight"], torch.full((3, 2), 1.5))
    assert found.step == 7
    assert "the mean of 2 checkpoints" in capsys.readouterr().out
