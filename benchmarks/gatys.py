"""Painting by optimisation, the yardstick for networks: Gatys et al. 2016 with L-BFGS.

The loss is the benchmark's own and does not follow any recipe: content (relu3_3 of VGG16) plus
8 times style (Gram matrices of relu1_2, 2_2, 3_3, 4_3, each relative to the picture's), every layer
of unit rms over the photos of the benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from rtstyle.frame import Pixels
from train.data import picture_tensor
from train.features import CONTENT_LAYER, VGGFeatures
from train.losses import content_distance, gram_matrix, style_distance

TOLERANCE = 1e-4
"""Curves on disk are rounded; a loss within this of one is as good."""


@dataclass(frozen=True)
class Protocol:
    """All that a figure depends on; another protocol needs other curves."""

    photo_px: int = 256
    style_short_side_px: int = 512
    content_weight: float = 1.0
    style_weight: float = 8.0
    evaluations: int = 150
    memory: int = 20
    """Steps that L-BFGS remembers."""
    features_sha256: str = ""

    def asdict(self) -> dict[str, float | int | str]:
        return asdict(self)


@dataclass(frozen=True)
class Score:
    """Losses of one painting; `loss` is their weighted sum."""

    content: float
    style: float
    loss: float


class Gatys:
    """Scores paintings, and paints by optimisation, with fixed losses.

    Args:
        features: uncalibrated; they are given unit rms on `photos`.
        photos: (H, W, 3), all of one size.
        protocol: weights and sizes.
    """

    def __init__(self, features: VGGFeatures, photos: Sequence[Pixels], protocol: Protocol) -> None:
        self.features, self.protocol = features, protocol
        self.features.calibrate([to_tensor(photo) for photo in photos])

    @torch.no_grad()
    def targets(self, picture: Path) -> dict[str, Tensor]:
        """Gram matrices (1, C, C) of a style picture by layer."""
        with Image.open(picture) as opened:
            image = opened.convert("RGB")
        scale = self.protocol.style_short_side_px / min(image.size)
        found = self.features(picture_tensor(image, scale)[None])
        return {layer: gram_matrix(features) for layer, features in found.items()}

    @torch.no_grad()
    def score(self, painted: Pixels, photo: Pixels, targets: dict[str, Tensor]) -> Score:
        """Losses of `painted` as a painting of `photo`, both (H, W, 3)."""
        content, style = self._terms(to_tensor(painted), self._content(photo), targets)
        return Score(content.item(), style.item(), self._total(content, style).item())

    def curve(self, photo: Pixels, targets: dict[str, Tensor]) -> list[float]:
        """Lowest loss so far after each evaluation of L-BFGS, which starts from the photo.

        The first value is that of the photo itself. Pixels are held in [0, 1] (L-BFGS-B), as a
        painting's are.
        """
        from scipy.optimize import Bounds, minimize

        content = self._content(photo)
        start = to_tensor(photo)
        losses: list[float] = []

        def evaluate(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            image = torch.from_numpy(values.astype(np.float32)).reshape(start.shape)
            image = image.requires_grad_()
            loss = self._total(*self._terms(image, content, targets))
            (gradient,) = torch.autograd.grad(loss, image)
            losses.append(loss.item())
            return loss.item(), gradient.numpy().astype(np.float64).ravel()

        count = self.protocol.evaluations
        minimize(
            evaluate,
            start.numpy().astype(np.float64).ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(0, 1),
            options={
                "maxfun": count,
                "maxiter": count,
                "maxcor": self.protocol.memory,
                "ftol": 0,
                "gtol": 0,
            },
        )
        # A line search may go past `maxfun`, and may stop where float32 sees no way down.
        lowest = np.minimum.accumulate(losses)[:count]
        return [float(loss) for loss in np.pad(lowest, (0, count - len(lowest)), mode="edge")]

    def _content(self, photo: Pixels) -> Tensor:
        with torch.no_grad():
            return self.features(to_tensor(photo), until=CONTENT_LAYER)[CONTENT_LAYER]

    def _terms(
        self, image: Tensor, content: Tensor, targets: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        found = self.features(image)
        distances = [
            style_distance(gram_matrix(found[layer]), target) for layer, target in targets.items()
        ]
        return content_distance(found[CONTENT_LAYER], content)[0], torch.stack(distances).mean()

    def _total(self, content: Tensor, style: Tensor) -> Tensor:
        return self.protocol.content_weight * content + self.protocol.style_weight * style


def equivalent_iterations(loss: float, curve: Sequence[float]) -> int:
    """The first evaluation at which L-BFGS is as good; past the curve's end, its length."""
    enough = loss * (1 + TOLERANCE)
    reached = [number for number, value in enumerate(curve) if value <= enough]
    return reached[0] if reached else len(curve)


def to_tensor(pixels: Pixels) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
