"""What `recipes.py` measures of a trained generator: on clips, on photos and on faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtstyle.frame import Pixels
from train.bank import trained
from train.checkpoint import load_checkpoint
from train.data import load_picture
from train.features import CONTENT_LAYER, VGGFeatures
from train.importance import find_faces
from train.losses import content_distance, gram_matrix, style_distance

from . import stability
from .flicker_clips import Clip

DARK_GAIN, DARK_LIFT, DARK_NOISE_STD = 0.25, 12.0, 3.0
"""A webcam in the evening: a quarter of the light, lifted blacks, noise (levels of 255)."""

KEPT_SHARE = 0.9
"""Share of the running statistics that `smoothed` keeps from frame to frame."""


class RunningNorm(nn.Module):
    """Instance normalisation by a running average of the statistics, one frame after another."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        now = torch.stack([x.mean(dim=(2, 3)), x.var(dim=(2, 3), correction=0)])
        if self.moments is None:
            self.moments = now
        self.moments = torch.lerp(now, self.moments, KEPT_SHARE)
        mean, variance = self.moments[..., None, None]
        return (x - mean) / (variance + 1e-5).sqrt()


class Trained:
    """A run's averaged weights, painting frames (H, W, 3)."""

    def __init__(self, checkpoint: Path, *, smoothed: bool) -> None:
        saved = load_checkpoint(checkpoint)
        self.step = saved.step
        self.model, self.recipe = trained(saved)
        self.norms: list[RunningNorm] = []
        if smoothed:
            self.norms = [RunningNorm() for _ in self.model.net.conditional_convs]
            for conv, norm in zip(self.model.net.conditional_convs, self.norms, strict=True):
                conv.normalise = norm

    def reset(self) -> None:
        """Forget the frames before."""
        for norm in self.norms:
            norm.moments = None

    @torch.no_grad()
    def paint(self, pixels: Pixels, style: str) -> Pixels:
        weights = torch.zeros(1, len(self.recipe.style_names))
        weights[0, self.recipe.style_names.index(style)] = 1
        height, width = pixels.shape[:2]
        image = to_image(pixels)
        image = F.pad(image, (0, -width % 8, 0, -height % 8), mode="reflect")
        painted = self.model(image, weights)[0, :, :height, :width]
        rounded = (painted.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        return np.ascontiguousarray(rounded.permute(1, 2, 0).numpy())


def measure_clip(
    clip: Clip, truth: stability.Correspondence, painter: Trained, style: str
) -> dict[str, float]:
    """What `benchmarks.flicker` measures, of frames painted one by one."""
    painter.reset()
    painted = []
    for index, frame in enumerate(clip.frames):
        if index == clip.cut:
            painter.reset()
        painted.append(painter.paint(frame, style))
    found = {"excess": stability.excess_warping_error(painted, clip.frames, truth)}
    if clip.name == "noise":
        found["noise_gain"] = stability.noise_gain(painted, clip.frames)
    elif clip.unmoved is not None:
        found["tint_drift"] = stability.tint_drift(painted, clip.unmoved)
    if clip.cut is not None:
        painter.reset()
        alone = painter.paint(clip.frames[-1], style)
        found["settled_after_cut"] = float(cv2.absdiff(painted[-1], alone).mean())
    return found


@torch.no_grad()
def measure_photos(
    photos: Sequence[Pixels], painter: Trained, style: str, features: VGGFeatures, picture: Path
) -> dict[str, float]:
    """Style loss over that of the unpainted photo, and content loss; means over photos."""
    target = {
        layer: gram_matrix(found)
        for layer, found in features(load_picture(picture, short_side=512)[None]).items()
    }

    def distance(found: dict[str, Tensor]) -> float:
        return mean(style_distance(gram_matrix(found[k]), target[k]).item() for k in target)

    left, content = [], []
    for photo in photos:
        painter.reset()
        seen, found = features(to_image(photo)), features(to_image(painter.paint(photo, style)))
        left.append(distance(found) / distance(seen))
        content.append(content_distance(found[CONTENT_LAYER], seen[CONTENT_LAYER]).item())
    return {"style_left": mean(left), "content": mean(content)}


@torch.no_grad()
def measure_faces(
    faces: Sequence[tuple[Pixels, Tensor]], painter: Trained, style: str, features: VGGFeatures
) -> dict[str, float]:
    """Content loss on photos of faces: as everywhere, and of eyes, mouths and what is near."""
    everywhere, marked = [], []
    for photo, marks in faces:
        painter.reset()
        seen, found = (
            features(to_image(pixels), CONTENT_LAYER)[CONTENT_LAYER]
            for pixels in (photo, painter.paint(photo, style))
        )
        weights = F.interpolate(marks, seen.shape[2:], mode="bilinear", antialias=True)
        everywhere.append(content_distance(found, seen).item())
        marked.append(content_distance(found, seen, weights / weights.mean()).item())
    return {"faces content": mean(everywhere), "faces content_marked": mean(marked)}


def read(file: Path) -> Pixels:
    return cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def faces_in(folder: Path) -> list[tuple[Pixels, Tensor]]:
    """Every fourth photo in which a face is found, with its marks (1, 1, H, W)."""
    photos = [read(file) for file in sorted(folder.glob("*.jpg"))[::4]]
    marks = find_faces([to_image(photo)[0].mul(255).byte() for photo in photos])
    return [(p, m[None].float() / 255) for p, m in zip(photos, marks, strict=True) if m.any()]


def darkened(photo: Pixels) -> Pixels:
    noise = np.random.default_rng(1).normal(0, DARK_NOISE_STD, photo.shape)
    return np.clip(photo * DARK_GAIN + DARK_LIFT + noise, 0, 255).astype(np.uint8)


def to_image(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
