"""Sample sheets: photos down, styles across, with captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

CAPTION_PX = 18
GAP_PX = 4


def to_image(picture: Tensor) -> Image.Image:
    """(3, H, W) in [0, 1] -> PIL image."""
    pixels = (picture.detach().float().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))


def make_sheet(captions: Sequence[str], rows: Sequence[Sequence[Tensor]]) -> Image.Image:
    """Rows of pictures (3, H, W) of one size under a line of captions."""
    height, width = rows[0][0].shape[1:]
    sheet = Image.new(
        "RGB",
        (
            len(captions) * (width + GAP_PX) - GAP_PX,
            CAPTION_PX + len(rows) * (height + GAP_PX) - GAP_PX,
        ),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    for column, caption in enumerate(captions):
        draw.text((column * (width + GAP_PX) + 2, 3), caption, fill="black")
        for row, pictures in enumerate(rows):
            at = (column * (width + GAP_PX), CAPTION_PX + row * (height + GAP_PX))
            sheet.paste(to_image(pictures[column]), at)
    return sheet
