"""Smoothing of the painted layer over time: along the motion where it is known, held where still.

Each frame is painted on its own, and paint flickers: a network turns invisible noise into other
brush strokes. So the last painting is moved along the flow and the new one laid over it thinly, but
thickly where the flow does not explain the picture, and not at all where nothing moved. Paint
reaches past the thing painted: where something has gone, a new one is laid over for a while still.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import NEIGHBOURS, Each, Mask, Motion, Pixels
from ..machine import num_cores
from .detail import lacking, window
from .overlay import ONE, Benches, Weights, kept_benches
from .warp import Way

MIN_FRESH_SHARE = 0.2
"""Of the new painting there is never less where anything moves."""

Tiles = NDArray[np.bool_]

BAND_TILES = 3
"""Rows of tiles that are sharpened alike: 120 px at 720p."""

CORES = min(4, num_cores())
"""So many smooth a picture at the same time, a strip each: of its six bands two at least."""

Strip = list[slice]
"""Rows of bands of the picture, one below the other, that a core works on."""

SETTLING_SHARE = 0.3
"""Tiles that settle keep so much of the last painting at least: nothing moves there any more."""

DISSOLVE_FRAMES = 8
"""After a change of brush size nothing is held for so long, so that it passes over unseen."""


class Band(NamedTuple):
    """Rows of the picture, and whether anything moves there."""

    rows: slice
    moves: bool


@dataclass(frozen=True, eq=False)
class History:
    """The last painting `pixels` (H, W, 3), the way it went, and how much of it stays.

    `weights` are of the way's grid; where the flow is sure they are `most`, where still, `ONE`.
    """

    pixels: Pixels
    way: Way
    weights: Weights
    most: int


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
    hold = _held(still, settling, motion.reliable.shape)
    moves: Mask = 1 - hold
    height, width = past.shape[:2]
    way, painted = Way(motion.flow, height, width, moves), np.empty_like(past)
    weights = way.grid.fitted(_in_bytes(hold + moves * (most * motion.reliable)))
    history = History(past, way, weights, round(most * ONE))
    # OpenVINO shares the memory of no array that may not be written to.
    fresh = np.require(fresh, requirements=["C", "W"])
    bands = _bands(still, height)
    for band in bands:
        if not band.moves:
            painted[band.rows] = past[band.rows]
    benches = kept_benches(_most_rows(bands), width)
    lay_over = partial(_lay_over, fresh=fresh, history=history, painted=painted, benches=benches)
    for _ in each(lay_over, _strips(bands)):
        pass
    return painted


def _lay_over(
    strip: Strip, fresh: Pixels, history: History, painted: Pixels, benches: Benches
) -> None:
    """Smooth a strip of the picture, into `painted`."""
    top, way = strip[0].start, history.way
    rows = slice(top, strip[-1].stop)
    with benches.one() as bench:
        weights = way.grid.enlarged(history.weights, rows, bench.scratch, "weights")
        moved = way.moved(history.pixels, rows, bench.scratch, bench.moved[: len(weights)])
        parts = [slice(band.start - top, band.stop - top) for band in strip]
        windows = [window(*way.blur(band)) for band in strip]
        details = lacking(parts, windows, fresh[rows], moved, weights, history.most)
        bench.lay(fresh[rows], painted[rows], details, weights, history.most)


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


def _bands(still: Tiles, height: int) -> list[Band]:
    """The picture cut across; what moved or is next to what did is not held."""
    rows = len(still)
    near = np.any(cv2.dilate((~still).astype(np.uint8), NEIGHBOURS), axis=1)
    starts = range(0, rows, BAND_TILES)
    ends = [*starts[1:], rows]
    bands = (
        Band(slice(start * height // rows, end * height // rows), bool(near[start:end].any()))
        for start, end in zip(starts, ends, strict=True)
    )
    return [band for band in bands if band.rows.start < band.rows.stop]


def _strips(bands: list[Band]) -> list[Strip]:
    """One for each core, of about as many bands that moved; more where they do not adjoin."""
    moving = [band.rows for band in bands if band.moves]
    most = -(-len(moving) // CORES)
    strips: list[Strip] = []
    for rows in moving:
        if strips and len(strips[-1]) < most and strips[-1][-1].stop == rows.start:
            strips[-1].append(rows)
        else:
            strips.append([rows])
    return strips


def _most_rows(bands: list[Band]) -> int:
    """So many rows has the longest strip that these bands can ever make."""
    return -(-len(bands) // CORES) * max(band.rows.stop - band.rows.start for band in bands)
