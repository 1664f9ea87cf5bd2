"""DRN (deep regression network) style transfer, after the source documents.

A ResNet-50 encoder, self-attention, and a decoder with skips at 2048, 512, 256 and 64 channels. No
classifier: the matrix of cosines between the features of source and target faces is fitted
directly. The documents leave open what it is fitted to; here it is the matrix of the measured
similarities of `similarity.py`, whose diagonal holds the pairs' similarity labels.

Their code cannot run as printed (100 softmax weights meet 2048 channels, a decoder block gets a
list of sizes, the loss is a classifier's), so this is what was chosen:

- softmax weights: one for each of the 2048 channels, computed from the pooled attended features;
  scaled to a mean of 1, they turn a source face's features towards the target domain;
- the matrix: M_ij = cos(pooled weighted features of source i, pooled attended features of target
  j), with L_matrix = mean_ij (M_ij - S_ij)^2, S_ij the measured similarity of i and j;
- the picture: the losses of DCNN on the pairs. One text calls DRN unsupervised, but its code
  compares with labels.

ResNet's pretrained weights come from a local file. Without one the encoder starts from random
weights, as the documents' code does (`pretrained=False`), and must learn to see from few faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import TrainError
from ..features import IMAGENET_MEAN, IMAGENET_STD, VGGFeatures
from .batches import Batch
from .dcnn import WEIGHTS as PAINTING_WEIGHTS
from .dcnn import PaintingObjective
from .layers import SelfAttention, conv3
from .player import Player
from .recipe import DomainRecipe, factors
from .similarity import descriptors, similarity_matrix

WEIGHTS = {**PAINTING_WEIGHTS, "matrix": 1.0}
BOTTOM = 2048
SKIPS = (512, 256, 64)
GROUPS = 8


class ResNetEncoder(nn.Module):
    """Face (B, 3, H, W) in [0, 1] -> {channels: features} at 1/2 (64), 1/4 (256), 1/8 (512) and
    1/32 (2048) of the size (He et al. 2016)."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50

        whole = resnet50(weights=None)
        self.enter = nn.Sequential(whole.conv1, whole.bn1, whole.relu)
        self.quarter = nn.Sequential(whole.maxpool, whole.layer1)
        self.eighth = whole.layer2
        self.bottom = nn.Sequential(whole.layer3, whole.layer4)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])

    def forward(self, image: Tensor) -> dict[int, Tensor]:
        half = self.enter((image - self.mean) / self.std)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        return {64: half, 256: quarter, 512: eighth, BOTTOM: self.bottom(eighth)}

    def load(self, file: Path) -> None:
        """Take pretrained weights with torchvision's names.

        Raises:
            TrainError: no such file, or not ResNet-50's.
        """
        from torchvision.models import resnet50

        whole = resnet50(weights=None)
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            whole.load_state_dict(
                {n: v for n, v in state.items() if not n.startswith("fc.")}, False
            )
            missing = set(whole.state_dict()) - set(state) - {"fc.weight", "fc.bias"}
        except FileNotFoundError as error:
            raise TrainError(f"no such file of ResNet-50's weights: {file}") from error
        except Exception as error:
            reason = f"cannot read ResNet-50's weights from {file}: {error}"
            raise TrainError(reason.splitlines()[0]) from error
        if missing := {name for name in missing if "num_batches" not in name}:
            raise TrainError(f"{file} does not hold ResNet-50's weights: no {min(missing)}")
        self.enter[0], self.enter[1] = whole.conv1, whole.bn1
        self.quarter[1], self.eighth = whole.layer1, whole.layer2
        self.bottom = nn.Sequential(whole.layer3, whole.layer4)


class DecoderBlock(nn.Module):
    """Upsampling, a convolution, and a second one that takes in what the encoder saw there.

    Group normalisation stands in for the documents' batch normalisation: a batch of four faces has
    no statistics worth keeping.
    """

    def __init__(self, in_channels: int, out_channels: int, scale: float) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=scale)
        self.first = nn.Sequential(
            conv3(in_channels, out_channels), nn.GroupNorm(GROUPS, out_channels), nn.LeakyReLU(0.2)
        )
        self.second = nn.Sequential(
            conv3(2 * out_channels, out_channels),
            nn.GroupNorm(GROUPS, out_channels),
            nn.LeakyReLU(0.2),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.second(torch.cat([self.up(self.first(x)), skip], dim=1))


class DRN(nn.Module):
    """Face (B, 3, H, W) in [0, 1] -> its painting, not clamped.

    H and W are multiples of 32, and at least 64.
    """

    size_multiple = 32
    num_style_values = 0

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNetEncoder()
        self.attention = SelfAttention(BOTTOM)
        self.weigh = nn.Linear(BOTTOM, BOTTOM)
        nn.init.zeros_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)
        widths, scales = (BOTTOM, *SKIPS), (4.0, 2.0, 2.0)
        self.blocks = nn.ModuleList(
            DecoderBlock(*sizes) for sizes in zip(widths, SKIPS, scales, strict=False)
        )
        self.leave = nn.Sequential(nn.Upsample(scale_factor=2.0), conv3(SKIPS[-1], 3))

    def forward(self, image: Tensor) -> Tensor:
        return self.decode(*self.encode(image))

    def encode(self, image: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Attended features (B, 2048, H / 32, W / 32), and what was seen on the way."""
        seen = self.encoder(image)
        return self.attention(seen[BOTTOM]), seen

    def decode(self, attended: Tensor, seen: dict[int, Tensor]) -> Tensor:
        """The painting of what `encode` found."""
        x = self.turned(attended)
        for block, channels in zip(self.blocks, SKIPS, strict=True):
            x = block(x, seen[channels])
        return self.leave(x) + 0.5

    def turned(self, attended: Tensor) -> Tensor:
        """Attended features times the softmax weights of their channels."""
        weights = self.weigh(pooled(attended)).softmax(dim=1) * BOTTOM
        return attended * weights[:, :, None, None]


class DRNObjective(nn.Module):
    """`Batch` -> DCNN's loss terms, and how far the matrix of cosines is from the measured one."""

    def __init__(self, net: DRN, features: VGGFeatures, features_px: int) -> None:
        super().__init__()
        self.net, self.features = net, features
        self.painting = PaintingObjective(net, features, features_px)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        # One pass for both domains: normalisation then sees them together.
        attended, seen = self.net.encode(torch.cat([batch.source, batch.target]))
        source, target = attended.chunk(2)
        painted = self.net.decode(source, {c: part.chunk(2)[0] for c, part in seen.items()})
        found = cosine_matrix(self.net.turned(source), target)
        with torch.no_grad():
            measured = similarity_matrix(
                descriptors(self.features, batch.source), descriptors(self.features, batch.target)
            )
        terms = self.painting.compare(painted.float(), batch.target)
        return {**terms, "matrix": (found - measured).square().mean()}


def pooled(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C): means over places."""
    return features.mean(dim=(2, 3))


def cosine_matrix(source: Tensor, target: Tensor) -> Tensor:
    """Cosines of the pooled features (A, C, H, W) and (B, C, H, W) -> (A, B)."""
    one, other = (F.normalize(pooled(part.float()), dim=1) for part in (source, target))
    return one @ other.T


def create(resnet: Path | None) -> DRN:
    """An untrained network; its encoder from a file of ResNet-50's weights, if there is one."""
    net = DRN()
    if resnet is not None:
        net.encoder.load(resnet)
    return net


def restore(weights: Mapping[str, Tensor]) -> DRN:
    """The network of a checkpoint, with these weights."""
    net = DRN()
    net.load_state_dict(dict(weights))
    return net


def players(net: DRN, recipe: DomainRecipe, features: VGGFeatures) -> list[Player]:
    """Who learns: the whole network, from pairs."""
    objective = DRNObjective(net, features, recipe.size_px)
    return [Player("generator", net, objective, factors(recipe, WEIGHTS))]
