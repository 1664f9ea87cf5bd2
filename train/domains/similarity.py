"""How much of a face two pictures share: the similarity label, and the measure of what is kept."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features import VGGFeatures

LAYERS = ("relu3_3", "relu4_3")
CELLS = 8
"""Features are compared in a grid of so many cells each way: strokes may displace an outline."""


def descriptors(features: VGGFeatures, image: Tensor) -> Tensor:
    """What stands where in pictures (B, 3, H, W) in [0, 1] -> (B, D), of unit length.

    Each layer's features are averaged in 8 x 8 cells; then every channel loses its mean over the
    picture, so that a tint or a texture that lies over all of it does not count. All layers weigh
    the same, whatever their scale.
    """
    return described(features(image))


def described(found: Mapping[str, Tensor]) -> Tensor:
    """`descriptors` of pictures whose VGG features are there already, by layer -> (B, D)."""
    parts = []
    for layer in LAYERS:
        cells = F.adaptive_avg_pool2d(found[layer].float(), CELLS)
        cells = cells - cells.mean(dim=(2, 3), keepdim=True)
        parts.append(F.normalize(cells.flatten(1), dim=1))
    return torch.cat(parts, dim=1) / len(LAYERS) ** 0.5


def similarity(one: Tensor, other: Tensor) -> Tensor:
    """Similarity of pictures by their `descriptors` (B, D) -> (B,) in [-1, 1].

    It is the mean over the layers of the cosine between their features: 1 for equal pictures,
    about 0 for pictures that have nothing in common, between two different aligned faces well
    above 0, since eyes and mouth stand in the same places.
    """
    return (one * other).sum(dim=1)


def similarity_matrix(one: Tensor, other: Tensor) -> Tensor:
    """`similarity` of each of (A, D) with each of (B, D) -> (A, B)."""
    return one @ other.T
