"""Painted over real: strength, the source's colours, before and after."""

from __future__ import annotations

import cv2
import numpy as np

from .controls import Controls
from .frame import Mask, Pixels

COLOR_FADE_START = 0.5
"""Below this strength pixels are blended too; above it style space alone carries the change."""


def pixel_share(strength: float) -> float:
    """Share of painted pixels at a strength: 0 at 0, so that strength 0 is the source exactly."""
    return min(1.0, strength / COLOR_FADE_START)


def blend(original: Pixels, painted: Pixels, share: float | Mask) -> Pixels:
    """`share` of `painted` over `original`; share is one number or a mask (H, W)."""
    if isinstance(share, np.ndarray):
        weight = cv2.merge([share] * 3)
        mixed = original + (painted.astype(np.float32) - original) * weight
        return np.rint(mixed).astype(np.uint8)
    if share <= 0:
        return original
    if share >= 1:
        return painted
    return cv2.addWeighted(painted, share, original, 1 - share, 0)  # type: ignore[return-value]


def keep_colors(original: Pixels, painted: Pixels) -> Pixels:
    """Luma of the painted picture with the chroma of the original (BT.601, as OpenCV's YCrCb)."""
    luma = cv2.cvtColor(painted, cv2.COLOR_RGB2YCrCb)
    source = cv2.cvtColor(original, cv2.COLOR_RGB2YCrCb)
    source[..., 0] = luma[..., 0]
    return cv2.cvtColor(source, cv2.COLOR_YCrCb2RGB)  # type: ignore[return-value]


def compare(original: Pixels, painted: Pixels, controls: Controls) -> Pixels:
    """Lay source and result out as `controls.compare` says; side by side doubles the width."""
    if controls.compare == "before":
        return original
    if controls.compare == "side-by-side":
        return np.concatenate([original, painted], axis=1)
    if controls.compare == "split":
        column = round(controls.split * painted.shape[1])
        result = painted.copy()
        result[:, :column] = original[:, :column]
        result[:, max(0, column - 1) : column + 1] = 255
        return result
    return painted


def composite(original: Pixels, painted: Pixels, controls: Controls) -> Pixels:
    """The picture to show: both inputs and the result are (H, W, 3) uint8 RGB."""
    if controls.keep_colors:
        painted = keep_colors(original, painted)
    painted = blend(original, painted, pixel_share(controls.strength))
    return compare(original, painted, controls)
