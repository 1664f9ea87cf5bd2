"""The adversarial network of the source documents: a painter and a critic of pairs.

The generator is encoder, middle and decoder, told by a style label how to paint. The critic D(x, y)
judges whether y is a painting of x, in patches, by least squares (Mao et al. 2017), and predicts
the similarity of the two: the score of the test stage. Between encoder and decoder, and before the
critic's judgement, a mixture centroid of the two feature maps at hand may be fused in.

The documents once want the generator's loss "as large as possible" and the discriminator's error
rate lowered by the generator; both contradict what they say of the game elsewhere. Here each lowers
its own loss. Stability on few faces: spectral norm in the critic (Miyato et al. 2018), R1
(Mescheder et al. 2018), averaged weights, differentiable augmentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..generators.unshuffle import ConditionalConv, ResidualBlock
from .centroid import CentroidFusion, Fusion
from .layers import conv3


@dataclass(frozen=True)
class AdversarialConfig:
    """Shape of both: channels of the encoder's first layer, residual blocks in the middle, and
    where mixture centroids are fused in ("none", "mixture", "greedy")."""

    width: int = 32
    blocks: int = 4
    fuse_generator: Fusion = "none"
    fuse_critic: Fusion = "none"


class FusedCentroid(nn.Module):
    """Adds to a feature map a learned turn of what it and another have in common.

    It begins by adding nothing.
    """

    def __init__(self, channels: int, out_channels: int, fusion: Fusion) -> None:
        super().__init__()
        self.fuse = CentroidFusion(fusion)
        self.turn = nn.Linear(channels, out_channels)
        nn.init.zeros_(self.turn.weight)
        nn.init.zeros_(self.turn.bias)

    def forward(self, x: Tensor, one: Tensor, other: Tensor) -> Tensor:
        return x + self.turn(self.fuse(one, other))[:, :, None, None]


class AdversarialGenerator(nn.Module):
    """Face (B, 3, H, W) in [0, 1] and style label (B, K) -> painting, not clamped.

    H and W are multiples of 4. The decoder is shown what the encoder saw at each size, so that eyes
    and outlines need not pass through the middle. The label is one share for each of K styles; a
    table turns it into scale and shift of the middle's normalisations, so shares mix styles.
    """

    size_multiple = 4

    def __init__(self, num_styles: int, config: AdversarialConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AdversarialConfig()
        self.num_style_values = num_styles
        width, deep = config.width, 4 * config.width
        self.encoder = nn.ModuleList(
            nn.Sequential(conv3(narrow, wide, stride), nn.LeakyReLU(0.2))
            for narrow, wide, stride in ((3, width, 1), (width, 2 * width, 2), (2 * width, deep, 2))
        )
        self.middle = nn.ModuleList(
            [ConditionalConv(deep, deep), *(ResidualBlock(deep) for _ in range(config.blocks))]
        )
        self.fused = (
            None
            if config.fuse_generator == "none"
            else FusedCentroid(deep, deep, config.fuse_generator)
        )
        self.decoder = nn.ModuleList(
            [
                nn.Sequential(_doubled(), conv3(deep, 2 * width), nn.LeakyReLU(0.2)),
                nn.Sequential(_doubled(), conv3(2 * width, width), nn.LeakyReLU(0.2)),
                nn.Sequential(conv3(width, width), nn.LeakyReLU(0.2), conv3(width, 3)),
            ]
        )
        neutral = torch.cat([_neutral(layer) for layer in self.middle])  # type: ignore[arg-type]
        self.styles = nn.Parameter(
            neutral.repeat(num_styles, 1) + 0.02 * torch.randn(num_styles, len(neutral))
        )

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        x, encoded = image * 2 - 1, []
        for stage in self.encoder:
            x = stage(x)
            encoded.append(x)
        sizes = [layer.num_style_values for layer in self.middle]
        values = (label.to(self.styles.dtype) @ self.styles).split(sizes, dim=1)
        for layer, value in zip(self.middle, values, strict=True):
            x = layer(x, value)
        if self.fused is not None:
            x = self.fused(x, encoded[-1], x)
        for stage, skipped in zip(self.decoder, reversed(encoded), strict=True):
            x = stage(x + skipped)
        return x * 0.5 + 0.5


class Critic(nn.Module):
    """Pairs (B, 3, S, S) each -> patches (B, 1, S/16, S/16), near 1 where y is a true painting of
    x, and scores (B,): the predicted similarity of the two.

    A score comes from what the judgement is made of and from the `agreement` of the two pictures'
    features: convolutions over both at once do not find out by themselves that products matter.
    """

    def __init__(self, config: AdversarialConfig) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.Sequential(
            _normed(3, width, 2), nn.LeakyReLU(0.2), _normed(width, 2 * width, 2), nn.LeakyReLU(0.2)
        )
        self.fused = (
            None
            if config.fuse_critic == "none"
            else FusedCentroid(2 * width, 4 * width, config.fuse_critic)
        )
        self.trunk = nn.Sequential(
            _normed(4 * width, 4 * width, 2), nn.LeakyReLU(0.2),
            _normed(4 * width, 4 * width, 2), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.patches = spectral_norm(nn.Conv2d(4 * width, 1, 3, padding=1))
        self.score = nn.Linear(6 * width, 1)

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        one, other = self.stem(torch.cat([source, target]) * 2 - 1).chunk(2)
        x = torch.cat([one, other], dim=1)
        if self.fused is not None:
            x = self.fused(x, one, other)
        x = self.trunk(x)
        told = torch.cat([x.mean(dim=(2, 3)), agreement(one, other).to(x.dtype)], dim=1)
        return self.patches(x), self.score(told)[:, 0]


def agreement(one: Tensor, other: Tensor) -> Tensor:
    """Correlation over the places of each channel of two maps (B, C, h, w) -> (B, C) in [-1, 1].

    Places are averaged four by four: strokes may displace an outline.
    """
    cells = [F.avg_pool2d(part.float(), 4).flatten(2) for part in (one, other)]
    cells = [F.normalize(part - part.mean(dim=2, keepdim=True), dim=2) for part in cells]
    return (cells[0] * cells[1]).sum(dim=2)


def confidence(patches: Tensor) -> Tensor:
    """How sure a critic is that pairs are real (B, 1, h, w) -> (B,) in [0, 1], no gradient."""
    return patches.detach().float().mean(dim=(1, 2, 3)).clamp(0, 1)


def least_squares(patches: Tensor, aim: float) -> Tensor:
    """Mean squared distance of a critic's patches from 0 or 1 -> scalar."""
    return F.mse_loss(patches.float(), torch.full_like(patches, aim, dtype=torch.float32))


def restore(
    weights: Mapping[str, Tensor], num_styles: int, config: AdversarialConfig
) -> AdversarialGenerator:
    """The generator of a checkpoint, with these weights."""
    net = AdversarialGenerator(num_styles, config)
    net.load_state_dict(dict(weights))
    return net


def _normed(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(in_channels, out_channels, 4, stride, padding=1))


def _doubled() -> nn.Module:
    """Twice the size, smoothly: squares of a repeated pixel become a lattice in the painting."""
    return nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False)


def _neutral(layer: ConditionalConv | ResidualBlock) -> Tensor:
    """Scales of 1 and shifts of 0 for the normalisations of a layer."""
    convs = [layer.first, layer.second] if isinstance(layer, ResidualBlock) else [layer]
    parts = []
    for conv in convs:
        half = conv.num_style_values // 2
        parts += [torch.ones(half), torch.zeros(half)]
    return torch.cat(parts)
