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
from .overlay import ONE, Bench, Weights, kept_benches
from .scratch import Pool, Scratch
from .warp import Way

MIN_FRESH_SHARE = 0.2
"""Of the new painting there is never less where anything moves."""

Tiles = NDArray[np.bool_]

BAND_TILES = 3
"""Rows of tiles that are sharpened alike: 120 px at 720p."""

CORES = min(4, num_cores())
"""So many smooth a picture at the same time, a strip each: of its six bands two at least."""

MIN_STRIP_PX = 100_000
"""Smaller strips are not worth another core: their threads would wait for Python's lock."""

SCRATCHES = Pool(Scratch)
"""One for each picture that is smoothed at the same time."""

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
    painted, bands = np.empty_like(past), _bands(still, len(past))
    for band in bands:
        if not band.moves:
            painted[band.rows] = past[band.rows]
    # OpenVINO shares the memory of no array that may not be written to.
    fresh = np.require(fresh, requirements=["C", "W"])
    benches = kept_benches(_most_rows(bands, past.shape[1]), past.shape[1])
    with SCRATCHES.one() as scratch:
        hold = _held(still, settling, motion.reliable.shape, scratch)
        history = _history(past, motion, hold, most, scratch)
        lay = partial(_lay_over, fresh=fresh, history=history, painted=painted, benches=benches)
        for _ in each(lay, _strips(bands, past.shape[1])):
            pass
    return painted


def _history(past: Pixels, motion: Motion, hold: Mask, most: float, scratch: Scratch) -> History:
    """The last painting, of which `hold` (h, w) stays where it is, and what moved at `most`."""
    moves = np.subtract(1, hold, out=scratch.array("moves", hold.shape))
    height, width = past.shape[:2]
    way = Way(motion.flow, height, width, moves, scratch)
    share = cv2.multiply(moves, motion.reliable, dst=moves, scale=most)
    in_bytes = scratch.array("in bytes", hold.shape, np.uint8)
    cv2.addWeighted(hold, ONE, share, ONE, 0, dst=in_bytes, dtype=cv2.CV_8U)
    weights = way.grid.fitted(in_bytes, scratch, "weights")
    return History(past, way, weights, round(most * ONE))


def _lay_over(
    strip: Strip, fresh: Pixels, history: History, painted: Pixels, benches: Pool[Bench]
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


def _held(still: Tiles, settling: Tiles, shape_hw: tuple[int, ...], scratch: Scratch) -> Mask:
    """How much of the last painting stays whatever the flow says, (h, w).

    Tiles as weights of pixels: 0 in all that moved, rising within half a tile.
    """
    ramps: list[Mask] = []
    for name, tiles in (("stays", still), ("calm", still | settling)):
        ramp = scratch.array(name, shape_hw)
        signs = np.where(tiles, np.float32(1), np.float32(-1))
        cv2.resize(signs, shape_hw[::-1], dst=ramp, interpolation=cv2.INTER_LINEAR)
        cv2.threshold(ramp, 0, 1, cv2.THRESH_TOZERO, dst=ramp)
        ramps.append(ramp)
    stays, calm = ramps
    return cv2.addWeighted(stays, 1 - SETTLING_SHARE, calm, SETTLING_SHARE, 0, dst=stays)  # type: ignore[return-value]


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


def _strips(bands: list[Band], width: int) -> list[Strip]:
    """One for each core, of about as many bands that moved; more where they do not adjoin."""
    moving = [band.rows for band in bands if band.moves]
    most = _bands_each(len(moving), _tallest(bands) * width)
    strips: list[Strip] = []
    for rows in moving:
        if strips and len(strips[-1]) < most and strips[-1][-1].stop == rows.start:
            strips[-1].append(rows)
        else:
            strips.append([rows])
    return strips


def _most_rows(bands: list[Band], width: int) -> int:
    """So many rows has the longest strip that these bands can ever make."""
    tallest = _tallest(bands)
    return tallest * max(_bands_each(num, tallest * width) for num in range(1, len(bands) + 1))


def _bands_each(num: int, band_px: int) -> int:
    """How many of `num` bands of so many pixels a core works on at most."""
    cores = max(1, min(CORES, num * band_px // MIN_STRIP_PX))
    return -(-num // cores)


def _tallest(bands: list[Band]) -> int:
    return max(band.rows.stop - band.rows.start for band in bands)
