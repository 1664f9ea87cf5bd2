"""Contact sheets: every picture has its place, none is enlarged."""

from __future__ import annotations

import numpy as np
import pytest

from rtstyle.contact_sheet import GAP_PX, contact_sheet, middle_square


def plain(level: int, height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_each_picture_is_on_the_sheet_once_in_order(columns: int) -> None:
    levels = [20, 60, 100, 140, 180]
    sheet = contact_sheet([("", plain(level, 40, 30)) for level in levels], columns, 40)
    assert sheet.shape[1] == columns * (30 + GAP_PX) + GAP_PX
    for level in levels:
        assert (sheet == level).all(axis=2).sum() == 40 * 30
    first = [int(sheet[(sheet != 255).all(axis=2)][0, 0])]
    assert first == [20]


def test_large_pictures_are_made_smaller_and_small_ones_are_not_enlarged() -> None:
    large = contact_sheet([("a", plain(9, 600, 300))], 1, 300)
    small = contact_sheet([("a", plain(9, 60, 30))], 1, 300)
    assert large.shape[1] == 150 + 2 * GAP_PX
    assert small.shape[1] == 30 + 2 * GAP_PX


@pytest.mark.parametrize("size", [(8, 20), (20, 8), (8, 8)])
def test_the_middle_square_is_in_the_middle(size: tuple[int, int]) -> None:
    picture = plain(0, *size)
    picture[size[0] // 2 - 1, size[1] // 2 - 1] = 255
    square = middle_square(picture)
    assert square.shape == (8, 8, 3)
    assert square[3, 3].all() and square.sum() == 3 * 255
