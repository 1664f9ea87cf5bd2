"""Plain backgrounds, soft photos and other light for training: a face before a wall, as at webcams.

A generator with instance normalisation sees how much of a picture is plain: one that never saw such
pictures leaves the wall bare and lays too much paint on the person. So it does in colours of walls
and lamps that it seldom saw.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_RADIUS, MAX_RADIUS = 0.5, 1.1
"""Half axes of the ellipse that is kept, relative to half of the crop's side."""

MIN_EDGE, MAX_EDGE = 0.02, 0.2
"""So far the ellipse fades into the background, relative to its half axes."""

SATURATION, SHADING = 0.2, 0.2
"""Standard deviations of a background's colour from grey, and of what its ends differ from that."""

GAMMA, TINT = 0.3, 0.35
"""Standard deviations of the logarithm of the gamma of a recoloured photo, and of each channel."""

MAX_ENLARGED = 5.0
"""A soft photo looks as if it had been enlarged so many times at most."""


def on_plain_backgrounds(crops: Tensor, share: float) -> Tensor:
    """Photos (B, 3, H, W) in [0, 1]; of a `share` of them just an ellipse is left.

    Around it is a random colour that changes a little along a random direction.
    """
    chosen = torch.rand(len(crops)) < share
    if not chosen.any():
        return crops
    num = int(chosen.sum())
    x, y = _places(crops.shape[2:])
    angle, across, down = (torch.rand(3, num, 1, 1) * 2 - 1).unbind()
    edge = MIN_EDGE + (MAX_EDGE - MIN_EDGE) * torch.rand(num, 1, 1)
    wide, high = (MIN_RADIUS + (MAX_RADIUS - MIN_RADIUS) * torch.rand(2, num, 1, 1)).unbind()
    distance = torch.hypot((x - across / 2) / wide, (y - down / 2) / high)
    kept = ((1 - distance) / edge + 0.5).clamp(0, 1)[:, None]
    along = torch.cos(angle * torch.pi) * x + torch.sin(angle * torch.pi) * y
    colour = torch.rand(num, 1, 1, 1) + SATURATION * torch.randn(num, 3, 1, 1)
    shading = SHADING * torch.randn(num, 1, 1, 1) + SHADING / 2 * torch.randn(num, 3, 1, 1)
    background = (colour + shading * along[:, None]).clamp(0, 1)
    result = crops.clone()
    kept, background = kept.to(crops.device), background.to(crops.device)
    result[chosen] = background + kept * (crops[chosen] - background)
    return result


def softened(crops: Tensor, share: float) -> Tensor:
    """Photos (B, 3, H, W) in [0, 1]; a `share` of them as if seen from near, or out of focus.

    A face that fills the picture has little detail, a photo made small has much.
    """
    if share == 0:
        return crops
    result = crops.clone()
    chosen = torch.rand(len(crops)) < share
    factors = 1 + (MAX_ENLARGED - 1) * torch.rand(len(crops))
    for place in torch.nonzero(chosen).flatten().tolist():
        crop = crops[place : place + 1]
        height, width = (max(1, round(side / factors[place].item())) for side in crop.shape[2:])
        small = F.interpolate(crop, size=(height, width), mode="area")
        large = F.interpolate(small, size=crop.shape[2:], mode="bicubic", align_corners=False)
        result[place] = large[0].clamp(0, 1)
    return result


def recoloured(crops: Tensor, share: float) -> Tensor:
    """Photos (B, 3, H, W) in [0, 1]; a `share` of them in other light, and in other colours.

    Their channels change places, and each gets a brightness of its own.
    """
    if share == 0:
        return crops
    chosen = torch.rand(len(crops)) < share
    result = crops.clone()
    for place in torch.nonzero(chosen).flatten().tolist():
        gammas = torch.exp(GAMMA * torch.randn(1, 1, 1) + TINT * torch.randn(3, 1, 1))
        result[place] = crops[place, torch.randperm(3)] ** gammas.to(crops.device)
    return result


def _places(shape_hw: torch.Size) -> tuple[Tensor, Tensor]:
    """x and y of all pixels, from -1 to 1; (W,) and (H, 1)."""
    height, width = shape_hw
    return torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)[:, None]
