"""Painted over real: strength, regions, the source's colours, before and after."""

from __future__ import annotations

import cv2
import numpy as np

from .controls import Controls
from .frame import Frame, Mask, Pixels

PIXEL_FADE_STRENGTH = 0.1
"""Below this strength pixels are blended too; above it style space alone carries the change.

Measured with three styles of the first bank: so the difference from the source grows almost in
proportion to the strength (0.43 of it at 0.5); with 0.5 in its place the lower half was too weak.
"""


def pixel_share(strength: float, fade_strength: float = PIXEL_FADE_STRENGTH) -> float:
    """Share of painted pixels at a strength: 0 at 0, so that strength 0 is the source exactly."""
    return min(1.0, strength / fade_strength)


def blend(original: Pixels, painted: Pixels, share: float | Mask) -> Pixels:
    """`share` of `painted` over `original`; share is one number or a mask of any size."""
    if isinstance(share, np.ndarray):
        size = original.shape[1], original.shape[0]
        levels = np.rint(share * 255).astype(np.uint8)  # three times as fast as floats
        weight = cv2.merge([cv2.resize(levels, size, interpolation=cv2.INTER_LINEAR)] * 3)
        new = cv2.multiply(painted, weight, scale=1 / 255)
        old = cv2.multiply(original, cv2.bitwise_not(weight), scale=1 / 255)
        return cv2.add(new, old)  # type: ignore[return-value]
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


def region_share(frame: Frame, controls: Controls) -> float | Mask:
    """Where the painting shows, from 0 to 1: one number, or a mask that covers the frame.

    While it is not known where people are, no region but the whole frame is painted.
    """
    if controls.region == "frame":
        share = 1.0
    elif controls.region == "face":
        return 0.0 if frame.face_mask is None else frame.face_mask * controls.face_strength
    elif frame.person is None:
        return 0.0
    elif controls.region == "background":
        return 1 - frame.person
    else:
        share = frame.person
    if controls.face_strength == 1 or frame.face_mask is None:
        return share
    faces = frame.face_mask
    if isinstance(share, np.ndarray):
        faces = cv2.resize(faces, share.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(share * (1 - (1 - controls.face_strength) * faces), np.float32)


def composite(
    original: Pixels,
    painted: Pixels,
    controls: Controls,
    share: float | Mask = 1.0,
    fade_strength: float = PIXEL_FADE_STRENGTH,
) -> Pixels:
    """The picture to show: both inputs and the result are (H, W, 3) uint8 RGB.

    `share` is what `region_share` tells of the frame; below `fade_strength` pixels are blended.
    """
    if controls.keep_colors:
        painted = keep_colors(original, painted)
    painted = blend(original, painted, pixel_share(controls.strength, fade_strength) * share)
    return compare(original, painted, controls)
