"""Sample sheets: photos down, styles across, with captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

CAPTION_PX = 18
GAP_PX = 4
MAX_COLUMNS = 10


def to_image(picture: Tensor) -> Image.Image:
    """(3, H, W) in [0, 1] -> PIL image."""
    pixels = (picture.detach().float().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))


def make_sheet(captions: Sequence[str], rows: Sequence[Sequence[Tensor]]) -> Image.Image:
    """Rows of pictures (3, H, W) of one size under a line of captions.

    More than `MAX_COLUMNS` columns go on below, as another band.
    """
    height, width = (side + GAP_PX for side in rows[0][0].shape[1:])
    band = CAPTION_PX + len(rows) * height
    num_bands = -(-len(captions) // MAX_COLUMNS)
    num_columns = min(len(captions), MAX_COLUMNS)
    size = (num_columns * width - GAP_PX, num_bands * band - GAP_PX)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for number, caption in enumerate(captions):
        x, top = number % MAX_COLUMNS * width, number // MAX_COLUMNS * band
        draw.text((x + 2, top + 3), caption, fill="black")
        for row, pictures in enumerate(rows):
            sheet.paste(to_image(pictures[number]), (x, top + CAPTION_PX + row * height))
    return sheet
