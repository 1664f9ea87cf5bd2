"""Layers that several of the networks have."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Every place looks at every other (Zhang et al. 2019, "Self-attention GANs").

    (B, C, H, W) -> the same: x + gamma x value attention(query, key). Gamma is learned and starts
    at 0, so that the layer begins as identity. Query and key have an eighth of the channels, as in
    the source documents.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2).transpose(1, 2)
        energy = query @ self.key(x).flatten(2)
        attention = energy.softmax(dim=2)
        seen = self.value(x).flatten(2) @ attention.transpose(1, 2)
        return x + self.gamma.to(x.dtype) * seen.reshape(x.shape)


def conv3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution padded by reflection, so that no frame grows along the borders."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, padding_mode="reflect")
