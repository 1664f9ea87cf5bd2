"""A generator with a table of styles: what perceptual training trains."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint
from .errors import TrainError
from .generators import UnshuffleConfig, UnshuffleNet
from .recipe import Recipe, build, recipe_from_dict


class StyledGenerator(nn.Module):
    """Image (B, 3, H, W) and weights over S styles (B, S), rows summing to 1 -> (B, 3, H, W).

    A mixture of styles is the weighted mean of their vectors.
    """

    def __init__(self, num_styles: int, config: UnshuffleConfig | None = None) -> None:
        super().__init__()
        self.net = UnshuffleNet(config)
        table = self.net.neutral_style().repeat(num_styles, 1)
        noise = torch.randn_like(table) * 0.02
        self.styles = nn.Parameter(table + noise)

    def forward(self, image: Tensor, weights: Tensor, grain: Tensor | None = None) -> Tensor:
        return self.net(image, weights @ self.styles, grain)


def trained(saved: Checkpoint) -> tuple[StyledGenerator, Recipe]:
    """The averaged weights of a run, and its recipe.

    Raises:
        TrainError: the recipe is not one of ours.
    """
    recipe = recipe_from_dict(saved.recipe, "the checkpoint's recipe")
    model = StyledGenerator(len(recipe.style_names), generator_shape(recipe))
    model.load_state_dict(saved.average)
    return model.eval(), recipe


def generator_shape(recipe: Recipe) -> UnshuffleConfig:
    """The shape that a recipe asks for.

    Raises:
        TrainError: it has an option that the generator does not have.
    """
    try:
        return build(UnshuffleConfig, recipe.generator)
    except ValueError as error:
        raise TrainError(f"{recipe.name}: generator: {error}") from error


def random_mixtures(
    count: int, frequencies: Sequence[float], num_mixed: int, *, max_parts: int = 3
) -> Tensor:
    """Weights (count, S): one style a row, mixtures in the last `num_mixed` rows.

    `frequencies` says how often each of the S styles is picked, relative to the others.
    """
    num_styles = len(frequencies)
    often = torch.tensor(frequencies)
    weights = torch.zeros(count, num_styles)
    for row in range(count):
        parts = 1
        if row >= count - num_mixed:
            parts = int(torch.randint(2, min(max_parts, num_styles) + 1, ()))
        picks = torch.multinomial(often, parts)
        shares = -torch.log(torch.rand(parts).clamp(min=1e-6))
        weights[row, picks] = shares / shares.sum()
    return weights
