"""Pictures are moved to where the flow points, in parts as in one."""

from __future__ import annotations

import numpy as np
import pytest

from rtstyle.temporal.scratch import Scratch
from rtstyle.temporal.warp import Way


@pytest.mark.parametrize("size", [(180, 320), (405, 720), (427, 240), (33, 17), (1, 1)])
def test_a_way_leads_to_whole_pixels_exactly_up_to_the_border(size: tuple[int, int]) -> None:
    height, width = size
    pixels = np.random.default_rng(5).integers(0, 256, (*size, 3), dtype=np.uint8)
    flow = np.zeros((180, 320, 2), np.float32)
    assert (Way(flow, height, width).moved(pixels) == pixels).all()
    flow[..., 1] = 180 / height
    down = Way(flow, height, width).moved(pixels)
    assert (down == pixels[np.minimum(np.arange(height) + 1, height - 1)]).all()


@pytest.mark.parametrize("size", [(180, 320), (405, 720), (427, 240)])
def test_parts_are_those_of_the_whole_picture_moved(size: tuple[int, int]) -> None:
    height, width = size
    random = np.random.default_rng(6)
    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    flow = random.normal(0, 40, (9, 16, 2)).astype(np.float32)
    way = Way(flow, height, width)
    whole, scratch = way.moved(pixels), Scratch()
    for top in range(0, height, 31):
        rows = slice(top, top + 31)
        assert (way.moved(pixels, rows, scratch) == whole[rows]).all()
