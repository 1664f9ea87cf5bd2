"""The whole flow of one frame, and all state that lasts from one frame to the next."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial

import cv2

from .composite import composite
from .controls import DEFAULT_SIZE_PX, Controls
from .frame import Frame, Pixels
from .inference import Engine
from .motion import Seen, analyse
from .style import ORIGINAL, Style, StyleBank
from .temporal import Layer, smoothed, steady


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
        self.reset()

    def reset(self) -> None:
        """Start afresh: a new scene, source or size."""
        self._look: object = None
        self._seen: Seen | None = None
        self._layer: Layer | None = None

    def process(self, frame: Frame, controls: Controls) -> Frame:
        """Paint one frame as `controls` say."""
        look = (frame.pixels.shape, controls.mix, controls.strength, controls.smooth > 0)
        if look != self._look:
            self.reset()
            self._look = look
        if controls.smooth > 0:
            with self.times.stage("motion"):
                motion, self._seen = analyse(frame.pixels, self._seen)
            frame = replace(frame, motion=motion)
        painted = self._paint(frame, controls)
        with self.times.stage("composite"):
            return frame.painted(composite(frame.pixels, painted, controls))

    def _paint(self, frame: Frame, controls: Controls) -> Pixels:
        """Paint at the processing size, bring the result back to size and smooth it over time."""
        past, motion = self._layer, frame.motion
        if controls.strength == 0 or controls.compare == "before":
            self._layer = None
            return frame.pixels
        if motion is not None and motion.is_cut:
            past = None
        size_hw = processing_size(frame.height, frame.width, controls.size_px)
        if past is not None and past.stays(motion, size_hw):
            return past.painted
        with self.times.stage("resize"):
            fed = steady(frame.pixels, motion, past)
            small = resize(fed, *size_hw)
        with self.times.stage("inference"):
            painted = self.engine.stylize(small, self._style(controls.mix, controls.strength))
        with self.times.stage("resize"):
            painted = resize(painted, frame.height, frame.width)
        with self.times.stage("temporal"):
            layer = smoothed(Layer(fed, painted, size_hw), motion, past, controls.smooth)
        self._layer = layer
        return layer.painted


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
