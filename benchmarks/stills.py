"""The README's picture of where the style goes: `python -m benchmarks.stills`.

Painted on scikit-image's astronaut (NASA, public domain), which comes with rtstyle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from rtstyle.api import load
from rtstyle.capture.images import read_image
from rtstyle.contact_sheet import contact_sheet
from rtstyle.controls import Controls
from rtstyle.frame import Frame
from rtstyle.pipeline import Pipeline

from .machine import ROOT

STILLS = {
    "--region face": Controls((("mosaic", 1.0),), region="face"),
    "--region background": Controls((("starry-night", 1.0),), region="background"),
    "--region person": Controls((("great-wave", 1.0),), region="person"),
    "--face-detail": Controls((("scream", 1.0),), face_detail=True),
}
"""Caption, which is the option that makes the picture, and what is painted."""


def main() -> None:
    """Paint all four and lay them out side by side."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.stills")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/pictures/faces.jpg")
    options = parser.parse_args()
    photo = read_image(ROOT / "rtstyle/photos/astronaut.jpg")
    engine, bank = load()
    cells = []
    for caption, controls in STILLS.items():
        pipeline = Pipeline(engine, bank)
        cells.append((caption, pipeline.process(Frame.still(photo), controls).pixels))
        pipeline.close()
    engine.close()
    Image.fromarray(contact_sheet(cells, columns=4)).save(options.out, quality=88)
    print(options.out)


if __name__ == "__main__":
    main()
