"""What pictures of one painter give together, against each alone: `python -m benchmarks.fusion`.

    rtstyle train style starry_night.jpg van_gogh_self.jpg --out both.style
    python -m benchmarks.fusion --alone starry-night ../shared/data/styles/open/starry_night.jpg \
        --alone van-gogh ../shared/data/styles/open/van_gogh_self.jpg --fused both.style

Every style paints the photos that we ship. A row of the table is a style, with how much of each
picture's style is missing (`style_strength.py`); the sheet shows the paintings.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
from PIL import Image

from rtstyle.api import load
from rtstyle.capture.images import read_image
from rtstyle.contact_sheet import contact_sheet
from rtstyle.frame import Pixels
from rtstyle.style import load_styles
from train.own_style import SHIPPED_PHOTOS

from .machine import RESULTS, machine_facts
from .measure import write_result
from .quality import FEATURES
from .style_strength import StyleStrength

SCHEMA = 1
SIDE_PX = 384
SHEET_QUALITY = 90


def photos() -> dict[str, Pixels]:
    """The middle squares of the photos that we ship, by file name."""
    found = {}
    for path in sorted(SHIPPED_PHOTOS.glob("*.jpg")):
        pixels = read_image(path)
        side = min(pixels.shape[:2])
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        square = pixels[top : top + side, left : left + side]
        small = cv2.resize(square, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        found[path.name] = np.asarray(small, np.uint8)
    return found


def main() -> None:
    """Paint, measure, draw the sheet."""
    options = parse_options()
    engine, bank = load(options.generator)
    pictures = {name: Path(picture) for name, picture in options.alone}
    styles = [bank[name] for name in pictures]
    for file in options.fused:
        styles += load_styles(file, engine.info.generator.num_style_values)
    bank.with_styles(styles[len(pictures) :])  # refuses those of another generator
    strength = StyleStrength(options.data / FEATURES)
    seen = photos()
    table: dict[str, dict[str, float]] = {}
    columns = [("photo", list(seen.values()))]
    for style in styles:
        painted = [engine.stylize(photo, style) for photo in seen.values()]
        columns.append((style.name, painted))
        pairs = list(zip(painted, seen.values(), strict=True))
        table[style.name] = {
            name: round(mean(strength.left(one, photo, picture) for one, photo in pairs), 4)
            for name, picture in pictures.items()
        }
        print(style.name, json.dumps(table[style.name]), file=sys.stderr)
    cells = [(name, column[row]) for row in range(options.rows) for name, column in columns]
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet(cells, columns=len(columns))
    Image.fromarray(sheet).save(options.sheet, quality=SHEET_QUALITY)
    facts = {"photos": list(seen), "side_px": SIDE_PX, "style_left": table}
    write_result(options.out, {"schema": SCHEMA, "machine": machine_facts(), **facts})


def parse_options() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.fusion")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--generator", default="fast")
    parser.add_argument(
        "--alone", nargs=2, action="append", required=True, metavar=("STYLE", "PICTURE")
    )
    parser.add_argument("--fused", nargs="+", type=Path, required=True, metavar="STYLE_FILE")
    parser.add_argument("--rows", type=int, default=2, help="photos on the sheet")
    parser.add_argument("--sheet", type=Path, default=Path("benchmarks/pictures/fusion.jpg"))
    parser.add_argument("--out", type=Path, default=RESULTS / "fusion.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
