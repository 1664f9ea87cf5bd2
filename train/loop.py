"""What trainings of every kind share: folders, schedule, averaged weights, and the loop itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .errors import TrainError

WARM_UP_STEPS = 100
FINAL_LEARNING_RATE_SHARE = 0.03

Report = Callable[[int, dict[str, float], float], None]
"""Receives the step, its loss terms and the seconds it took."""


@dataclass(frozen=True)
class Paths:
    """Where a run reads and writes."""

    data: Path
    out: Path

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"


class Plan(Protocol):
    """What the loop must know of a recipe."""

    @property
    def steps(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def save_every(self) -> int: ...

    @property
    def sheet_photos(self) -> list[str]: ...


class Run(Protocol):
    """A training run: `advance` makes one step and returns the loss terms by name."""

    step: int

    @property
    def recipe(self) -> Plan: ...

    @property
    def paths(self) -> Paths: ...

    def advance(self) -> dict[str, float]: ...

    def save(self) -> None: ...

    def sheet(self) -> Tensor: ...


def learning_rate(recipe: Plan, step: int) -> float:
    """Linear warm-up, then a cosine down to a small share of the recipe's rate."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    progress = min(1.0, step / max(1, recipe.steps))
    cosine = 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))
    floor = FINAL_LEARNING_RATE_SHARE
    return recipe.learning_rate * warm * (floor + (1 - floor) * cosine)


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A running average of the model's weights, which follows fast at first; paints as in use."""

    def follow(means: Any, news: Any, count: Any) -> None:
        kept = min(decay, (1 + float(count)) / (10 + float(count)))
        get_ema_multi_avg_fn(kept)(means, news, count)

    return AveragedModel(model, multi_avg_fn=follow).eval()


def train(run: Run, report: Report) -> None:
    """Advance to the recipe's last step, saving checkpoint, log and sheet on the way.

    Raises:
        TrainError: the run begins anew in a folder where one was before.
    """
    from torch.utils.tensorboard import SummaryWriter

    recipe = run.recipe
    if run.step == 0 and run.paths.checkpoint.exists():
        raise TrainError(
            f"{run.paths.checkpoint} exists",
            "this run would replace it",
            "go on with that one with --resume, or name another folder with --out",
        )
    with SummaryWriter(str(run.paths.out / "log"), purge_step=run.step) as log:
        while run.step < recipe.steps:
            started = time.perf_counter()
            terms = run.advance()
            report(run.step, terms, time.perf_counter() - started)
            for name, value in terms.items():
                log.add_scalar(f"loss/{name}", value, run.step)
            if run.step % recipe.save_every == 0 or run.step == recipe.steps:
                run.save()
                if recipe.sheet_photos:
                    log.add_image("sheet", run.sheet(), run.step)
