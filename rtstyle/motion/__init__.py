"""What moved since the last frame: flow on a small picture, scene cuts, tiles that stood still.

Everything here is measured on the captured pictures, made small, so that face, inference and
temporal agree on it and none of it depends on the style.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import NEIGHBOURS, Each, Motion, Pixels
from .flow import CLOSE, find_flow

LONG_SIDE_PX = 320
"""Longer side of the small picture."""

TILE_PX = 10
"""Side of a tile of the small picture: 40 px of a 720p frame."""

CHANGE_WINDOW_PX = 5
"""Changes are averaged over such a window of the small picture: 20 px at 720p, 25 x 16 pixels."""

MIN_CHANGE, MAX_CHANGE = 1.25, 1.75
"""Levels of 255 that count as a change: between them the threshold follows the camera's noise.

White noise of 2 levels (rms) leaves 0.16 in the difference of two windows, so that the lower one is
seven deviations away; a true change of two levels is above the upper one."""

NOISE_QUANTILE, NOISE_FACTOR = 0.25, 2.5
"""The noise is what the stillest quarter of the tiles shows; a change is so much more than it."""

SETTLE_FRAMES = 3
"""Tiles are painted so many times more after their last change, until smoothing has settled."""

PASSED_LEVELS = 6.0
"""A change of so many levels is something that passed, and that paint reached past."""

FADE_FRAMES = 16
"""Tiles in which or beside which something passed are painted so many times more, until what was
painted because of it has faded."""

CUT_RESIDUAL, CUT_HISTOGRAM = 14.0, 0.2
"""A cut: the warp misses by so many levels on average and the colours differ by this share."""

MANY_LOST = 0.03
"""Where the flow loses so much of the picture it is worth a closer look."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What `analyse` keeps of the past; None in its place at the start of a scene.

    `last` is the last frame, made small (h, w, 3) uint8. `painted` holds of every tile the picture
    that was last painted. `unsettled` (tiles_y, tiles_x) counts the frames for which tiles are
    painted still after a change.
    """

    last: Pixels
    painted: Pixels
    unsettled: NDArray[np.int8]


def analyse(
    pixels: Pixels, seen: Seen | None, *, closely: bool = True, each: Each = map
) -> tuple[Motion | None, Seen]:
    """Compare a captured frame (H, W, 3) with those before it.

    Args:
        pixels: of the frame.
        seen: what came of the frame before; None at the start of a scene.
        closely: whether to look again, ten times as long, where much moves fast.
        each: calls a function with each of some values, perhaps on several cores.

    Returns:
        Motion, None without a past, and what to hand in with the next frame.
    """
    small = _shrink(pixels)
    if seen is None or seen.last.shape != small.shape:
        return None, _start(small)
    flow = find_flow(small, seen.last, each=each)
    if flow.residual > CUT_RESIDUAL and _histogram_distance(small, seen.last) > CUT_HISTOGRAM:
        start = _start(small)
        none = np.zeros(start.unsettled.shape, np.bool_)
        return Motion(flow.vectors, np.zeros_like(flow.reliable), none, none, is_cut=True), start
    if closely and flow.lost > MANY_LOST:
        flow = find_flow(small, seen.last, CLOSE, each)
    levels = _changes(small, seen.painted)
    changed = levels > _threshold(levels)
    passed = cv2.dilate((levels > PASSED_LEVELS).astype(np.uint8), NEIGHBOURS)
    still = ~changed & (passed == 0) & (seen.unsettled == 0)
    lately = np.maximum(changed * SETTLE_FRAMES, passed * FADE_FRAMES)
    unsettled = np.maximum(lately, seen.unsettled - 1).astype(np.int8)
    painted = small.copy()
    cv2.copyTo(seen.painted, _over_pixels(still, small), painted)
    settling = ~changed & ~still
    return Motion(flow.vectors, flow.reliable, still, settling), Seen(small, painted, unsettled)


def _start(small: Pixels) -> Seen:
    height, width = small.shape[:2]
    return Seen(small, small, np.zeros((height // TILE_PX, width // TILE_PX), np.int8))


def _shrink(pixels: Pixels) -> Pixels:
    """The picture with a long side of at most `LONG_SIDE_PX` and whole tiles on both sides."""
    height, width = pixels.shape[:2]
    scale = min(1.0, LONG_SIDE_PX / max(height, width))
    rows, columns = (max(1, round(side * scale / TILE_PX)) for side in (height, width))
    size = (columns * TILE_PX, rows * TILE_PX)
    # Halving is so much faster than other averaging that it is done as far as it goes.
    while pixels.shape[1] >= 2 * size[0] and pixels.shape[0] >= 2 * size[1]:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _changes(small: Pixels, painted: Pixels) -> NDArray[np.floating]:
    """Levels (tiles_y, tiles_x) by which tiles differ from when they were last painted."""
    difference = cv2.subtract(small, painted, dtype=cv2.CV_16S)
    window = (CHANGE_WINDOW_PX, CHANGE_WINDOW_PX)
    sums = cv2.boxFilter(difference, cv2.CV_16S, window, normalize=False)
    # In bytes, up to 10 levels, which is more than any threshold.
    change = cv2.convertScaleAbs(sums)
    rows, columns = change.shape[0] // TILE_PX, change.shape[1] // TILE_PX
    peaks = change.reshape(rows, TILE_PX, -1).max(axis=1).reshape(rows, columns, -1).max(axis=2)
    return peaks / CHANGE_WINDOW_PX**2


def _threshold(levels: NDArray[np.floating]) -> float:
    """Levels that count as a change beside the camera's noise."""
    ordered = np.sort(levels, axis=None)
    place = NOISE_QUANTILE * (ordered.size - 1)
    # np.quantile finds the same in eight times the time.
    noise = NOISE_FACTOR * float(np.interp(place, np.arange(ordered.size), ordered))
    return min(max(noise, MIN_CHANGE), MAX_CHANGE)


def _histogram_distance(one: Pixels, other: Pixels) -> float:
    """Share of the pixels, 0 to 1, that would have to change colour; 8 levels per channel."""
    counts = [
        cv2.calcHist([picture], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
        for picture in (one, other)
    ]
    return float(np.abs(counts[0] - counts[1]).sum() / 2 / (one.shape[0] * one.shape[1]))


def _over_pixels(tiles: NDArray[np.bool_], small: Pixels) -> NDArray[np.uint8]:
    """A mask of tiles as a mask (h, w) of pixels, 0 or 1."""
    size = (small.shape[1], small.shape[0])
    return cv2.resize(tiles.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]
