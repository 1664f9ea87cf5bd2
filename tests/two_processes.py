"""Run by `torchrun` in a test: `train adversarial`, then what each process ended with."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from train.domains import run as domain_run


def main() -> None:
    """Train as the command line does, and leave weights and the next pairs in RANK.pt."""
    folder = Path(sys.argv[1])
    train_together = domain_run.train_together

    def watched(run: domain_run.DomainRun, report) -> None:
        train_together(run, report)
        weights = {
            f"{player.name}:{name}": value
            for player in run.players
            for name, value in player.net.state_dict().items()
        }
        left = {"weights": weights, "batch": run._batch().source}
        torch.save(left, folder / f"{run.process.rank}.pt")

    domain_run.train_together = watched
    from train.__main__ import run

    options = ["--pairs", folder / "pairs", "--out", folder / "run", "--data", folder]
    options += ["--features", folder / "vgg.pth", "--threads", "1"]
    run(["adversarial", str(folder / "r.toml"), *map(str, options)], "python -m train")


if __name__ == "__main__":
    main()
