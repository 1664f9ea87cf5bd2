"""Faces painted by optimisation of their pixels: the targets of made pairs (Gatys et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import losses
from ..devices import mixed_precision
from ..features import CONTENT_LAYER, VGGFeatures


@dataclass(frozen=True)
class GatysOptions:
    """How long and towards what pixels are moved: content + `style_weight` x style + `smoothness` x
    total variation, all features of unit rms. Adam, because L-BFGS would tie a batch together."""

    steps: int = 60
    learning_rate: float = 0.04
    style_weight: float = 8.0
    smoothness: float = 0.5


def paint_by_optimisation(
    photos: Tensor, targets: dict[str, Tensor], features: VGGFeatures, options: GatysOptions
) -> Tensor:
    """Photos (B, 3, H, W) in [0, 1] -> the same, painted.

    Args:
        photos: on the features' device; the optimisation starts from them.
        targets: {layer: Gram matrix (1, C, C)}, see `fusion.style_targets`.
        features: calibrated.
        options: weights and steps.
    """
    device = photos.device
    with torch.no_grad(), mixed_precision(device):
        content = features(photos, until=CONTENT_LAYER)[CONTENT_LAYER]
    image = photos.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=options.learning_rate)
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * (1 - step / options.steps)
        with mixed_precision(device):
            found = features(image)
        distances = [
            losses.style_distance(losses.gram_matrix(found[layer]), target)
            for layer, target in targets.items()
        ]
        loss = (
            losses.content_distance(found[CONTENT_LAYER], content).sum()
            + options.style_weight * torch.stack(distances).mean(dim=0).sum()
            + options.smoothness * len(photos) * losses.total_variation(image)
        )
        (image.grad,) = torch.autograd.grad(loss, image)
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    return image.detach()
