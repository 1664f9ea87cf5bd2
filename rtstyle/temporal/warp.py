"""Pictures moved along the flow, a part at a time: what is computed for it stays in the cache."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Pixels

Part = tuple[slice, slice]
"""A rectangle of a picture: its rows and columns."""

EVERYWHERE: Part = slice(None), slice(None)


class Way:
    """Where pixels come from: a flow (h, w, 2) of the small picture for pictures of (H, W)."""

    def __init__(self, flow: NDArray[np.float32], height: int, width: int) -> None:
        small_height, small_width = flow.shape[:2]
        along, down = (cv2.extractChannel(flow, axis) for axis in (0, 1))
        beside = flow * np.array([width / small_width, height / small_height], np.float32)
        beside -= np.floor(beside)
        self._blur = beside * (1 - beside)
        columns, self._left = _places(small_width, width)
        rows, top = _places(small_height, height)
        # Places that are enlarged with the flow need not be added to it at full size. Columns are
        # enlarged when a part is asked for.
        along = along * (width / small_width) + columns
        down = down * (height / small_height) + rows[:, None]
        size = (small_width, height)
        self._along = cv2.resize(along, size, interpolation=cv2.INTER_LINEAR)
        self._down = cv2.resize(down, size, interpolation=cv2.INTER_LINEAR)
        num = len(top)
        self._down[:num] -= top[:, None]
        self._down[-num:] += top[::-1, None]
        self._height, self._width = height, width

    def blur(self, rows: slice) -> tuple[float, float]:
        """How much `moved` blurs some rows, along them and down: 0 where whole pixels are moved on
        to others, up to 1/4 half-way between two."""
        scale = len(self._blur) / self._height
        top = int(rows.start * scale)
        part = self._blur[top : max(top + 1, int(rows.stop * scale))]
        return cv2.mean(part)[:2]  # type: ignore[return-value]

    def moved(self, pixels: Pixels, part: Part = EVERYWHERE) -> Pixels:
        """A part of the picture (H, W, 3) from where the flow points."""
        rows, columns = part
        low, high, _, _ = cv2.minMaxLoc(self._down[rows])
        top = int(np.clip(low, 0, len(pixels) - 1))
        source = pixels[top : max(top, int(high) + 1) + 1]
        x, y = (widened(each[rows], self._width) for each in (self._along, self._down))
        y -= top
        num = len(self._left)
        x[:, :num] -= self._left
        x[:, -num:] += self._left[::-1]
        # OpenCV interpolates four channels in less than half the time of three.
        quads = cv2.cvtColor(source, cv2.COLOR_RGB2RGBA)
        x, y = x[:, columns], y[:, columns]
        moved = cv2.remap(quads, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB)  # type: ignore[return-value]


def widened(values: NDArray, width: int) -> NDArray:
    """(rows, w) -> (rows, width), interpolated."""
    return cv2.resize(values, (width, len(values)), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=8)
def _places(num_small: int, num: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of `num_small` pixels the places among `num`, and by how much these miss at their start.

    Enlarging repeats the first and the last value instead of going on beyond them.
    """
    small = ((np.arange(num_small) + 0.5) * (num / num_small) - 0.5).astype(np.float32)
    places = cv2.resize(small[None], (num, 1), interpolation=cv2.INTER_LINEAR)[0]
    return small, (places - np.arange(num))[: -(-num // (2 * num_small))].astype(np.float32)
