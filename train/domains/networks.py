"""The networks by name: built anew, or read back from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..checkpoint import Checkpoint, load_checkpoint
from ..errors import TrainError
from . import adversarial, dcnn, drn, game, student
from .recipe import DomainRecipe, domain_recipe_from_dict


@dataclass(frozen=True, eq=False)
class Trained:
    """A network out of a checkpoint, in evaluation mode, with its averaged weights."""

    net: nn.Module
    recipe: DomainRecipe
    step: int

    @property
    def num_style_values(self) -> int:
        """P: 0, or one for each style label."""
        return self.net.num_style_values  # type: ignore[return-value]

    @property
    def size_multiple(self) -> int:
        """Height and width of a picture must be multiples of it."""
        return self.net.size_multiple  # type: ignore[return-value]

    @property
    def normalisation(self) -> str:
        """Of the generator, for its metadata."""
        if isinstance(self.net, student.Student):
            return self.net.net.config.normalisation
        return "instance"

    @torch.no_grad()
    def paint(self, faces: Tensor, style: int = 0) -> Tensor:
        """Faces (B, 3, H, W) in [0, 1] -> painted in the style of that number, in [0, 1]."""
        if not self.num_style_values:
            return self.net(faces).clamp(0, 1)
        label = torch.zeros(len(faces), self.num_style_values, device=faces.device)
        label[:, style] = 1
        return self.net(faces, label).clamp(0, 1)


def load_trained(path: Path) -> Trained:
    """Read the checkpoint of a domain network.

    Raises:
        TrainError: no checkpoint, damaged, or of something else.
    """
    saved = load_checkpoint(path)
    recipe = domain_recipe_from_dict(saved.recipe, str(path))
    try:
        net = _restore(saved, recipe)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TrainError(f"{path} does not hold a {recipe.network}: {error}".splitlines()[0]) from (
            error
        )
    return Trained(net.eval().requires_grad_(False), recipe, saved.step)


def load_critic(path: Path) -> adversarial.Critic:
    """The critic in the checkpoint of an adversarial run.

    Raises:
        TrainError: no checkpoint, damaged, or without a critic.
    """
    saved = load_checkpoint(path)
    recipe = domain_recipe_from_dict(saved.recipe, str(path))
    prefix = "critic:"
    weights = {
        name.removeprefix(prefix): v for name, v in saved.model.items() if name.startswith(prefix)
    }
    if recipe.network != "adversarial":
        raise TrainError(f"{path} holds a {recipe.network}, which has no critic")
    critic = adversarial.Critic(game.config_of(recipe))
    try:
        critic.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainError(f"{path} does not hold its critic", str(error)[:200]) from error
    return critic.eval()


def _restore(saved: Checkpoint, recipe: DomainRecipe) -> nn.Module:
    weights = saved.average
    if recipe.network == "dcnn":
        return dcnn.restore(weights)
    if recipe.network == "drn":
        return drn.restore(weights)
    if recipe.network == "student":
        return student.restore(weights, student.config_of(recipe))
    return adversarial.restore(weights, len(recipe.styles), game.config_of(recipe))
