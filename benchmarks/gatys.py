"""Painting by optimisation, the yardstick for networks: Gatys et al. 2016 with L-BFGS.

The loss is the benchmark's own and does not follow any recipe: content (relu3_3 of VGG16) plus
8 times style (Gram matrices of relu1_2, 2_2, 3_3, 4_3, each relative to the picture's), every layer
of unit rms over the photos of the benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rtstyle.frame import Pixels
from train.data import picture_tensor
from train.features import CONTENT_LAYER, VGGFeatures
from train.losses import content_distance, gram_matrix, style_distance

TOLERANCE = 1e-4
"""Curves on disk are rounded; a loss within this of one is as good."""

Start = Literal["noise", "photo"]


@dataclass(frozen=True)
class Protocol:
    """All that a figure depends on; another protocol needs other curves."""

    photo_px: int = 256
    style_short_side_px: int = 512
    content_weight: float = 1.0
    style_weight: float = 8.0
    start: Start = "noise"
    """Where L-BFGS begins: grey with noise of one level, as with Johnson et al., or the photo."""
    evaluations: int = 150
    memory: int = 100
    """Steps that L-BFGS remembers."""
    bfloat16: bool = True
    """Whether the curves' convolutions are computed in bfloat16; scores never are. Seen on a pair:
    the losses of its images in float32 are within 0.2 % of the curve, and its end is 0.136 in both;
    on the way, rounding moves a curve by two or three evaluations, and now and then by far more: 50
    pairs took .65 to 1.6 times as many on a CPU as on a GPU, 1.03 on average."""
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
        features: uncalibrated, on the device that is to do the work; they are given unit rms on
            `photos`.
        photos: (H, W, 3), all of one size.
        protocol: weights and sizes.
    """

    def __init__(self, features: VGGFeatures, photos: Sequence[Pixels], protocol: Protocol) -> None:
        self.features, self.protocol = features, protocol
        self.features.calibrate([self._tensor(photo) for photo in photos])

    @torch.no_grad()
    def targets(self, picture: Path) -> dict[str, Tensor]:
        """Gram matrices (1, C, C) of a style picture by layer."""
        with Image.open(picture) as opened:
            image = opened.convert("RGB")
        scale = self.protocol.style_short_side_px / min(image.size)
        found = self.features(picture_tensor(image, scale)[None].to(self.features.mean.device))
        return {layer: gram_matrix(features) for layer, features in found.items()}

    @torch.no_grad()
    def score(self, painted: Pixels, content: Tensor, targets: dict[str, Tensor]) -> Score:
        """Losses of `painted` (H, W, 3) as a painting of the photo with that `content`."""
        found = self.features(self._tensor(painted))
        content, style = self._terms(found, content, targets)
        return Score(content.item(), style.item(), self._total(content, style).item())

    def curve(self, photo: Pixels, targets: dict[str, Tensor]) -> list[float]:
        """Lowest loss so far after each evaluation of L-BFGS; the first is that of its start.

        As in Johnson et al. 2016: no line search, and pixels are clipped to [0, 1], as a painting's
        are, before each evaluation.
        """
        protocol = self.protocol
        content = self.content(photo)
        image = self._start(photo).requires_grad_()
        losses: list[float] = []

        def evaluate() -> Tensor:
            with torch.no_grad():
                image.clamp_(0, 1)
            with torch.autocast(image.device.type, torch.bfloat16, enabled=protocol.bfloat16):
                found = self.features(image)
            loss = self._total(*self._terms(found, content, targets))
            (gradient,) = torch.autograd.grad(loss, image)
            image.grad = gradient.contiguous()
            losses.append(loss.item())
            return loss

        torch.optim.LBFGS(
            [image],
            max_iter=protocol.evaluations,
            max_eval=protocol.evaluations,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=protocol.memory,
        ).step(evaluate)  # type: ignore[arg-type]
        lowest = np.minimum.accumulate(losses)
        missing = protocol.evaluations - len(lowest)
        return [float(loss) for loss in np.pad(lowest, (0, missing), mode="edge")]

    def _start(self, photo: Pixels) -> Tensor:
        """Where L-BFGS begins, (1, 3, H, W)."""
        start = self._tensor(photo)
        if self.protocol.start == "photo":
            return start
        random = torch.Generator().manual_seed(0)
        noise = torch.randn(start.shape, generator=random).to(start.device)
        return (0.5 + noise / 255).clamp(0, 1)

    @torch.no_grad()
    def content(self, photo: Pixels) -> Tensor:
        """Content features (1, C, H / 4, W / 4) of a photo (H, W, 3)."""
        return self.features(self._tensor(photo), until=CONTENT_LAYER)[CONTENT_LAYER]

    def _tensor(self, pixels: Pixels) -> Tensor:
        return to_tensor(pixels).to(self.features.mean.device)

    def _terms(
        self, found: dict[str, Tensor], content: Tensor, targets: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        distances = [
            style_distance(gram_matrix(found[layer].float()), target)
            for layer, target in targets.items()
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
