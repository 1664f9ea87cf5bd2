"""What perceptual training lowers: the loss terms of a sample, named as in `Weights`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from . import losses
from .bank import StyledGenerator
from .data import load_picture
from .devices import mixed_precision
from .features import CONTENT_LAYER, VGGFeatures
from .recipe import Recipe

CROP_SHARE = 0.625
"""Side of the crop of a crop, for equivariance."""

UNEVEN_SHARE = 0.5
"""Quarters of paintings may be off by this share of what parts of the style's picture are: what is
bare by right in a picture, as the sky of a print, is soon bare everywhere."""

Features = dict[str, Tensor]
"""By layer."""


class Sample(NamedTuple):
    """What one step looks at.

    Photos (B, 3, H, W) in [0, 1], mixtures of styles (B, S), the motion of the disturbed photos
    (B, H, W, 2), and if wanted the importance of places of the content features (B, 1, h, w), and
    two successive frames (2, 3, H, W).
    """

    image: Tensor
    weights: Tensor
    flow: Tensor
    importance: Tensor | None = None
    pair: Tensor | None = None


class Objective:
    """The losses that a recipe asks for.

    Args:
        recipe: its styles and its weights are used; a term without a weight is not computed.
        data: folder of the style pictures.
        features: calibrated, on the device.
        device: of the samples.
    """

    def __init__(
        self, recipe: Recipe, data: Path, features: VGGFeatures, device: torch.device
    ) -> None:
        self.weights, self.features, self.device = recipe.weights, features, device
        self.emphases = torch.tensor(recipe.style_emphases, device=device)
        self.steadiness = torch.tensor(recipe.style_steadiness, device=device)
        files = [style.path(data) for style in recipe.styles]
        self.grams = self._style_grams(files, recipe.style_short_side_px)
        if self.weights.coarse_style:
            self.coarse_grams = self._style_grams(files, recipe.style_short_side_px // 2)
        if self.weights.quarters:
            side = min(recipe.size_px, recipe.style_short_side_px) // 2
            self.unevenness = self._unevenness(files, recipe.style_short_side_px, side)
        if self.weights.lattice or self.weights.cells:
            self.regularities = self._regularities(files, recipe.style_short_side_px)

    def terms(
        self, model: StyledGenerator, sample: Sample, asks_original: bool
    ) -> dict[str, Tensor]:
        """Loss terms. `asks_original`: whether the photo's own style is part of any mixture, which
        is seldom and costs a fifth more."""
        image, weights, flow, importance, pair = sample
        disturbed = losses.disturb(image, flow)
        with mixed_precision(self.device):
            with torch.no_grad():
                seen = self.features(image, "relu4_3" if asks_original else CONTENT_LAYER)
            grains = _grains(model, flow)
            painted = model(torch.cat([image, disturbed]), weights.repeat(2, 1), grains)
            output, disturbed_output = painted.float().chunk(2)
            found = self.features(output)
        own = seen if asks_original else {}
        content = losses.content_distance(found[CONTENT_LAYER], seen[CONTENT_LAYER], importance)
        pixels = (output - image).abs().mean(dim=(1, 2, 3))
        steadiness = weights @ self.steadiness
        terms = {
            "content": content.mean(),
            "style": self._style(found, own, self.grams, weights),
            "total_variation": losses.total_variation(output),
            "stability": losses.compound_regularisation(output, disturbed_output, flow, steadiness),
            "identity": (weights[:, 0] * pixels).mean(),
        }
        if self.weights.equivariance:
            terms["equivariance"] = self._equivariance(model, sample, output)
        if self.weights.quarters:
            terms["quarters"] = self._quarters(found, own, weights)
        if self.weights.coarse_style:
            terms["coarse_style"] = self._coarse_style(sample, output, asks_original)
        period = model.net.config.size_multiple
        if self.weights.lattice:
            allowed = weights @ self.regularities
            terms["lattice"] = losses.excess_lattice(output, period, allowed)
        if self.weights.cells:
            allowed = weights @ self.regularities
            terms["cells"] = losses.excess_cell_dependence(output, period, allowed)
        if pair is not None:
            with mixed_precision(self.device):
                painted = model(pair, weights[:1].repeat(2, 1)).float()
            terms["frame_difference"] = steadiness[0] * losses.frame_difference(painted, pair)
        return terms

    def _equivariance(self, model: StyledGenerator, sample: Sample, output: Tensor) -> Tensor:
        """How far a crop's painting is from the crop of the painting."""
        multiple = model.net.config.size_multiple
        size = int(output.shape[2] * CROP_SHARE) // multiple * multiple
        rows, columns = losses.random_crop(output, size, multiple)
        with mixed_precision(self.device):
            part = model(sample.image[..., rows, columns], sample.weights).float()
        return (output[..., rows, columns] - part).abs().mean()

    def _quarters(self, found: Features, seen: Features, weights: Tensor) -> Tensor:
        """By how much more the quarters of paintings are off than parts of the pictures are."""
        quarters, seen_quarters = (
            {layer: losses.parts(whole, 2, 2) for layer, whole in features.items()}
            for features in (found, seen)
        )
        weights = weights.repeat_interleave(4, dim=0)
        distances = _style_distances(quarters, seen_quarters, self.grams, weights)
        excess = F.relu(distances - UNEVEN_SHARE * (weights @ self.unevenness))
        return (excess * (weights @ self.emphases)).mean()

    def _coarse_style(self, sample: Sample, output: Tensor, asks_original: bool) -> Tensor:
        """The style loss of paintings and pictures at half of their size."""
        with mixed_precision(self.device):
            found = self.features(F.avg_pool2d(output, 2))
            with torch.no_grad():
                seen = self.features(F.avg_pool2d(sample.image, 2)) if asks_original else {}
        return self._style(found, seen, self.coarse_grams, sample.weights)

    def _style(self, found: Features, seen: Features, grams: Features, weights: Tensor) -> Tensor:
        """Mean distance from the mixtures (B, S) aimed at, each with the emphasis of its styles."""
        return (_style_distances(found, seen, grams, weights) * (weights @ self.emphases)).mean()

    @torch.no_grad()
    def _style_grams(self, files: list[Path], short_side_px: int) -> Features:
        """{layer: Gram matrices (S - 1, C, C)} of the style pictures."""
        grams: dict[str, list[Tensor]] = {}
        for file in files:
            picture = load_picture(file, short_side=short_side_px)
            for layer, features in self.features(picture[None].to(self.device)).items():
                grams.setdefault(layer, []).append(losses.gram_matrix(features))
        return {layer: torch.cat(matrices) for layer, matrices in grams.items()}

    @torch.no_grad()
    def _unevenness(self, files: list[Path], short_side_px: int, side_px: int) -> Tensor:
        """(S,): how far parts of a picture, squares, are from its own style on average.

        0 for the photo's own, of which the part that is painted is seen.
        """
        found = [torch.zeros(1, device=self.device)]
        for style, file in enumerate(files):
            picture = load_picture(file, short_side=short_side_px)
            rows, columns = (side // side_px for side in picture.shape[1:])
            picture = picture[None, :, : rows * side_px, : columns * side_px].to(self.device)
            parts = {
                layer: losses.parts(whole, rows, columns)
                for layer, whole in self.features(picture).items()
            }
            weights = torch.zeros(rows * columns, len(files) + 1, device=self.device)
            weights[:, style + 1] = 1
            found.append(_style_distances(parts, {}, self.grams, weights).mean()[None])
        return torch.cat(found)

    def _regularities(self, files: list[Path], short_side_px: int) -> Tensor:
        """(S,): that of the style pictures; of photos, which `original` stands for, none."""
        pictures = (load_picture(file, short_side=short_side_px) for file in files)
        found = [losses.regularity(picture[None]) for picture in pictures]
        return torch.cat([torch.zeros(1), *found]).to(self.device)


def _grains(model: StyledGenerator, flow: Tensor) -> Tensor | None:
    """Grain (2 * B, 1, h, w) of the photos, and of the disturbed ones, in which it moves along.

    If it stayed, strokes that begin in it would be punished for not moving, and plain walls bare.
    """
    if model.net.grain is None:
        return None
    block = model.net.config.unshuffle
    along = F.avg_pool2d(flow.movedim(-1, 1), block) / block
    grain = model.net.grain(along).expand(len(flow), -1, -1, -1)
    moved, _ = losses.warp(grain, along.movedim(1, -1))
    return torch.cat([grain, moved])


def _style_distances(found: Features, seen: Features, grams: Features, weights: Tensor) -> Tensor:
    """Distances (B,) of paintings' features from the mixtures (B, S) of styles aimed at.

    `grams` are those of all pictures but `original`, which stands for the photo's own style, told
    from what is `seen` in it; where no mixture contains it, that may be empty.
    """
    distances = []
    for layer, features in found.items():
        target = torch.einsum("bs,scd->bcd", weights[:, 1:], grams[layer])
        if layer in seen:
            target = target + weights[:, :1, None] * losses.gram_matrix(seen[layer])
        distances.append(losses.style_distance(losses.gram_matrix(features), target))
    return torch.stack(distances).mean(dim=0)
