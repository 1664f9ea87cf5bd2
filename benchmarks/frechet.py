"""Fréchet distance of two sets of pictures, on VGG features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.features import VGGFeatures

LAYER = "relu3_3"
"""Textures and strokes; 256 channels, of which a hundred pictures say something."""
PART = 16

Values = NDArray[np.float64]


@torch.no_grad()
def channel_means(features: VGGFeatures, pictures: Tensor) -> Values:
    """What `frechet_distance` compares: pictures (N, 3, H, W) in [0, 1] -> (N, 256)."""
    parts = [features(part, until=LAYER)[LAYER].mean(dim=(2, 3)) for part in pictures.split(PART)]
    return torch.cat(parts).double().cpu().numpy()


def frechet_distance(one: Values, other: Values) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of samples (N, D) and (M, D).

    The measure of Heusel et al. 2017, on other features.
    With few samples it is too large, by about as much for all sets of one size: compare only those.
    """
    means, covariances = zip(*((s.mean(axis=0), np.cov(s.T)) for s in (one, other)), strict=True)
    first, second = (np.atleast_2d(c) for c in covariances)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0)).sum()
    apart = np.square(means[0] - means[1]).sum()
    return float(max(0.0, apart + np.trace(first) + np.trace(second) - 2 * common))
