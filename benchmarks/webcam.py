"""A webcam for benchmarks: JPEGs decoded one by one at 30 a second, each with its number on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import cv2
import numpy as np

from rtstyle.capture import SourceInfo
from rtstyle.capture.demo import DemoSource
from rtstyle.frame import Frame, Pixels

RATE = 30
"""Frames a second, unless told otherwise."""
BITS = 12
BLOCK_PX = 24
"""The number stands in the upper left corner: black and white blocks, lowest bit first."""
NUM_PICTURES = 90


class BenchmarkWebcam:
    """1280x720 at 30 frames a second or as asked; costs what a webcam that sends MJPEG costs.

    Decoding falls behind on a busy machine as it does with a webcam: the driver keeps only the
    newest picture, so those that were not fetched in time are skipped. Frames are stamped with
    the moment at which a driver would have had them.
    """

    damage: str | None = None
    notices: tuple[str, ...] = ()

    def __init__(
        self, width: int = 1280, height: int = 720, rate: Fraction = Fraction(RATE)
    ) -> None:
        self.info = SourceInfo("benchmark webcam", width, height, rate, is_live=True)
        self._closed = threading.Event()
        self._pictures = pictures(width, height)

    def __iter__(self) -> Iterator[Frame]:
        rate = float(self.info.rate or 30)
        started_at_seconds = time.monotonic()
        number = 0
        while True:
            due = started_at_seconds + number / rate
            if self._closed.wait(max(0.0, due - time.monotonic())):
                return
            late = int((time.monotonic() - due) * rate)
            number += late
            bgr = cv2.imdecode(self._pictures[number % NUM_PICTURES], cv2.IMREAD_COLOR)
            pixels: Pixels = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
            write_number(pixels, number)
            captured_at_seconds = started_at_seconds + number / rate
            yield Frame(pixels, number, number, 1 / Fraction(rate), captured_at_seconds)
            number += 1

    def close(self) -> None:
        self._closed.set()


@cache
def pictures(width: int, height: int) -> list[np.ndarray]:
    """What the webcam sees again and again, as JPEG: the clip of `rtstyle demo`."""
    return [
        cv2.imencode(".jpg", cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))[1]
        for frame in DemoSource(width, height, Fraction(30), NUM_PICTURES)
    ]


def write_number(pixels: Pixels, number: int) -> None:
    """Draw a frame's number into the upper left corner of (H, W, 3) uint8."""
    for bit in range(BITS):
        value = 255 if number >> bit & 1 else 0
        pixels[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = value


def read_number(row: np.ndarray) -> int:
    """The number in a row of brightnesses (width,) through the middle of the blocks."""
    places = np.arange(BITS) * BLOCK_PX + BLOCK_PX // 2
    return int(((row[places] > 127) << np.arange(BITS)).sum())
