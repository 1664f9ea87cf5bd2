"""The README's pictures of styles and regions: `python -m benchmarks.stills`.

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

SIZE_PX = 400
"""Height at which all is painted: small, so that brush strokes are seen."""
REGIONS = {
    "--region face": Controls((("mosaic", 1.0),), size_px=SIZE_PX, region="face"),
    "--region background": Controls((("starry-night", 1.0),), size_px=SIZE_PX, region="background"),
    "--region person": Controls((("great-wave", 1.0),), size_px=SIZE_PX, region="person"),
    "--face-detail": Controls((("scream", 1.0),), size_px=SIZE_PX, face_detail=True),
}
STYLES = ("van-gogh", "scream", "great-wave", "mondrian", "udnie", "composition-vii", "pencil")
PICTURES = {
    "faces.jpg": REGIONS,
    "styles.jpg": {
        "photo": Controls((("original", 1.0),), strength=0),
        **{style: Controls(((style, 1.0),), size_px=SIZE_PX) for style in STYLES},
    },
}
"""File -> caption -> what is painted."""


def main() -> None:
    """Paint all of them; a file holds its paintings in rows of four."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.stills")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/pictures")
    options = parser.parse_args()
    photo = read_image(ROOT / "rtstyle/photos/astronaut.jpg")
    engine, bank = load()
    for name, paintings in PICTURES.items():
        cells = []
        for caption, controls in paintings.items():
            pipeline = Pipeline(engine, bank)
            cells.append((caption, pipeline.process(Frame.still(photo), controls).pixels))
            pipeline.close()
        Image.fromarray(contact_sheet(cells, columns=4)).save(options.out / name, quality=88)
        print(options.out / name)
    engine.close()


if __name__ == "__main__":
    main()
