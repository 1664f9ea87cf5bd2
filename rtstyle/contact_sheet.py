"""Many pictures with captions in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .frame import Pixels

GAP_PX = 8
MAX_CELL_PX = 480


def contact_sheet(
    cells: Sequence[tuple[str, Pixels]], columns: int, cell_height_px: float = 300
) -> Pixels:
    """Lay captioned pictures out in rows of `columns`, each scaled to one height.

    Args:
        cells: caption and picture (H, W, 3) uint8 RGB; all of one shape.
        columns: pictures in a row.
        cell_height_px: height of a picture on the sheet.

    Returns:
        RGB, uint8, (H, W, 3).
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = cells[0][1].shape[:2]
    scale = min(1.0, cell_height_px / height, MAX_CELL_PX / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    font = ImageFont.load_default(16)
    caption_px = 24
    rows = -(-len(cells) // columns)
    step = size[0] + GAP_PX, size[1] + caption_px + GAP_PX
    sheet = Image.new("RGB", (columns * step[0] + GAP_PX, rows * step[1] + GAP_PX), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (caption, pixels) in enumerate(cells):
        x = GAP_PX + (number % columns) * step[0]
        y = GAP_PX + (number // columns) * step[1]
        draw.text((x, y), caption, fill="black", font=font)
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
        sheet.paste(picture, (x, y + caption_px))
    return np.array(sheet)


def middle_square(pixels: Pixels) -> Pixels:
    """The largest square in the middle of (H, W, 3)."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])
