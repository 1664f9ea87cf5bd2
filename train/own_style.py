"""A style of one's own: only the style vector of a trained generator learns, not its weights.

Dumoulin et al. 2017 ("A Learned Representation for Artistic Style") add a style to a trained
network in this way, in a small part of the steps that the network took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import rtstyle
from rtstyle.capture.images import read_image
from rtstyle.errors import SourceError

from . import losses
from .data import PhotoCrops, picture_tensor
from .devices import mixed_precision
from .features import CONTENT_LAYER, VGGFeatures
from .generators import UnshuffleNet
from .recipe import Weights

MIN_PICTURE_PX = 128
"""A smaller picture has too few brush strokes to learn from."""
MIN_PHOTOS = 2
CALIBRATION_BATCHES = 4
START_CROPS = 4
WARM_UP_STEPS = 20
SHIPPED_PHOTOS = Path(rtstyle.__file__).resolve().parent / "photos"


@dataclass(frozen=True)
class FitOptions:
    """How long and how fast a style vector learns; it ends at `steps` or `max_seconds`."""

    steps: int = 600
    max_seconds: float = 540.0
    batch: int = 2
    size_px: int = 256
    learning_rate: float = 0.03
    seed: int = 1
    weights: Weights = field(
        default_factory=lambda: Weights(style=8.0, total_variation=0.5, lattice=1.0, cells=1.0)
    )


@dataclass(frozen=True)
class FitProgress:
    """Where a fit stands: `share` of it that is done, and the loss terms of the last step."""

    step: int
    share: float
    elapsed_seconds: float
    terms: dict[str, float]


def load_style_picture(path: Path, short_side_px: int) -> Tensor:
    """A picture to learn from, upright, as (3, H, W) in [0, 1], of about `short_side_px`.

    Raises:
        SourceError: no picture, too large, or too small to learn from.
    """
    image = Image.fromarray(read_image(path))
    if min(image.size) < MIN_PICTURE_PX:
        raise SourceError(
            f"{path} is too small to learn a style from: {image.width}x{image.height}",
            f"its shorter side must have at least {MIN_PICTURE_PX} pixels, better 512",
            "take a larger photo or scan of the picture",
        )
    # A scroll is made smaller than its short side asks for: its length would fill the memory.
    area_scale = (2 * short_side_px**2 / (image.width * image.height)) ** 0.5
    return picture_tensor(image, min(short_side_px / min(image.size), area_scale))


def content_photos(folders: Sequence[Path], size_px: int) -> PhotoCrops:
    """Crops of the photos in the folders and of the few that rtstyle ships.

    Raises:
        TrainError: a folder is missing.
    """
    return PhotoCrops([SHIPPED_PHOTOS, *folders], size_px, MIN_PHOTOS)


class StyleFit:
    """Fits a style vector (P,) to target statistics: `advance` makes one step.

    Args:
        net: the generator; its weights stay as they are.
        targets: {layer: Gram matrix (1, C, C)}, see `fusion.style_targets`.
        features: calibrated.
        photos: to be painted.
        regularity: of the pictures (`losses.regularity`): so much may repeat in paintings too.
    """

    def __init__(
        self,
        net: UnshuffleNet,
        targets: dict[str, Tensor],
        features: VGGFeatures,
        photos: PhotoCrops,
        options: FitOptions,
        regularity: float = 0.0,
    ) -> None:
        self.net = net.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        self.targets, self.features, self.photos = targets, features, photos
        self.options = options
        self.random = torch.Generator().manual_seed(options.seed)
        self.device = next(net.parameters()).device
        self.regularity = torch.tensor(regularity, device=self.device)
        self.vector = torch.nn.Parameter(net.neutral_style().to(self.device))
        self.optimizer = torch.optim.Adam([self.vector], lr=options.learning_rate)
        self.step = 0

    def start_from(self, vectors: Sequence[NDArray[np.float32]]) -> int:
        """Begin with that of the vectors (P,) that already comes nearest; its index."""
        image = F.avg_pool2d(self._batch(START_CROPS), 2)  # small: there may be many to look at
        seen = self.see(image)
        scores = []
        with torch.no_grad():
            for vector in vectors:
                terms = self.losses(image, seen, torch.from_numpy(vector).to(self.device))
                scores.append(self._total(terms).item())
            best = int(np.argmin(scores))
            self.vector.copy_(torch.from_numpy(vectors[best]))
        return best

    def advance(self, share: float) -> dict[str, float]:
        """One step on fresh crops; `share` of the fit is over. Returns the loss terms by name."""
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        rate = self.options.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * min(1.0, share)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        image = self._batch(self.options.batch)
        terms = self.losses(image, self.see(image), self.vector)
        self.optimizer.zero_grad(set_to_none=True)
        self._total(terms).backward()
        self.optimizer.step()
        self.step += 1
        return {name: value.item() for name, value in terms.items()}

    @torch.no_grad()
    def see(self, image: Tensor) -> Tensor:
        """Content features of photos (B, 3, H, W)."""
        with mixed_precision(self.device):
            return self.features(image, until=CONTENT_LAYER)[CONTENT_LAYER]

    def losses(self, image: Tensor, seen: Tensor, vector: Tensor) -> dict[str, Tensor]:
        """Loss terms, named as in `Weights`, for photos (B, 3, H, W) in the style `vector` (P,).

        `seen` are the photos' content features.
        """
        with mixed_precision(self.device):
            output = self.net(image, vector.expand(len(image), -1)).float()
            found = self.features(output)
        period = self.net.config.size_multiple
        distances = [
            losses.style_distance(losses.gram_matrix(found[layer]), target)
            for layer, target in self.targets.items()
        ]
        return {
            "content": losses.content_distance(found[CONTENT_LAYER], seen).mean(),
            "style": torch.stack(distances).mean(),
            "total_variation": losses.total_variation(output),
            "lattice": losses.excess_lattice(output, period, self.regularity),
            "cells": losses.excess_cell_dependence(output, period, self.regularity),
        }

    @torch.no_grad()
    def paint(self, image: Tensor) -> Tensor:
        """Photo (3, H, W) in [0, 1], sides multiples of the net's -> painted, in [0, 1]."""
        return self.net(image[None].to(self.device), self.vector[None])[0].clamp(0, 1).cpu()

    def style_vector(self) -> NDArray[np.float32]:
        """What was learned, (P,)."""
        return self.vector.detach().cpu().numpy().copy()

    def _batch(self, count: int) -> Tensor:
        return self.photos.batch(count, self.random).to(self.device)

    def _total(self, terms: dict[str, Tensor]) -> Tensor:
        factors = vars(self.options.weights)
        return torch.stack([factors[name] * value for name, value in terms.items()]).sum()


def fit(run: StyleFit, report: Callable[[FitProgress], None]) -> FitProgress:
    """Advance until the options' steps or seconds are over; `report` hears of every step."""
    options, started = run.options, time.monotonic()
    while True:
        share = max(run.step / options.steps, (time.monotonic() - started) / options.max_seconds)
        terms = run.advance(share)
        elapsed = time.monotonic() - started
        share = max(run.step / options.steps, elapsed / options.max_seconds)
        progress = FitProgress(run.step, min(1.0, share), elapsed, terms)
        report(progress)
        if share >= 1:
            return progress


def calibrate(features: VGGFeatures, photos: PhotoCrops, device: torch.device) -> None:
    """Give the features unit rms on the photos."""
    random = torch.Generator().manual_seed(0)
    batches = (photos.batch(2, random).to(device) for _ in range(CALIBRATION_BATCHES))
    features.to(device).calibrate(batches)
