"""From normalisation by each picture's own statistics to what is typical of each style.

With instance normalisation a hand that enters the picture re-tints all of it. Frozen, the mean and
deviation of every channel are part of the style: a generator is affine in its input between the
ReLUs, nothing depends on the whole picture, and training goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from .bank import StyledGenerator
from .generators.unshuffle import EPSILON, ConditionalConv


@torch.no_grad()
def freeze(model: StyledGenerator, photos: Iterable[Tensor]) -> StyledGenerator:
    """A generator without normalisation that paints typical photos as `model` does.

    Args:
        model: with instance normalisation.
        photos: batches (B, 3, H, W) in [0, 1] over which the statistics are averaged.
    """
    convs = model.net.conditional_convs
    moments = _moments(model, convs, photos)
    config = replace(model.net.config, normalisation="frozen")
    frozen = StyledGenerator(len(model.styles), config).to(model.styles.device)
    frozen.net.load_state_dict(model.net.state_dict())
    table = model.styles.clone()
    start = 0
    for conv, target, (mean, deviation) in zip(
        convs, frozen.net.conditional_convs, moments, strict=True
    ):
        half = conv.num_style_values // 2
        scale, shift = table[:, start : start + 2 * half].chunk(2, dim=1)
        typical = deviation.mean(dim=0)
        target.conv.weight /= typical[:, None, None, None]
        new_scale = scale * typical / deviation
        shift -= scale * mean / deviation
        scale.copy_(new_scale)
        start += 2 * half
    frozen.styles.copy_(table)
    return frozen


def _moments(
    model: StyledGenerator, convs: list[ConditionalConv], photos: Iterable[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """For each convolution, mean and deviation (S, C) of its output by style."""
    num_styles = len(model.styles)
    found: list[list[list[Tensor]]] = [[[] for _ in range(num_styles)] for _ in convs]
    current = 0

    def watch(layer: int):
        def keep(module: torch.nn.Module, inputs: object, output: Tensor) -> None:
            mean = output.float().mean(dim=(2, 3))
            variance = output.float().var(dim=(2, 3), correction=0)
            found[layer][current].append(torch.stack([mean, variance], dim=1))

        return keep

    hooks = [conv.conv.register_forward_hook(watch(n)) for n, conv in enumerate(convs)]
    for batch in photos:
        for current in range(num_styles):
            weights = torch.zeros(len(batch), num_styles, device=batch.device)
            weights[:, current] = 1
            model(batch, weights)
    for hook in hooks:
        hook.remove()
    moments = []
    for by_style in found:
        mean, variance = torch.stack([torch.cat(s).mean(dim=0) for s in by_style]).unbind(dim=1)
        moments.append((mean, (variance + EPSILON).sqrt()))
    return moments
