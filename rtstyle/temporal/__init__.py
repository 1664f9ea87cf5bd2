"""Smoothing of the painted layer over time: along the motion where it is known, held where still.

Each frame is painted on its own, and paint flickers: a network turns invisible noise into other
brush strokes. So the last painting is moved along the flow and the new one laid over it thinly, but
thickly where the flow does not explain the picture, and not at all where nothing moved. Paint
reaches past the thing painted: where something has gone, a new one is laid over for a while still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import NEIGHBOURS, Each, Mask, Motion, Pixels
from .warp import Part, Way, widened

MIN_FRESH_SHARE = 0.2
"""Of the new painting there is never less where anything moves."""

MIN_SHARPENING, MAX_SHARPENING = 0.05, 1.5
"""Detail of the last painting is added to it up to this share; less is not worth its time."""

OVERSHARPENING = 1.5
"""So much more than what is lacking is added, since the clamping takes part of it."""

DETAIL_PX = 5
"""Detail is what differs from the mean of so many pixels to a side."""

MIN_BLUR, ONE_SIDED = 0.04, 2.0
"""Where the warp blurs along one axis by at least so much, and so many times as much as along the
other, as when the camera pans, detail is sharpened along that axis only: else strokes along the
motion would become bundles of lines."""

SAMPLED_SHARE = 8
"""Of a strip the middle one of so many parts tells how much detail there is."""

Tiles = NDArray[np.bool_]

Weights = NDArray[np.uint8]
"""Weights (H, W) in which `ONE` is 1: several times as fast as floats."""

ONE = 255

STRIP_TILES = 3
"""Rows of tiles that are warped and blended at a time: 120 px at 720p."""

SETTLING_SHARE = 0.3
"""Tiles that settle keep so much of the last painting at least: nothing moves there any more."""

DISSOLVE_FRAMES = 8
"""After a change of brush size nothing is held for so long, so that it passes over unseen."""


@dataclass(frozen=True, eq=False)
class Fed:
    """What the last frame gave inference to paint, known before it is painted.

    `pixels` (H, W, 3) are as large as the layer, `size_hw` is the size at which they are painted;
    for `dissolve` more frames nothing is held.
    """

    pixels: Pixels
    size_hw: tuple[int, int]
    dissolve: int = 0

    def stays(self, motion: Motion | None, size_hw: tuple[int, int]) -> bool:
        """Whether the next frame looks just like this one, so that nothing need be painted."""
        still = motion is not None and bool(motion.still.all())
        return still and self.dissolve == 0 and self.size_hw == size_hw


def feed(pixels: Pixels, motion: Motion | None, past: Fed | None, size_hw: tuple[int, int]) -> Fed:
    """The frame (H, W, 3) without the camera's noise where it stood still: what to paint.

    Tiles in which nothing moved are those of the frame that was painted last; `past` is that one,
    None at the start of a scene.
    """
    if motion is None or past is None or motion.is_cut:
        return Fed(pixels, size_hw)
    dissolve = max(0, past.dissolve - 1) if size_hw == past.size_hw else DISSOLVE_FRAMES
    if motion.still.any():
        size = (pixels.shape[1], pixels.shape[0])
        mask = cv2.resize(motion.still.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        pixels = np.asarray(cv2.copyTo(past.pixels, mask, pixels.copy()), np.uint8)
    return Fed(pixels, size_hw, dissolve)


def smoothed(
    fresh: Pixels,
    motion: Motion | None,
    past: Pixels | None,
    smooth: float,
    *,
    holds: bool = True,
    each: Each = map,
) -> Pixels:
    """Blend a new painting with the last one, moved along the flow; all (H, W, 3).

    Args:
        fresh: the frame as it came out of inference.
        motion: since the last frame; None at the start of a scene.
        past: what this function returned for the last frame; None at the start of a scene.
        smooth: 0 gives `fresh` unchanged; 1 the most smoothing. The share of the new painting
            falls as 0.2 ** cbrt(smooth) where the flow is sure, and is 1 where it is lost.
        holds: whether what did not move stays as it was, bit by bit.
        each: calls a function with each of some parts of the picture, perhaps on several cores.
    """
    if smooth == 0 or motion is None or motion.is_cut or past is None:
        return fresh
    none = np.zeros_like(motion.still)
    still, settling = (motion.still, motion.settling) if holds else (none, none)
    if still.all():
        return past
    most = 1 - MIN_FRESH_SHARE**smooth ** (1 / 3)
    share, flow = most * motion.reliable, motion.flow
    if still.any() or settling.any():
        hold = _held(still, settling, share.shape)
        moves: Any = 1 - hold
        share = hold + moves * share
        # NumPy takes four times as long to multiply both channels by one.
        flow = np.asarray(cv2.multiply(flow, cv2.merge([moves] * 2)), np.float32)
    height, width = past.shape[:2]
    weights = cv2.resize(_in_bytes(share), (share.shape[1], height), interpolation=cv2.INTER_LINEAR)
    way = Way(flow, height, width)
    painted = past.copy() if still.any() else np.empty_like(past)

    def lay_over(part: Part) -> None:
        rows, columns = part
        history: Any = widened(weights[rows], width)[:, columns]
        moved = way.moved(past, part)
        _sharpen(moved, fresh[part], history, round(most * ONE), _window(*way.blur(rows)))
        _blend(fresh[part], moved, history, painted[part])

    for _ in each(lay_over, _moving_strips(still, painted)):
        pass
    return painted


def _held(still: Tiles, settling: Tiles, shape_hw: tuple[int, ...]) -> Mask:
    """How much of the last painting stays whatever the flow says, (h, w).

    Tiles as weights of pixels: 0 in all that moved, rising within half a tile.
    """
    height, width = shape_hw
    ramps = (
        cv2.resize(tiles.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        for tiles in (still, still | settling)
    )
    stays, calm = (np.clip(2 * ramp - 1, 0, 1) for ramp in ramps)
    return cv2.addWeighted(stays, 1 - SETTLING_SHARE, calm, SETTLING_SHARE, 0)  # type: ignore[return-value]


def _in_bytes(weights: Mask) -> Weights:
    """Weights from 0 to 1 as numbers from 0 to `ONE`."""
    return np.rint(weights * ONE).astype(np.uint8)


def _moving_strips(still: Tiles, like: Pixels) -> Iterator[Part]:
    """All tiles that moved and one more around them, as rectangles of `like`: rows of tiles.

    A strip with all that is computed for it fits into the cache of a processor core.
    """
    rows, columns = still.shape
    height, width = like.shape[:2]
    near = cv2.dilate((~still).astype(np.uint8), NEIGHBOURS).astype(np.bool_)
    for row in range(0, rows, STRIP_TILES):
        beyond = min(row + STRIP_TILES, rows)
        moving = np.flatnonzero(near[row:beyond].any(axis=0))
        if len(moving):
            down = slice(row * height // rows, beyond * height // rows)
            yield down, slice(moving[0] * width // columns, -(-(moving[-1] + 1) * width // columns))


def _window(along: float, down: float) -> tuple[int, int]:
    """Width and height over which the mean is taken that detail differs from."""
    if max(along, down) < MIN_BLUR or max(along, down) <= ONE_SIDED * min(along, down):
        return DETAIL_PX, DETAIL_PX
    return (DETAIL_PX, 1) if along > down else (1, DETAIL_PX)


def _sharpen(
    moved: Pixels, fresh: Pixels, history: Weights, most: int, window: tuple[int, int]
) -> None:
    """Sharpen the last painting, moved, until it has the new one's detail under it, blended.

    Detail is lost to the warps and to averaging, more where the strokes of the two differ. Nothing
    grows beyond what the new painting shows within a pixel, so that no halos build up from frame to
    frame (the clamping of "temporal anti-aliasing", Karis 2014, used the other way round).
    """
    rows = max(1, len(moved) // SAMPLED_SHARE)
    top = (len(moved) - rows) // 2
    new, old, share = (each[top : top + rows] for each in (fresh, moved, history))
    blended = np.empty_like(new)
    _blend(new, old, share, blended)
    followed = cv2.inRange(share, most // 2, most)  # type: ignore[call-overload]
    wanted, there, left = (_detail(each, followed, window) for each in (new, old, blended))
    gain = OVERSHARPENING * (wanted - left) / max(there * most / ONE, 1)
    if gain < MIN_SHARPENING:
        return
    gain = min(gain, MAX_SHARPENING)
    mean = cv2.blur(moved, window)
    sharp = cv2.addWeighted(moved, 1 + gain, mean, -gain, 0, dst=mean)
    bound = cv2.dilate(fresh, NEIGHBOURS)
    cv2.min(sharp, cv2.max(bound, moved, dst=bound), dst=sharp)
    cv2.erode(fresh, NEIGHBOURS, dst=bound)
    cv2.max(sharp, cv2.min(bound, moved, dst=bound), dst=sharp)
    cv2.copyTo(sharp, cv2.compare(history, most, cv2.CMP_LE), moved)  # type: ignore[call-overload]


def _detail(pixels: Pixels, where: cv2.typing.MatLike, window: tuple[int, int]) -> float:
    """Levels by which green, most of what is seen, differs from its surroundings on average."""
    green = cv2.extractChannel(pixels, 1)
    return cv2.mean(cv2.absdiff(green, cv2.blur(green, window)), where)[0]


def _blend(fresh: Pixels, moved: Pixels, history: Weights, out: Pixels) -> None:
    """`history` of `moved` over `fresh`, into `out`; just one of them where it is 0 or `ONE`."""
    share = cv2.cvtColor(history, cv2.COLOR_GRAY2RGB)
    kept = cv2.multiply(moved, share, scale=1 / ONE)
    laid = cv2.multiply(fresh, cv2.bitwise_not(share, share), scale=1 / ONE, dst=share)
    cv2.add(kept, laid, dst=out)
