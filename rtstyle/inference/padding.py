"""Pads pictures to the sizes that a generator takes."""

from __future__ import annotations

import cv2
import numpy as np

from ..frame import Pixels


def padded_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """The next height and width, in pixels, that are multiples of `multiple`.

    At least two multiples: generators pad by reflection, for which one value is too few.
    """
    return (
        max(2, -(-height // multiple)) * multiple,
        max(2, -(-width // multiple)) * multiple,
    )


def pad(pixels: Pixels, height: int, width: int) -> Pixels:
    """Reflect `pixels` past the bottom and right border up to the size given."""
    missing = height - pixels.shape[0], width - pixels.shape[1]
    if missing == (0, 0):
        return pixels
    mode = cv2.BORDER_REFLECT_101 if min(pixels.shape[:2]) > max(missing) else cv2.BORDER_REPLICATE
    return cv2.copyMakeBorder(pixels, 0, missing[0], 0, missing[1], mode)  # type: ignore[return-value]


def crop(pixels: Pixels, height: int, width: int) -> Pixels:
    """Undo `pad`."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.ascontiguousarray(pixels[:height, :width])
