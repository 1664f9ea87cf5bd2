"""Fréchet distances of two sets of pictures, on VGG features: of the pictures alone, and given what
they are pictures of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from train.features import VGGFeatures

LAYER = "relu3_3"
"""Textures and strokes; 256 channels, of which a hundred pictures say something."""
CELLS = 4
"""Who is painted shows in what stands where: `place_means` has so many cells each way."""
PART = 16

Values = NDArray[np.float64]


@torch.no_grad()
def place_means(features: VGGFeatures, pictures: Tensor) -> Values:
    """Means of the channels in 4 x 4 cells: pictures (N, 3, H, W) in [0, 1] -> (N, 256 * 16).

    H and W are multiples of 16.
    """
    found = (features(part, until=LAYER)[LAYER] for part in pictures.split(PART))
    cells = [F.adaptive_avg_pool2d(part, CELLS).flatten(1) for part in found]
    return torch.cat(cells).double().cpu().numpy()


def channel_means(places: Values) -> Values:
    """Means of the channels over whole pictures, from `place_means` (N, 256 * 16) -> (N, 256)."""
    return places.reshape(len(places), -1, CELLS**2).mean(axis=2)


@dataclass(frozen=True, eq=False)
class Components:
    """The leading principal components of a sample: `mean` (D,) and `axes` (K, D)."""

    mean: Values
    axes: Values

    @classmethod
    def of(cls, sample: Values, count: int) -> Components:
        """The first `count` of a sample (N, D)."""
        mean = sample.mean(axis=0)
        axes = np.linalg.svd(sample - mean, full_matrices=False)[2]
        return cls(mean, axes[:count])

    def __call__(self, sample: Values) -> Values:
        """A sample (N, D) in these components (N, K)."""
        return (sample - self.mean) @ self.axes.T


def frechet_distance(one: Values, other: Values) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of samples (N, D) and (M, D).

    The measure of Heusel et al. 2017, on other features.
    With few samples it is too large, by about as much for all sets of one size: compare only those.
    """
    apart = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    return float(max(0.0, apart + _between(_covariance(one), _covariance(other))))


def conditional_frechet_distance(given: Values, one: Values, other: Values) -> float:
    """Mean Fréchet distance of two answers to the same question, over all questions.

    Row by row, `one` and `other` (N, D) belong to `given` (N, K). With x given and y, z the two,
    all together Gaussian,

        |m_y - m_z|^2 + tr((C_yx - C_zx) C_xx^-1 (C_xy - C_xz))
                      + tr(C_y|x + C_z|x - 2 (C_y|x C_z|x)^(1/2)).

    Soloveitchik, Diskin, Morin and Wiesel 2021, "Conditional Frechet Inception Distance", arXiv
    2103.11521. Their point is ours: pictures out of the right distribution that have nothing to do
    with what was asked for have a plain distance of almost 0, and are far here. Only what depends
    linearly on x is seen. N must be well above K + D: what is left of y once x is known is found
    from N - K pictures.
    """
    apart = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    x = given - given.mean(axis=0)
    # Regressions on x: the second term is the mean squared difference of what they predict.
    slopes = [np.linalg.lstsq(x, y - y.mean(axis=0), rcond=None)[0] for y in (one, other)]
    led = np.square(x @ (slopes[0] - slopes[1])).sum() / (len(x) - 1)
    left = [_covariance(y - x @ slope) for y, slope in zip((one, other), slopes, strict=True)]
    return float(max(0.0, apart + led + _between(*left)))


def _covariance(sample: Values) -> Values:
    return np.atleast_2d(np.cov(sample.T))


def _between(first: Values, second: Values) -> float:
    """tr(A + B - 2 (A B)^(1/2)) of covariances (D, D)."""
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0)).sum()
    return float(np.trace(first) + np.trace(second) - 2 * common)
