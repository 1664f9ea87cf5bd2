"""A made picture that moves: for tests, benchmarks and a first look without a camera."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ..frame import Frame, Pixels
from . import SourceInfo


class SyntheticSource:
    """A gradient with a checkered disc that circles over it.

    The same index always gives the same picture.
    """

    def __init__(
        self,
        width: int = 1280,
        height: int = 720,
        rate: Fraction = Fraction(30),
        num_frames: int | None = 90,
    ) -> None:
        duration = None if num_frames is None else float(num_frames / rate)
        self.info = SourceInfo("synthetic", width, height, rate, num_frames, duration)
        self.damage: str | None = None
        self.notices: list[str] = []
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed and (self.info.num_frames is None or index < self.info.num_frames):
            assert self.info.rate is not None
            yield Frame(self._draw(index), index, index, 1 / self.info.rate)
            index += 1

    def close(self) -> None:
        self._closed = True

    def _draw(self, index: int) -> Pixels:
        height, width = self.info.height, self.info.width
        y, x = np.ogrid[:height, :width]
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[..., 0] = x * 255 // max(1, width - 1)
        pixels[..., 1] = y * 255 // max(1, height - 1)
        pixels[..., 2] = 96
        angle = index * 2 * np.pi / 90
        radius = height * 0.18
        dx = x - width * (0.5 + 0.25 * np.cos(angle))
        dy = y - height * (0.5 + 0.2 * np.sin(angle))
        inside = dx * dx + dy * dy < radius * radius
        square = max(4, height // 24)
        light = ((np.floor(dx / square) + np.floor(dy / square)) % 2 == 0)[inside]
        pixels[inside] = np.where(light[:, None], (235, 225, 190), (40, 60, 120))
        return pixels
