"""Mixture centroid of two feature maps, within a network.

The formula is that of `train/centroid.py`, which explains it; there scikit-learn groups regions
once, here places are grouped anew for every batch, on any device, with gradients, and in the
exported graph: a fixed number of rounds, from centres spread over the places.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Fusion = Literal["none", "mixture", "greedy"]

CLASSES = 4
ROUNDS = 4
CELLS = 8
"""So many places each way are taken from a feature map."""
MIN_VARIANCE = 1e-2


class CentroidFusion(nn.Module):
    """Two feature maps (B, C, H, W) and (B, C, H', W') -> what they have in common, (B, C).

    Their places are grouped, those of both together: by EM with diagonal Gaussians ("mixture") or
    greedily, each to the nearest centre ("greedy"). The centroid sum(p_k p_k mu_k) / sum(p_k p_k)
    counts what recurs in both and hardly counts what is rare.
    """

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.is_soft = fusion == "mixture"

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        size = (CELLS, CELLS)  # sampled, not averaged: ONNX has no average to a fixed size
        maps = [F.interpolate(part.float(), size, mode="bilinear") for part in (one, other)]
        samples = torch.cat([part.flatten(2) for part in maps], dim=2).transpose(1, 2)
        member = memberships(samples, is_soft=self.is_soft)
        shares = member.mean(dim=1, keepdim=True)
        weights = (member * shares).sum(dim=2, keepdim=True)
        weights = weights / weights.sum(dim=1, keepdim=True)
        return (weights * samples).sum(dim=1).to(one.dtype)


def memberships(samples: Tensor, *, is_soft: bool) -> Tensor:
    """Probability (B, N, K) that each of the samples (B, N, C) belongs to a class.

    Greedily it is 0 or 1: the E step takes the nearest centre, the M step the mean (k-means). By EM
    the classes have shares and variances too. Distances are per channel, in units of the spread of
    all samples, so that the number of channels does not harden the choice.
    """
    spread = samples.var(dim=(1, 2), keepdim=True).clamp(min=1e-12).sqrt()
    samples = samples / spread
    picks = torch.arange(CLASSES, device=samples.device) * 2 + 1
    centres = samples[:, picks * (samples.shape[1] // (2 * CLASSES))]
    variance = torch.ones_like(centres)
    shares = torch.full_like(centres[..., 0], 1 / CLASSES)
    assign = _posterior if is_soft else _nearest
    member = assign(samples, centres, variance, shares)
    for _ in range(ROUNDS):
        shares = member.mean(dim=1)
        total = member.sum(dim=1)[..., None].clamp(min=1e-6)
        centres = member.transpose(1, 2) @ samples / total
        squares = member.transpose(1, 2) @ samples.square() / total
        variance = (squares - centres.square()).clamp(min=MIN_VARIANCE)
        member = assign(samples, centres, variance, shares)
    return member


def _nearest(samples: Tensor, centres: Tensor, _variance: Tensor, _shares: Tensor) -> Tensor:
    """The greedy E step: 1 for the nearest centre, else 0."""
    distance = (samples[:, :, None] - centres[:, None]).square().mean(dim=3)
    return F.one_hot(distance.argmin(dim=2), CLASSES).to(samples.dtype)


def _posterior(samples: Tensor, centres: Tensor, variance: Tensor, shares: Tensor) -> Tensor:
    """The E step: P(class | sample), from log densities per channel."""
    difference = samples[:, :, None] - centres[:, None]
    density = difference.square() / variance[:, None] + variance[:, None].log()
    return (shares.clamp(min=1e-6).log()[:, None] - 0.5 * density.mean(dim=3)).softmax(dim=2)
