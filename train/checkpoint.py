"""Checkpoints as safetensors: weights, their running average, optimizer and random state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from rtstyle.errors import SinkError

from .errors import TrainError


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on as if it had never stopped."""

    step: int
    recipe: dict
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    random: Tensor


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write atomically: the file under its name is always whole.

    Raises:
        SinkError: it cannot be written; what was there before is kept.
    """
    tensors = {"random": checkpoint.random}
    for group in ("model", "average", "optimizer"):
        for name, value in getattr(checkpoint, group).items():
            tensors[f"{group}/{name}"] = value.detach().cpu().contiguous()
    metadata = {"step": str(checkpoint.step), "recipe": json.dumps(checkpoint.recipe)}
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata=metadata)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        raise SinkError(
            f"cannot write the checkpoint {path}",
            str(error),
            "make room there and run it again; a training goes on with --resume",
        ) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        TrainError: no such file, or not one of our checkpoints.
    """
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            for key in file.keys():  # noqa: SIM118 - safe_open is no mapping
                if key != "random":
                    group, name = key.split("/", 1)
                    groups[group][name] = file.get_tensor(key)
            random = file.get_tensor("random")
        step, recipe = int(metadata["step"]), json.loads(metadata["recipe"])
    except FileNotFoundError as error:
        raise TrainError(f"no such checkpoint: {path}") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TrainError(f"{path} is not a checkpoint of rtstyle: {error}") from error
    return Checkpoint(step, recipe, groups["model"], groups["average"], groups["optimizer"], random)


def mean(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The last checkpoint, but with the mean weights of all ("model soups", Wortsman et al. 2022).

    They must be of one descent, as states of one run are, or runs that began with the same weights.

    Raises:
        TrainError: they are of other generators or other styles.
    """
    last = checkpoints[-1]
    for other in checkpoints:
        if _kind(other) != _kind(last):
            raise TrainError(
                "the checkpoints have no mean: their generators or styles differ",
                "weights can be averaged only where each has its counterpart",
                "name states of one run, or of runs that began with the same weights",
            )

    def means(groups: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        stacked = {name: torch.stack([group[name] for group in groups]) for name in groups[-1]}
        return {
            name: values.mean(dim=0) if values.is_floating_point() else values[-1]
            for name, values in stacked.items()
        }

    return replace(
        last,
        model=means([each.model for each in checkpoints]),
        average=means([each.average for each in checkpoints]),
    )


def _kind(checkpoint: Checkpoint) -> tuple[object, ...]:
    """What must be the same for weights to correspond: shapes, and whose styles they are."""
    styles = [style["name"] for style in checkpoint.recipe.get("styles", [])]
    groups = checkpoint.model, checkpoint.average
    return styles, [{name: values.shape for name, values in group.items()} for group in groups]


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state over parameters, flat: 'parameter index/name' -> tensor."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}/{name}": torch.as_tensor(value)
        for index, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({**whole, "state": state})


def restore(
    saved: Checkpoint,
    average: AveragedModel,
    learners: Iterable[tuple[str, nn.Module, torch.optim.Optimizer]],
) -> None:
    """Put a checkpoint's weights back where they came from; the random state is the caller's.

    Args:
        saved: what was loaded.
        average: gets the averaged weights, and how many were averaged.
        learners: prefix of its names in the checkpoint, network and optimizer.
    """
    for prefix, net, optimizer in learners:
        net.load_state_dict(_under(prefix, saved.model))
        restore_optimizer(optimizer, _under(prefix, saved.optimizer))
    average.module.load_state_dict(saved.average)
    average.n_averaged.fill_(saved.step)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
