from __future__ import annotations

import numpy as np
import torch

from train.sheet import CAPTION_PX, GAP_PX, MAX_COLUMNS, make_sheet


def shades(count: int) -> list[torch.Tensor]:
    """Flat pictures of 8x8 px, no two of one grey."""
    return [torch.full((3, 8, 8), (n + 1) / 32) for n in range(count)]


def test_every_picture_is_there_and_many_go_on_below() -> None:
    count = MAX_COLUMNS + 3
    sheet = np.array(make_sheet([""] * count, [shades(count)]))
    assert sheet.shape == (2 * (CAPTION_PX + 8) + GAP_PX, MAX_COLUMNS * (8 + GAP_PX) - GAP_PX, 3)
    found = set(np.unique(sheet))
    assert {round((n + 1) / 32 * 255) for n in range(count)} <= found


def test_few_pictures_need_no_second_band() -> None:
    sheet = make_sheet(["a", "b"], [shades(2), shades(2)])
    assert sheet.size == (2 * 8 + GAP_PX, CAPTION_PX + 2 * 8 + GAP_PX)
