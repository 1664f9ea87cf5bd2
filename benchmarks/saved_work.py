"""What painting only where something moves would save, and what it would look like.

`python -m benchmarks.saved_work CLIP...`: of every clip the share of frames in which nothing moved
(these are not painted), the share of the tiles that moved, the share of the picture that a
rectangle around them and a halo cover, and the seam: how far the rectangle, painted alone, is off
from the same place painted with the whole frame, in levels of 255, as a step of mean colour and as
rms.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from rtstyle.api import load
from rtstyle.frame import Motion, Pixels
from rtstyle.inference import Engine
from rtstyle.motion import analyse
from rtstyle.style import Style

from .machine import machine_facts
from .measure import write_result
from .xt_slice import read

HALO_PX = 80
"""Around what moved: so far a generator looks."""

SIZE_MULTIPLE = 8
MAX_SEAMS = 6
"""Frames of a clip whose seam is measured."""


def measure(frames: list[Pixels], engine: Engine, style: Style) -> dict[str, Any]:
    """All figures of one clip."""
    seen = None
    moved, shares, steps, rms = [], [], [], []
    for frame in frames:
        motion, seen = analyse(frame, seen)
        if motion is None:
            continue
        moved.append(float((~motion.still).mean()))
        rows, columns = moving_rectangle(motion, frame)
        share = (rows.stop - rows.start) * (columns.stop - columns.start)
        shares.append(share / (frame.shape[0] * frame.shape[1]))
        if 0 < shares[-1] < 0.9 and len(steps) < MAX_SEAMS:
            difference = seam(frame, rows, columns, engine, style)
            steps.append(float(np.abs(difference.mean(axis=(0, 1))).max()))
            rms.append(float(np.sqrt(np.square(difference).mean())))
    return {
        "frames": len(frames),
        "still_share": float(np.mean(np.array(shares) == 0)),
        "moved_share": float(np.mean(moved)),
        "painted_share": float(np.mean(shares)),
        "seam_step": float(np.mean(steps)) if steps else None,
        "seam_rms": float(np.mean(rms)) if rms else None,
    }


def moving_rectangle(motion: Motion, frame: Pixels) -> tuple[slice, slice]:
    """Rows and columns that hold all tiles that moved, and the halo; empty if none did."""
    found = []
    for axis, side in ((1, frame.shape[0]), (0, frame.shape[1])):
        moving = np.flatnonzero(~motion.still.all(axis=axis))
        if not len(moving):
            return slice(0, 0), slice(0, 0)
        tile = side / motion.still.shape[1 - axis]
        first = max(0, int(moving[0] * tile) - HALO_PX) // SIZE_MULTIPLE * SIZE_MULTIPLE
        last = min(side, int((moving[-1] + 1) * tile) + HALO_PX)
        found.append(slice(first, last // SIZE_MULTIPLE * SIZE_MULTIPLE))
    return found[0], found[1]


def seam(frame: Pixels, rows: slice, columns: slice, engine: Engine, style: Style) -> np.ndarray:
    """Painted alone less painted with the whole, without the halo."""
    whole = engine.stylize(frame, style)[rows, columns].astype(np.float32)
    alone = engine.stylize(np.ascontiguousarray(frame[rows, columns]), style).astype(np.float32)
    difference = alone - whole
    inner = difference[HALO_PX:-HALO_PX, HALO_PX:-HALO_PX]
    return inner if inner.size else difference


def main() -> None:
    """Measure the clips and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.saved_work")
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--generator", default="fast")
    parser.add_argument("--style", default="starry-night")
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/saved_work.json"))
    options = parser.parse_args()
    engine, bank = load(options.generator)
    results = {}
    for clip in options.clips:
        frames = read(clip, 0, options.frames, options.height)
        results[clip.name] = measure(frames, engine, bank[options.style])
        print(clip.name, results[clip.name], file=sys.stderr)
    report = {"schema": 1, "machine": machine_facts(), "height": options.height, "clips": results}
    write_result(options.out, report)


if __name__ == "__main__":
    main()
