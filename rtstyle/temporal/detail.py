"""How much detail the last painting lacks once it has moved and the new one is laid over it.

It is lost to the warps and to averaging, more where the strokes of the two differ.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..frame import Pixels
from .overlay import ONE, Detail, Weights

MIN_SHARPENING, MAX_SHARPENING = 0.05, 1.5
"""Detail of the last painting is added to it up to this share; less is not worth its time."""

OVERSHARPENING = 1.45
"""So much more than what is lacking is added, since the clamping takes part of it."""

DETAIL_PX = 5
"""Detail is what differs from the mean of so many pixels to a side."""

MIN_BLUR, ONE_SIDED = 0.04, 2.0
"""Where the warp blurs along one axis by at least so much, and so many times as much as along the
other, as when the camera pans, detail is sharpened along that axis only: else strokes along the
motion would become bundles of lines."""

SAMPLED_ROWS = 8
"""So many rows in the middle of a band tell how much detail there is."""

Window = tuple[int, int]
"""Width and height over which the mean is taken that detail differs from."""


def window(along: float, down: float) -> Window:
    """That for a band which the warp blurs so much along its rows and down."""
    if max(along, down) < MIN_BLUR or max(along, down) <= ONE_SIDED * min(along, down):
        return DETAIL_PX, DETAIL_PX
    return (DETAIL_PX, 1) if along > down else (1, DETAIL_PX)


def lacking(
    bands: list[slice],
    windows: list[Window],
    fresh: Pixels,
    moved: Pixels,
    weights: Weights,
    most: int,
) -> list[Detail]:
    """What bands of a strip need of the last painting's detail to have the new one's.

    Args:
        bands: rows of the strip.
        windows: one for each band.
        fresh: the strip of the new painting, (rows, width, 3).
        moved: the same of the last one.
        weights: (rows, width), how much of that stays.
        most: so much stays where the flow is sure.
    """
    beyond = DETAIL_PX // 2
    num = min(SAMPLED_ROWS + 2 * beyond, *(band.stop - band.start for band in bands))
    rows = np.concatenate([(band.start + band.stop - num) // 2 + np.arange(num) for band in bands])
    # Green is most of what is seen.
    new, old = (cv2.extractChannel(each[rows], 1) for each in (fresh, moved))
    share = weights[rows]
    kept = cv2.multiply(old, share, scale=1 / ONE)
    blended = cv2.add(kept, cv2.multiply(new, cv2.bitwise_not(share), scale=1 / ONE))
    three = cv2.merge([new, old, blended])
    differs = {each: cv2.absdiff(three, cv2.blur(three, each)) for each in set(windows)}
    followed = cv2.inRange(share, most // 2, most)  # type: ignore[call-overload]
    inner = slice(beyond, num - beyond) if num > 2 * beyond else slice(0, num)
    details = []
    for band, at, each in zip(bands, range(0, len(rows), num), windows, strict=True):
        sampled = slice(at + inner.start, at + inner.stop)
        wanted, there, left = cv2.mean(differs[each][sampled], followed[sampled])[:3]
        gain = OVERSHARPENING * (wanted - left) / max(there * most / ONE, 1)
        gain = 0 if gain < MIN_SHARPENING else min(gain, MAX_SHARPENING)
        details.append(Detail(band, gain, each))
    return details
