"""Losses of the adversarial network, after the source documents' formulas.

Their target loss for source i and target j is printed as

    L_tgt = (1 - p_ij) (x_i^T y_j + b_i) + lambda |f_ik(x) - f_jk(x)|^2,

p_ij "the confidence that the generator puts out", and called mean squared error. An inner product
that is to become small would drive painting and target apart, so the printed bracket cannot be
meant; taken at its word as a mean squared error it becomes

    L_tgt = (1 - p_ij) mean_u(w_u (g_u - y_u)^2) + lambda mean_k |f_k(g) - f_k(y)|^2,

g the painting of x_i and u its pixels. p_ij is the critic's confidence that the painting is real,
which the text wants the generator to raise, held in [0, 1] and without gradient: what convinces
already counts less, which is the focal idea. The constant b_i has no gradient and falls away. w_u
are the small-target weights below.

The style loss is printed as

    L_stl = |s_i(f_il - f_jl) - s'_j(f'_il - f'_jl)|^2,

s the style of a picture, which here are the means and deviations of its channels:

    L_stl = mean_l |s(f_l(y) - f_l(x)) - s(f_l(g) - f_l(x))|^2:

what the generator did to the face must have the statistics of what the painter did to it.

Means and deviations are a palette; strokes are not in them. Where a stroke lies is chance, and the
mean of all that it might be is a blur, so pixels and features do not bring strokes either. A
texture loss, which the documents do not have, compares what strokes are whatever their place, the
Gram matrices G of the features (Gatys et al. 2016), relative to those of the target:

    L_tex = mean_l |G(f_l(g)) - G(f_l(y))|^2 / |G(f_l(y))|^2.

Each is weighted by the pair's similarity label: a target that has little in common with the face
says little about how this face is painted.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import content_distance, gram_matrix, style_distance

IMPORTANCE = 2.0
"""How much more a pixel of a busy place counts than one of a flat place."""
WINDOW = 16
"""Places are compared in windows of this share of the side."""

Features = dict[str, Tensor]


def importance(image: Tensor) -> Tensor:
    """How busy each place of a picture (B, 3, H, W) is, as against its mean -> (B, 1, H, W)."""
    grey = image.mean(dim=1, keepdim=True)
    size = max(3, image.shape[-1] // WINDOW) | 1
    away = (grey - _blurred(grey, size)).abs()
    local = _blurred(away, size)
    return local / local.mean(dim=(2, 3), keepdim=True).clamp(min=1e-6)


def small_target_weights(source: Tensor, target: Tensor) -> Tensor:
    """Weights (B, 1, H, W) of a mean of 1 for the pixels of pairs (B, 3, H, W).

    Eyes, mouth and outlines are small: an error there hardly shows in a mean. The documents ask
    that only regions pass which are important in both pictures alike, so the lesser of the two
    importances counts: strokes that the painter laid over a flat wall gain nothing.
    """
    agreed = torch.minimum(importance(source), importance(target))
    weights = 1 + IMPORTANCE * agreed
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def pair_weights(similarity: Tensor) -> Tensor:
    """Weights (B,) of a mean of 1 from similarity labels (B,), in proportion to them."""
    weights = similarity.clamp(min=0.05)
    return weights / weights.mean()


def pixel_loss(painted: Tensor, target: Tensor, weights: Tensor, confidence: Tensor) -> Tensor:
    """The first part of L_tgt, of each pair -> (B,); `confidence` p (B,) in [0, 1]."""
    errors = (weights * (painted - target).square()).mean(dim=(1, 2, 3))
    return (1 - confidence) * errors


def feature_loss(painted: Features, target: Features) -> Tensor:
    """The second part of L_tgt, of each pair -> (B,): mean over the layers."""
    return torch.stack([content_distance(painted[layer], target[layer]) for layer in painted]).mean(
        dim=0
    )


def style_loss(source: Features, painted: Features, target: Features) -> Tensor:
    """L_stl of each pair -> (B,): mean over layers, channels, and both statistics."""
    losses = []
    for layer, seen in source.items():
        wanted = statistics(target[layer].float() - seen.float())
        found = statistics(painted[layer].float() - seen.float())
        losses.append((wanted - found).square().mean(dim=1))
    return torch.stack(losses).mean(dim=0)


def texture_loss(painted: Features, target: Features) -> Tensor:
    """L_tex of each pair -> (B,): mean over the layers."""
    losses = [
        style_distance(gram_matrix(found), gram_matrix(target[layer]))
        for layer, found in painted.items()
    ]
    return torch.stack(losses).mean(dim=0)


def statistics(features: Tensor) -> Tensor:
    """s: means and deviations of the channels (B, C, H, W) -> (B, 2 C)."""
    variance, mean = torch.var_mean(features, dim=(2, 3), correction=0)
    return torch.cat([mean, (variance + 1e-6).sqrt()], dim=1)


def _blurred(image: Tensor, size: int) -> Tensor:
    padded = F.pad(image, (size // 2,) * 4, mode="reflect")
    return F.avg_pool2d(padded, size, stride=1)
