"""What moved since the last frame: flow on a small picture, scene cuts, tiles that stood still.

Everything here is measured on the captured pictures, made small, so that face, inference and
temporal agree on it and none of it depends on the style.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import NEIGHBOURS, Mask, Motion, Pixels, positions

LONG_SIDE_PX = 320
"""Longer side of the small picture; flow is found on half of it in both directions, 160 px."""

TILE_PX = 10
"""Side of a tile of the small picture: 40 px of a 720p frame."""

MIN_SIDE_PX, MIN_LONG_SIDE_PX = 10, 12
"""Below these no flow is looked for: DIS matches patches of 8 px, and refuses smaller pictures."""

DESCENT_STEPS = 8
"""Of DIS for each patch: half of the preset's, and no less exact on clips whose flow is known."""

STRIDE_PX = 5
"""Patches of DIS are so far apart: 5 px take a third less time than the preset's 4 and are hardly
less exact."""

REFINEMENTS = 3
"""Steps of variational refinement, with the settings of DIS: an eighth to a quarter less error."""

ASTRAY_PX2 = 0.25
"""So far, squared, a way there and back may miss its start, on the picture of half size."""

AREA, BESIDE = np.ones((7, 7), np.uint8), np.ones((11, 11), np.uint8)
"""Beside areas that return, up to 16 px at 720p, flow counts for half: at moving edges it is often
astray but does explain the picture, and flicker is seen sooner than strokes from a little beside.
Single places that return say nothing, since those where something was hidden do so by chance."""

TORN_PX = 4.0
"""Flow that differs so much between neighbours is not to be followed there: what lies between its
two ends would be drawn together to a line."""

RESIDUAL_TAU = 6.0
"""Levels of 255 by which the warped last frame may miss before the warp counts for little."""

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

CUT_RESIDUAL, CUT_HISTOGRAM = 14.0, 0.2
"""A cut: the warp misses by so many levels on average and the colours differ by this share."""

RELIABLE_AT_MISS = np.exp(-np.square(np.arange(256) / RESIDUAL_TAU)).astype(np.float32)
RELIABLE_AT_MISS[RELIABLE_AT_MISS < 1e-3] = 0
"""How much the flow is worth by how far the picture that it explains is off.

Without values so small that a processor takes a hundred times as long for them."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What `analyse` keeps of the past; None in its place at the start of a scene.

    `last` is the last frame, made small (h, w, 3) uint8. `painted` holds of every tile the picture
    that was last painted. `unsettled` (tiles_y, tiles_x) counts the frames for which tiles that
    changed are painted still.
    """

    last: Pixels
    painted: Pixels
    unsettled: NDArray[np.int8]


def analyse(pixels: Pixels, seen: Seen | None) -> tuple[Motion | None, Seen]:
    """Compare a captured frame (H, W, 3) with those before it.

    Returns:
        Motion, None without a past, and what to hand in with the next frame.
    """
    small = _shrink(pixels)
    if seen is None or seen.last.shape != small.shape:
        return None, _start(small)
    flow, reliable, residual = _flow(small, seen.last)
    if residual > CUT_RESIDUAL and _histogram_distance(small, seen.last) > CUT_HISTOGRAM:
        start = _start(small)
        still = np.zeros(start.unsettled.shape, np.bool_)
        return Motion(flow, np.zeros_like(reliable), still, is_cut=True), start
    changed = _changed_tiles(small, seen.painted)
    unsettled = np.where(changed, SETTLE_FRAMES, np.maximum(seen.unsettled, 1) - 1).astype(np.int8)
    still = ~changed & (seen.unsettled == 0)
    painted = small.copy()
    cv2.copyTo(seen.painted, _over_pixels(still, small), painted)
    return Motion(flow, reliable, still), Seen(small, painted, unsettled)


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


def _flow(small: Pixels, last: Pixels) -> tuple[NDArray[np.float32], Mask, float]:
    """Flow from the frame to the last one, how far it explains the frame, and the mean difference.

    Reliable is exp(-(miss / tau)^2) where the flow there and back agree, half of it just beside,
    0 further off and where the flow tears. Flow is found on the picture at half of its size.
    """
    luma, last_luma = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (small, last))
    height, width = luma.shape
    half, last_half = (_resized(each, height // 2, width // 2) for each in (luma, last_luma))
    back = _dis(half, last_half)
    returns = _resized(_returns(back, half, last_half), height, width)
    back = _refined(back, half, last_half)
    back = _resized(cv2.add(back, back), height, width)
    at = cv2.add(positions(height, width), back)
    moved = cv2.remap(last_luma, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    apart, unmoved_apart = (_averaged(cv2.absdiff(luma, each)) for each in (moved, last_luma))
    unmoved = cv2.compare(cv2.add(unmoved_apart, 1), apart, cv2.CMP_LT)  # type: ignore[call-overload]
    back = cv2.copyTo(np.zeros_like(back), unmoved, back)
    known = cv2.bitwise_and(cv2.bitwise_or(returns, unmoved), _whole(back))
    miss = _miss(luma, cv2.copyTo(last_luma, unmoved, moved))
    reliable = cv2.multiply(cv2.LUT(miss, RELIABLE_AT_MISS), known, scale=1 / 255, dtype=cv2.CV_32F)
    difference = float(cv2.min(apart, unmoved_apart).mean())
    return np.asarray(back, np.float32), np.asarray(reliable, np.float32), difference


def _whole(flow: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """255 where the flow (h, w, 2) is much the same as around it, 0 where it tears."""
    spread = cv2.subtract(cv2.dilate(flow, NEIGHBOURS), cv2.erode(flow, NEIGHBOURS))
    return cv2.inRange(spread, (0, 0), (TORN_PX, TORN_PX))  # type: ignore[call-overload]


def _miss(luma: cv2.typing.MatLike, explained: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Levels by which the luma lies outside what the explanation shows within a pixel, averaged.

    Flow is off by parts of a pixel, which in a fine pattern is many levels and means nothing (as
    in the clamping of "temporal anti-aliasing", Karis 2014).
    """
    over = cv2.subtract(luma, cv2.dilate(explained, NEIGHBOURS))
    under = cv2.subtract(cv2.erode(explained, NEIGHBOURS), luma)
    return _averaged(cv2.max(over, under))


def _returns(
    back: cv2.typing.MatLike, luma: cv2.typing.MatLike, last: cv2.typing.MatLike
) -> cv2.typing.MatLike:
    """255 where the flow there and back agree, 128 just beside areas of it, else 0.

    The test of Lai et al. 2018, "Learning Blind Video Temporal Consistency", after Sundaram et al.
    2010; its constant of 0.5 is for exacter flow. What may be a little astray is smoothed rather
    than not: the colours of both paintings have to agree as well (`temporal`).
    """
    forth = _dis(last, luma)
    at = cv2.add(positions(*luma.shape), back)
    # Outside the picture nothing returns: the far value fails the test below.
    returned = cv2.remap(forth, at, None, cv2.INTER_LINEAR, borderValue=(1e3, 1e3))  # type: ignore[call-overload]
    apart = _squared_length(cv2.add(back, returned))
    lengths = cv2.add(_squared_length(back), _squared_length(returned))
    agree = cv2.compare(apart, cv2.addWeighted(lengths, 0.01, lengths, 0, ASTRAY_PX2), cv2.CMP_LE)
    near = cv2.dilate(cv2.erode(agree, AREA), BESIDE)
    return cv2.max(agree, cv2.convertScaleAbs(near, alpha=0.5))


def _dis(luma: cv2.typing.MatLike, other: cv2.typing.MatLike) -> NDArray:
    flow = np.zeros((*luma.shape, 2), np.float32)
    if _is_tiny(luma):
        return flow
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(0)
    dis.setPatchStride(STRIDE_PX)
    dis.setVariationalRefinementIterations(0)
    dis.setGradientDescentIterations(DESCENT_STEPS)
    return dis.calc(luma, other, flow)


def _refined(flow: NDArray, luma: cv2.typing.MatLike, other: cv2.typing.MatLike) -> NDArray:
    """The flow (h, w, 2) after some steps towards a smooth one that explains the picture better.

    For flow that has been checked on the way back already: where something was hidden, refined flow
    passes that check.
    """
    if _is_tiny(luma):
        return flow
    refinement = cv2.VariationalRefinement.create()
    refinement.setFixedPointIterations(REFINEMENTS)
    return refinement.calc(luma, other, flow)


def _is_tiny(luma: cv2.typing.MatLike) -> bool:
    return min(luma.shape) < MIN_SIDE_PX or max(luma.shape) < MIN_LONG_SIDE_PX


def _resized(values: cv2.typing.MatLike, height: int, width: int) -> cv2.typing.MatLike:
    """Averaged on the way down to half, interpolated on the way up."""
    smaller = height < values.shape[0]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(values, (width, height), interpolation=mode)


def _averaged(levels: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.blur(levels, (5, 5))


def _squared_length(vectors: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """(h, w, 2) float32 -> (h, w)."""
    return cv2.transform(cv2.multiply(vectors, vectors), np.ones((1, 2), np.float32))


def _changed_tiles(small: Pixels, painted: Pixels) -> NDArray[np.bool_]:
    """(tiles_y, tiles_x): tiles that show something else than when they were last painted."""
    difference = cv2.subtract(small, painted, dtype=cv2.CV_16S)
    window = (CHANGE_WINDOW_PX, CHANGE_WINDOW_PX)
    sums = cv2.boxFilter(difference, cv2.CV_16S, window, normalize=False)
    # In bytes, which hold far more than the threshold.
    change = cv2.convertScaleAbs(sums)
    rows, columns = change.shape[0] // TILE_PX, change.shape[1] // TILE_PX
    peaks = change.reshape(rows, TILE_PX, -1).max(axis=1).reshape(rows, columns, -1).max(axis=2)
    levels = peaks / CHANGE_WINDOW_PX**2
    noise = NOISE_FACTOR * float(np.quantile(levels, NOISE_QUANTILE))
    return levels > min(max(noise, MIN_CHANGE), MAX_CHANGE)


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
