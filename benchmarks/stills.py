"""Four stills of faces for the README, on photos in the public domain.

python -m benchmarks.stills --data ../shared/data --out docs/faces
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rtstyle.api import load
from rtstyle.controls import Controls, Region
from rtstyle.frame import Frame, Pixels
from rtstyle.inference import Engine
from rtstyle.pipeline import Pipeline
from rtstyle.style import StyleBank

from .machine import ROOT

SIDE_PX = 512


@dataclass(frozen=True)
class Still:
    """One picture: the photo's name, the style, and what of the photo is painted."""

    name: str
    photo: str
    style: str
    region: Region = "frame"
    face_detail: bool = False
    face_strength: float = 1.0


STILLS = (
    Still("face", "grace_hopper", "mosaic", region="face"),
    Still("background", "astronaut", "starry-night", region="background"),
    Still("person", "grace_hopper", "great-wave", region="person"),
    Still("detail", "astronaut", "scream", face_detail=True),
)


def read_photo(name: str, data: Path) -> Pixels:
    """A square photo, (SIDE_PX, SIDE_PX, 3): scikit-image's astronaut (NASA) of the wheel, or the
    US Navy's portrait of Grace Hopper among the shared faces; both in the public domain."""
    if name == "astronaut":
        path = ROOT / "rtstyle/photos/astronaut.jpg"
    else:
        path = data / "faces_real/open" / f"{name}.jpg"
    photo = Image.open(path).convert("RGB")
    return np.array(photo.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS))


def paint_still(still: Still, photo: Pixels, engine: Engine, bank: StyleBank) -> Pixels:
    """The photo beside what becomes of it: (SIDE_PX, 2 * SIDE_PX, 3)."""
    controls = Controls(
        ((still.style, 1.0),),
        region=still.region,
        face_detail=still.face_detail,
        face_strength=still.face_strength,
        compare="side-by-side",
    )
    pipeline = Pipeline(engine, bank)
    try:
        return pipeline.process(Frame.still(photo), controls).pixels
    finally:
        pipeline.close()


def main() -> None:
    """Paint all four."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.stills")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--generator", default="fast", help="name on the shelf, or an ONNX file")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/faces")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    engine, bank = load(options.generator)
    for still in STILLS:
        pixels = paint_still(still, read_photo(still.photo, options.data), engine, bank)
        path = options.out / f"{still.name}.jpg"
        Image.fromarray(pixels).save(path, quality=88)
        print(path)
    engine.close()


if __name__ == "__main__":
    main()
