"""Two processes under torchrun learn as one, with either kind of game."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from domain_data import write_pairs

from train.checkpoint import load_checkpoint

ROOT = Path(__file__).parent.parent

RECIPE = """
name = "tiny"
network = "adversarial"
steps = 3
batch = 2
size_px = 32
save_every = 3
shape = { width = 8, blocks = 1, fuse_generator = "mixture", fuse_critic = "greedy" }
"""


@pytest.mark.timeout(240)
def test_two_processes_train_together_and_stay_alike(tmp_path: Path) -> None:
    import torch
    from domain_data import random_weights

    write_pairs(tmp_path / "pairs")
    (tmp_path / "r.toml").write_text(RECIPE)
    names = {f"features.{name}": value for name, value in random_weights().items()}
    torch.save(names, tmp_path / "vgg.pth")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        str(ROOT / "tests" / "two_processes.py"), str(tmp_path),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=220
    )
    assert result.returncode == 0, result.stderr[-3000:]
    saved = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert saved.step == 3
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["batch"].shape == second["batch"].shape
    assert not torch.equal(first["batch"], second["batch"])
    trained = {name.split(":")[0] for name in saved.model}
    assert trained == {"critic", "generator"}
    for name, value in first["weights"].items():
        torch.testing.assert_close(value, second["weights"][name], rtol=0, atol=0)
    for name, value in saved.model.items():
        torch.testing.assert_close(value, first["weights"][name], rtol=0, atol=0)
