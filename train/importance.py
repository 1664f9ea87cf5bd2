"""Which parts of a photo must survive being painted: faces, and small things that stand out.

The source documents' loss for small targets says only that pixels count by their importance, so
that what is small reaches the output. Here importance is a map over the photo, by which the content
loss is weighted: faces as MediaPipe finds them, eyes and mouths above all, and for the rest the
spectral residual (Hou & Zhang 2007, "Saliency Detection: A Spectral Residual Approach"), divided by
its own mean over a wide window, so that a small thing counts more than a large one as striking.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rtstyle.errors import EngineError
from rtstyle.face.vision import Detection, MediaPipeVision, Vision, Wanted

logger = logging.getLogger(__name__)

FACE_FACTOR = 6.0
"""How much more the middle of an eye counts than a pixel of no interest."""
SMALL_FACTOR = 1.5
"""The same for the most striking of small things."""
OVAL_SHARE = 0.4
"""A face counts so much of what its eyes and mouth do."""
SURE_SCORE = 0.7
"""Below, the detector also takes organ pipes and book shelves for faces."""
LEAST_CONTRAST = 0.02
"""In a blank photo, which deviates less, nothing stands out but noise."""
ANALYSED_PX = 64
"""The spectral residual is computed at this size, as by its authors."""


def importance_map(image: Tensor, faces: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """How much each place of a photo counts, (B, 1, h, w), with a mean of 1 in every photo.

    Args:
        image: (B, 3, H, W) in [0, 1].
        faces: (B, 1, H, W) in [0, 1], see `find_faces`; zeros where there are none.
        size_hw: h, w of the map.
    """
    small = F.interpolate(small_things(image), size_hw, mode="bilinear", align_corners=False)
    marks = F.interpolate(faces, size_hw, mode="bilinear", antialias=True, align_corners=False)
    weights = 1 + SMALL_FACTOR * small + FACE_FACTOR * marks
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def small_things(image: Tensor) -> Tensor:
    """How much small things stand out, (B, 1, 64, 64) in [0, 1], of photos (B, 3, H, W)."""
    size = (ANALYSED_PX, ANALYSED_PX)
    seen = F.interpolate(image.float(), size, mode="bilinear", antialias=True)
    spectrum = torch.fft.fft2(seen - seen.mean(dim=(2, 3), keepdim=True))
    log_amplitude = (spectrum.abs() + 1e-3).log()
    residual = log_amplitude - _blur(log_amplitude, 3, "circular")
    striking = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
    striking = _blur(_blur(striking.sum(dim=1, keepdim=True), 5), 5)
    striking = striking / (_blur(striking, 31) + striking.mean(dim=(2, 3), keepdim=True) + 1e-9)
    deviation = seen.std(dim=(2, 3), keepdim=True).amax(dim=1, keepdim=True)
    contrast = (deviation / LEAST_CONTRAST).clamp(max=1)
    return ((striking - 0.5) / 1.5).clamp(0, 1) * contrast


def _blur(x: Tensor, width: int, mode: str = "reflect") -> Tensor:
    """Mean over a window of `width` x `width`."""
    padded = F.pad(x, (width // 2,) * 4, mode=mode)
    return F.avg_pool2d(padded, width, stride=1)


def find_faces(
    photos: Sequence[Tensor], open_vision: Callable[[], Vision] | None = None
) -> list[Tensor]:
    """Mark the faces of each photo (3, H, W) uint8: (1, H, W) uint8, 255 on eyes and mouths.

    Without MediaPipe nothing is marked, which is logged.
    """
    try:
        vision = open_vision() if open_vision else MediaPipeVision("full")
    except EngineError as error:
        logger.warning("%s: faces count like the rest", error.what)
        return [torch.zeros_like(photo[:1]) for photo in photos]
    try:
        marks = []
        for number, photo in enumerate(photos):
            pixels = np.ascontiguousarray(photo.permute(1, 2, 0).numpy())
            faces = vision.look(pixels, number + 1, Wanted(faces=True)).faces or ()
            sure = [face for face in faces if face.score >= SURE_SCORE]
            marks.append((draw_faces(sure, pixels.shape[:2]) * 255).round().to(torch.uint8))
        return marks
    finally:
        vision.close()


def draw_faces(faces: Sequence[Detection], size_hw: tuple[int, int]) -> Tensor:
    """Soft ovals on faces and, stronger, on their eyes and mouths: (1, h, w) in [0, 1]."""
    marks = torch.zeros(size_hw)
    for face in faces:
        left, top, width, height = face.box
        middle = (left + width / 2, top + height / 2)
        oval = _spot(size_hw, middle, (0.6 * width, 0.65 * height))
        marks = torch.maximum(marks, OVAL_SHARE * oval)
        eye, mouth = (0.16 * width, 0.12 * width), (0.26 * width, 0.14 * width)
        parts = [(face.eyes[0], eye), (face.eyes[1], eye), (face.mouth, mouth)]
        for (x, y), radii in parts:
            marks = torch.maximum(marks, _spot(size_hw, (float(x), float(y)), radii))
    return marks[None]


def _spot(
    size_hw: tuple[int, int], middle: tuple[float, float], radii: tuple[float, float]
) -> Tensor:
    """An ellipse with soft edges: 1 in the middle (x, y), less than a half past its radii."""
    y = (torch.arange(size_hw[0]) - middle[1]) / max(radii[1], 1.0)
    x = (torch.arange(size_hw[1]) - middle[0]) / max(radii[0], 1.0)
    return torch.exp(-((x[None].square() + y[:, None].square()) ** 2))
