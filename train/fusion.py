"""Target statistics of one style picture, or of what several have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .centroid import centroid_weights
from .features import VGGFeatures
from .losses import gram_matrix

Fusion = Literal["mixture", "kmeans", "mean"]

TILES = 8
"""A picture is described by this many regions in each direction."""


@torch.no_grad()
def style_targets(
    pictures: Sequence[Tensor], features: VGGFeatures, fusion: Fusion = "mixture"
) -> dict[str, Tensor]:
    """{layer: Gram matrix (1, C, C)} that a style aims at.

    Several pictures are cut into regions, which are grouped by their features; the mixture
    centroid (`centroid.py`) of the regions' Gram matrices is the target. A weighted mean of Gram
    matrices is one again, that of all regions seen at once.

    Args:
        pictures: (3, H, W) in [0, 1], of any sizes.
        features: calibrated.
        fusion: how several are fused; "mean" takes the plain mean of their Gram matrices.
    """
    batches = [picture[None] for picture in pictures]
    if len(batches) == 1 or fusion == "mean":
        grams = [_grams(features(picture)) for picture in batches]
        return {layer: torch.stack([g[layer] for g in grams]).mean(dim=0) for layer in grams[0]}
    descriptors = np.concatenate([describe(features(picture)) for picture in batches])
    shares = centroid_weights(descriptors, fusion).reshape(len(batches), TILES, TILES)
    targets: dict[str, Tensor] = {}
    for picture, share in zip(batches, shares, strict=True):
        for layer, found in features(picture).items():
            gram = weighted_gram(found, torch.from_numpy(share).float().to(found.device))
            targets[layer] = targets[layer] + gram if layer in targets else gram
    return targets


def describe(found: dict[str, Tensor]) -> np.ndarray:
    """Mean and deviation of every channel in each region, all layers: (TILES**2, D)."""
    parts: list[Tensor] = []
    for features in found.values():
        mean = F.adaptive_avg_pool2d(features.float(), TILES)
        square = F.adaptive_avg_pool2d(features.float().square(), TILES)
        parts += [mean, (square - mean.square()).clamp(min=0).sqrt()]
    return torch.cat(parts, dim=1)[0].flatten(1).T.cpu().numpy()


def weighted_gram(features: Tensor, shares: Tensor) -> Tensor:
    """Gram matrix (1, C, C) of features (1, C, H, W) whose regions count by `shares` (T, T).

    With shares of a sum of 1 that are all the same, it is `gram_matrix`.
    """
    _, c, h, w = features.shape
    spread = F.interpolate(shares[None, None], (h, w), mode="nearest")
    spread = spread * (shares.sum() / spread.sum())
    flat = features.float().permute(0, 2, 3, 1).reshape(h * w, c)
    return ((flat * spread.reshape(-1, 1)).T @ flat)[None] / c


def _grams(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: gram_matrix(features) for layer, features in found.items()}
