"""Does the picture pop when the governor changes the size at which it is painted?

    python -m benchmarks.pop

A photo stands still before the camera, with and without a camera's noise, while the size changes.
The step of a frame is the mean absolute difference to the frame shown before it, in levels of 255:
steps around a change, beside those before it and beside the whole difference that must pass.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.machine import RESULTS, machine_facts
from benchmarks.measure import spread, write_result
from rtstyle.api import load
from rtstyle.capture.demo import DemoSource
from rtstyle.controls import Controls
from rtstyle.frame import Frame, Pixels
from rtstyle.pipeline import Pipeline

CHANGES_PX = ((720, 480), (480, 240), (240, 480), (480, 720))
SETTLED, WATCHED = 12, 32
"""Frames before a change, of which the last six count as usual, and from it on."""
NOISE_LEVELS = 2.0


def camera(photo: Pixels, noise: float, num_frames: int) -> Iterator[Frame]:
    """The photo again and again, under white noise of so many levels (rms)."""
    random = np.random.default_rng(0)
    for index in range(num_frames):
        grain = random.normal(0, noise, photo.shape) if noise else 0.0
        pixels = np.clip(np.rint(photo + grain), 0, 255).astype(np.uint8)
        yield Frame(pixels, index, index, Fraction(1, 30))


def step(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference, levels of 255."""
    return float(np.mean(cv2.absdiff(one, other)))


def measure_change(
    pipeline: Pipeline, style: str, noise: float, change_px: tuple[int, int]
) -> dict[str, float]:
    """Steps before and after one change of size, in levels; `whole` is what must pass."""
    pipeline.reset()
    photo = next(iter(DemoSource(1280, 720))).pixels
    shown = []
    for frame in camera(photo, noise, SETTLED + WATCHED):
        size_px = change_px[frame.index >= SETTLED]
        shown.append(pipeline.process(frame, Controls(((style, 1.0),), size_px=size_px)).pixels)
    steps = [step(one, other) for one, other in itertools.pairwise(shown)]
    return {
        "whole": step(shown[SETTLED - 1], shown[-1]),
        "usual": max(steps[SETTLED - 7 : SETTLED - 1]),
        "largest": max(steps[SETTLED - 1 :]),
        "last": steps[-1],
    }


def measure(styles: list[str]) -> list[dict[str, Any]]:
    """One row for each change of size and each noise, over the styles."""
    engine, bank = load("fast")
    pipeline = Pipeline(engine, bank)
    names = styles or [name for name in bank.names if name != "original"]
    rows = []
    for noise in (0.0, NOISE_LEVELS):
        for change_px in CHANGES_PX:
            found = [measure_change(pipeline, name, noise, change_px) for name in names]
            row = {
                "from_px": change_px[0],
                "to_px": change_px[1],
                "noise_levels": noise,
                **{key: spread([style[key] for style in found], 3) for key in found[0]},
                "largest_share": spread([style["largest"] / style["whole"] for style in found], 3),
            }
            rows.append(row)
            print({key: row[key] for key in ("from_px", "to_px", "noise_levels")}, flush=True)
            print({key: row[key] for key in ("whole", "usual", "largest", "last")}, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--styles", nargs="*", default=[], help="all but original")
    parser.add_argument("--out", type=Path, default=RESULTS / "pop.json")
    options = parser.parse_args()
    write_result(options.out, {"machine": machine_facts(), "rows": measure(options.styles)})


if __name__ == "__main__":
    main()
