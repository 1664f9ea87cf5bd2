"""The README's moving picture: `python -m benchmarks.moving`.

The clip of `rtstyle demo` with a style for each of its shots; a line sweeps over each and leaves
it painted.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from PIL import Image

from rtstyle.api import load
from rtstyle.capture.demo import SHOTS, DemoSource
from rtstyle.controls import Controls
from rtstyle.pipeline import Pipeline

from .machine import ROOT

WIDTH, HEIGHT, RATE, FRAMES_PER_SHOT = 512, 288, 12, 16
STYLES = ("van-gogh", "mondrian", "scream", "great-wave")
SWEEP_SHARE = 0.5
"""Share of a shot in which the line crosses the picture."""


def main() -> None:
    """Paint it and write an animated WebP, which browsers play without end."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.moving")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/pictures/moving.webp")
    options = parser.parse_args()
    engine, bank = load()
    pipeline = Pipeline(engine, bank)
    pictures = []
    source = DemoSource(WIDTH, HEIGHT, Fraction(RATE), FRAMES_PER_SHOT * len(SHOTS))
    for number, frame in enumerate(source):
        shot, since = divmod(number, FRAMES_PER_SHOT)
        split = max(0.0, 1 - since / (SWEEP_SHARE * FRAMES_PER_SHOT))
        style = ((STYLES[shot], 1.0),)
        painted = pipeline.process(frame, Controls(style, compare="split", split=split))
        pictures.append(Image.fromarray(painted.pixels))
    pipeline.close()
    pictures[0].save(
        options.out,
        save_all=True,
        append_images=pictures[1:],
        duration=1000 // RATE,
        loop=0,
        quality=50,
        method=4,
    )
    print(options.out)


if __name__ == "__main__":
    main()
