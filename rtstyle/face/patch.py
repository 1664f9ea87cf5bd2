"""Faces painted once more, each on its own crop, and put back: crop, match, paste."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Face, Mask, Pixels
from .align import CROP_PX

SMALL_PX = (64.0, 96.0)
"""Below the first, a crop's side in pixels is too small to hold a face worth painting."""
LARGE_PX = (1.0 * CROP_PX, 1.25 * CROP_PX)
"""Above the second, the frame's own brush is finer than that of the crop. Between the two, both
are mixed, so that nothing pops."""
_OVAL_CENTRE = (0.5, 0.53)
_OVAL_RADII = (0.34, 0.43)
_FEATHER = 0.12
"""In sides of the crop."""
_MATCH_PX = 64
_MOST_GAIN = 1.25
_MASK_DIVISOR = 4


def patch_share(face: Face, scale: float) -> float:
    """How much of a face's own painting is used, where frames are painted at `scale` times their
    size: 0 for faces so small or so large that the whole frame's painting serves them better."""
    side = scale * face.crop_px * np.hypot(*face.crop_to_frame[:, 0])
    return float(np.interp(side, (*SMALL_PX, *LARGE_PX), (0.0, 1.0, 1.0, 0.0)))


def needs_whole(faces: tuple[Face, ...], scale: float) -> bool:
    """Whether some face is not painted by its own crop alone."""
    return any(patch_share(face, scale) < 1 for face in faces)


def paint_faces(
    pixels: Pixels,
    painted: Pixels,
    faces: tuple[Face, ...],
    scale: float,
    paint: Callable[[Pixels], Pixels],
) -> Pixels:
    """`painted` with each face painted anew from its crop by `paint`.

    Args:
        pixels: the real picture, (H, W, 3) uint8 RGB.
        painted: the same painted as a whole, or `pixels` itself where only faces are painted.
        faces: in pixels of the picture, the largest first.
        scale: size at which whole pictures are painted, relative to the picture.
        paint: (crop_px, crop_px, 3) uint8 RGB -> the same, painted.
    """
    result = painted
    for face in reversed(faces):  # the largest last, on top
        share = patch_share(face, scale) * face.alpha
        if share <= 0:
            continue
        if result is painted:
            result = painted.copy()
        patch = paint(cut(pixels, face))
        if painted is not pixels:
            patch = match_colors(patch, cut(painted, face))
        paste(result, patch, face, share)
    return result


def cut(pixels: Pixels, face: Face) -> Pixels:
    """The face's upright square crop; what lies outside of the frame is mirrored into it."""
    return cv2.warpAffine(  # type: ignore[return-value]
        pixels,
        face.crop_to_frame,
        (face.crop_px, face.crop_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def match_colors(patch: Pixels, surroundings: Pixels) -> Pixels:
    """`patch` with each channel's mean and contrast brought to those of the same crop of the whole
    painted frame, as measured in the ring where one fades into the other."""
    ring = _ring()
    new, old = _shrunk(patch)[ring], _shrunk(surroundings)[ring]
    gain = np.clip(old.std(0) / np.maximum(new.std(0), 1.0), 1 / _MOST_GAIN, _MOST_GAIN)
    levels = np.arange(256, dtype=np.float32)[:, None]
    table = (levels - new.mean(0)) * gain + old.mean(0)
    table = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return cv2.LUT(patch, table[None])  # type: ignore[return-value]


def paste(canvas: Pixels, patch: Pixels, face: Face, share: float) -> None:
    """Lay `share` of a painted crop over `canvas`, in place, inside a feathered oval."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], np.float64)
    corners[:, :2] *= face.crop_px - 1
    reached = corners @ face.crop_to_frame.T
    left, top = np.maximum(np.floor(reached.min(0)).astype(int), 0)
    right, bottom = np.minimum(
        np.ceil(reached.max(0)).astype(int) + 1, (canvas.shape[1], canvas.shape[0])
    )
    if right <= left or bottom <= top:
        return
    move = face.crop_to_frame.copy()
    move[:, 2] -= left, top
    size = int(right - left), int(bottom - top)
    laid = cv2.warpAffine(patch, move, size, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.warpAffine(oval(face.crop_px), move, size) * np.float32(share)
    region = canvas[top:bottom, left:right]
    region[:] = cv2.blendLinear(laid, np.ascontiguousarray(region), weight, 1 - weight)


def face_mask(faces: tuple[Face, ...], height: int, width: int, reach: float = 1.0) -> Mask:
    """Where faces are, as one feathered oval each, `reach` times as large as that of `paste`.

    Returns:
        (H / 4, W / 4), see `Frame.face_mask`.
    """
    size = -(-width // _MASK_DIVISOR), -(-height // _MASK_DIVISOR)
    small_px = CROP_PX // _MASK_DIVISOR
    middle = (_MASK_DIVISOR - 1) / 2  # of the pixels that become one
    mask = np.zeros(size[::-1], np.float32)
    for face in faces:
        turn = face.crop_to_frame[:, :2] * (face.crop_px / small_px)
        origin = face.crop_to_frame @ (middle, middle, 1.0)
        move = np.column_stack([turn, origin - middle]) / _MASK_DIVISOR
        one = cv2.warpAffine(oval(small_px, reach), move, size) * np.float32(face.alpha)
        mask = np.maximum(mask, one)
    return mask


@lru_cache(maxsize=4)
def oval(crop_px: int, reach: float = 1.0) -> NDArray[np.float32]:
    """Weights of a face in its crop: 1 inside, falling to 0 at the rim; (crop_px, crop_px)."""
    y, x = (np.mgrid[:crop_px, :crop_px] + 0.5) / crop_px
    dx, dy = x - _OVAL_CENTRE[0], y - _OVAL_CENTRE[1]
    radius = np.hypot(dx / _OVAL_RADII[0], dy / _OVAL_RADII[1])
    width = _FEATHER / min(_OVAL_RADII)
    ramp = np.clip((reach - radius) / width, 0, 1)
    weights = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=1)
def _ring() -> NDArray[np.bool_]:
    weights = oval(_MATCH_PX)
    return (weights > 0.02) & (weights < 0.98)


def _shrunk(crop: Pixels) -> NDArray[np.float32]:
    small = cv2.resize(crop, (_MATCH_PX, _MATCH_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)
