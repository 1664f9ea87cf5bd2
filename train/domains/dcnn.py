"""DCNN style transfer, after the source documents: VGG's features, decoded into a painting.

The encoder is VGG19 (or VGG16) up to its fourth stage of convolutions, with pretrained weights that
stay as they are; the decoder mirrors it with convolutions and upsampling. It learns from pairs:
mean squared error of pixels, and the distance of VGG features ("feature matching").

One document first calls the source the giver of style and later maps source to target. Here the
source is always the face and the target its painting: that is what its code trains. Its encoder is
`features[:16]`, which for VGG19 ends within the third stage while 512 channels are expected; here
the fourth stage is really reached (relu4_3).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..features import VGGFeatures
from .batches import Batch
from .layers import conv3
from .pair_losses import feature_loss, texture_loss
from .player import Player
from .recipe import DomainRecipe, factors

BOTTOM = "relu4_3"
WEIGHTS = {"pixels": 10.0, "features": 1.0, "texture": 1.0}


class DCNN(nn.Module):
    """Face (B, 3, H, W) in [0, 1] -> its painting, not clamped; H and W multiples of 8.

    `encoder` is calibrated, so that its features come in a scale the decoder can work with.
    """

    size_multiple = 8
    num_style_values = 0

    def __init__(self, encoder: VGGFeatures) -> None:
        super().__init__()
        self.encoder = encoder
        channels = [512, 256, 128, 64]
        layers: list[nn.Module] = []
        for wide, narrow in pairwise(channels):
            layers += [conv3(wide, narrow), nn.ReLU(), nn.Upsample(scale_factor=2.0)]
            layers += [conv3(narrow, narrow), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, conv3(64, 3))
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                # torch's own beginning would let a sixth of the variance through each layer, so
                # that seven of them without a normalisation begin almost silent.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image, until=BOTTOM)[BOTTOM]) + 0.5


class PaintingObjective(nn.Module):
    """`Batch` -> how far a network's painting of the source is from the target.

    `pixels` is the mean squared error, `features` the mean over VGG's layers of the squared
    difference of unit-rms features, `texture` the same of Gram matrices, relative to the target's:
    where strokes lie is chance, and their mean would be a blur. Features are compared at
    `features_px` at most.
    """

    def __init__(self, net: nn.Module, features: VGGFeatures, features_px: int) -> None:
        super().__init__()
        self.net, self.features, self.features_px = net, features, features_px

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.compare(self.net(batch.source).float(), batch.target)

    def compare(self, painted: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Loss terms of paintings (B, 3, H, W) against targets."""
        with torch.no_grad():
            aim = self.features(self._reduced(target))
        found = self.features(self._reduced(painted))
        return {
            "pixels": (painted - target).square().mean(),
            "features": feature_loss(found, aim).mean(),
            "texture": texture_loss(found, aim).mean(),
        }

    def _reduced(self, image: Tensor) -> Tensor:
        if image.shape[-1] <= self.features_px:
            return image
        size = (self.features_px, self.features_px)
        return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def create(features: VGGFeatures) -> DCNN:
    """An untrained network around the features."""
    return DCNN(features)


def restore(weights: Mapping[str, Tensor]) -> DCNN:
    """The network of a checkpoint, with these weights."""
    prefix = "encoder.features."
    encoder = {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}
    net = DCNN(VGGFeatures(encoder))
    net.load_state_dict(dict(weights))
    return net


def players(net: DCNN, recipe: DomainRecipe, features: VGGFeatures) -> list[Player]:
    """Who learns: the decoder, from pairs."""
    objective = PaintingObjective(net, features, recipe.size_px)
    return [Player("generator", net, objective, factors(recipe, WEIGHTS))]
