"""The sizes at which frames are painted and smoothed, and how pictures get there."""

from __future__ import annotations

import cv2
import numpy as np

from .controls import DEFAULT_SIZE_PX
from .frame import Pixels

SLIGHT = 1.51
"""Pictures that get smaller by no more than this are interpolated; widths are rounded."""


SHARPENING = 0.3
"""So much of a painting's finest detail is added before it is enlarged: more flickers too much."""


def processing_size(height: int, width: int, size_px: int | None) -> tuple[int, int]:
    """Height and width at which a picture is painted; never larger than the picture itself."""
    target = min(height, size_px or DEFAULT_SIZE_PX)
    return target, max(1, round(width * target / height))


def enlarge(painting: Pixels, height: int, width: int) -> Pixels:
    """A painting with strokes as sharp in a larger picture as they were."""
    if painting.shape[:2] == (height, width):
        return painting
    soft = cv2.GaussianBlur(painting, (3, 3), 0)
    sharp = cv2.addWeighted(painting, 1 + SHARPENING, soft, -SHARPENING, 0, dst=soft)
    return resize(np.asarray(sharp, np.uint8), height, width)


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Cubic interpolation on the way up; on the way down area averaging, where it tells.

    Linear interpolation on the way up blurs strokes, for hardly less time. Halving takes a
    twentieth of the time of other factors, so it comes first. On the way down by a factor of 1.5 or
    less two pixels are averaged by linear interpolation too, five times as fast.
    """
    before = pixels.shape[:2]
    if before == (height, width):
        return pixels
    half_hw = before[0] // 2, before[1] // 2
    is_even = before[0] % 2 == 0 and before[1] % 2 == 0
    if is_even and half_hw[0] >= height and half_hw[1] >= width:
        half = cv2.resize(pixels, half_hw[::-1], interpolation=cv2.INTER_AREA)
        return resize(np.asarray(half, np.uint8), height, width)
    if height >= before[0] and width >= before[1]:
        mode = cv2.INTER_CUBIC
    elif height >= before[0] / SLIGHT and width >= before[1] / SLIGHT:
        mode = cv2.INTER_LINEAR
    else:
        mode = cv2.INTER_AREA
    return cv2.resize(pixels, (width, height), interpolation=mode)  # type: ignore[return-value]
