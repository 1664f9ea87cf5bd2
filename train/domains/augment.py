"""Differentiable augmentation: a critic that sees few faces would learn them by heart.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training": what the critic is
shown, real and painted alike, is altered at random, by steps that pass gradients on.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT = 0.125
CUT = 0.3
"""Shares of the side."""


def augment(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs (B, 3, S, S) altered: each picture in light and colour, both alike in place."""
    pair = torch.cat([colours(source), colours(target)], dim=1)
    first, second = cut_out(shifted(pair)).chunk(2, dim=1)
    return first, second


def colours(image: Tensor) -> Tensor:
    """Brightness within 0.25 of it, saturation from 0 to 2 times, contrast from 0.5 to 1.5."""
    brightness, saturation, contrast = (_uniform(image) for _ in range(3))
    image = image + 0.5 * (brightness - 0.5)
    grey = image.mean(dim=1, keepdim=True)
    image = grey + (image - grey) * 2 * saturation
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (image - mean) * (0.5 + contrast)


def shifted(image: Tensor) -> Tensor:
    """Moved by up to an eighth of the side each way; what is uncovered is 0."""
    most = round(SHIFT * image.shape[-1])
    padded = F.pad(image, (most,) * 4)
    at = torch.randint(0, 2 * most + 1, (len(image), 2)).tolist()
    height, width = image.shape[2:]
    return torch.stack(
        [
            one[:, top : top + height, left : left + width]
            for one, (top, left) in zip(padded, at, strict=True)
        ]
    )


def cut_out(image: Tensor) -> Tensor:
    """With a square hole of 0 at a random place, which may reach over the border."""
    height, width = image.shape[2:]
    reach = CUT * min(height, width) / 2
    y = torch.arange(height, device=image.device)[None, :, None]
    x = torch.arange(width, device=image.device)[None, None, :]
    middle = torch.rand(2, len(image), 1, 1).to(image.device)
    inside = (y - middle[0] * height).abs().lt(reach) & (x - middle[1] * width).abs().lt(reach)
    return image * (~inside[:, None]).to(image.dtype)


def _uniform(image: Tensor) -> Tensor:
    return torch.rand(len(image), 1, 1, 1).to(image.device, image.dtype)
