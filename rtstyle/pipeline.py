"""The whole flow of one frame, and all state that lasts from one frame to the next."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial

import cv2

from .composite import composite
from .controls import DEFAULT_SIZE_PX, Controls
from .frame import Frame, Pixels
from .inference import Engine
from .style import ORIGINAL, Style, StyleBank


class StageTimes:
    """Seconds spent in each stage, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent in the block to the stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started
            self.counts[name] += 1

    def slowest(self) -> tuple[float, str]:
        """Total seconds and name of the stage that took the longest."""
        return max(((total, name) for name, total in self.seconds.items()), default=(0.0, ""))

    def mean_ms(self) -> dict[str, float]:
        """Mean milliseconds of each stage."""
        return {name: 1000 * total / self.counts[name] for name, total in self.seconds.items()}


class Pipeline:
    """Turns captured frames into frames to show; one pipeline per stream.

    Frames must come in order. `reset` forgets everything that earlier frames left behind.
    """

    def __init__(self, engine: Engine, bank: StyleBank) -> None:
        self.engine, self.bank = engine, bank
        self.times = StageTimes()
        self._style = lru_cache(maxsize=8)(partial(style_at_strength, bank))

    def process(self, frame: Frame, controls: Controls) -> Frame:
        """Paint one frame as `controls` say."""
        painted = self._paint(frame.pixels, controls)
        with self.times.stage("composite"):
            return frame.painted(composite(frame.pixels, painted, controls))

    def reset(self) -> None:
        """Start afresh: a new scene, source or size."""

    def _paint(self, pixels: Pixels, controls: Controls) -> Pixels:
        """Paint at the processing size and bring the result back to the size of `pixels`."""
        if controls.strength == 0 or controls.compare == "before":
            return pixels
        height, width = pixels.shape[:2]
        with self.times.stage("resize"):
            small = resize(pixels, *processing_size(height, width, controls.size_px))
        with self.times.stage("inference"):
            painted = self.engine.stylize(small, self._style(controls.mix, controls.strength))
        with self.times.stage("resize"):
            return resize(painted, height, width)


def paint_pixels(engine: Engine, bank: StyleBank, pixels: Pixels, controls: Controls) -> Pixels:
    """Paint one picture that belongs to no stream: (H, W, 3) uint8 RGB -> the same size."""
    return Pipeline(engine, bank).process(Frame.still(pixels), controls).pixels


def style_at_strength(
    bank: StyleBank, mix: tuple[tuple[str, float], ...], strength: float
) -> Style:
    """The style of a mix, drawn towards `original` as the strength falls."""
    if strength == 1 or ORIGINAL not in bank.names:
        return bank.mix(mix)
    total = sum(share for _, share in mix)
    weaker = [(name, share * strength) for name, share in mix]
    return bank.mix([*weaker, (ORIGINAL, total * (1 - strength))])


def processing_size(height: int, width: int, size_px: int | None) -> tuple[int, int]:
    """Height and width at which a picture is painted; never larger than the picture itself."""
    target = min(height, size_px or DEFAULT_SIZE_PX)
    return target, max(1, round(width * target / height))


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Area averaging on the way down, linear interpolation on the way up."""
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = height * width < pixels.shape[0] * pixels.shape[1]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=mode)  # type: ignore[return-value]
