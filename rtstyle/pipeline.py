"""The whole flow of one frame, and all state that lasts from one frame to the next."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial

import cv2

from .composite import blend, composite, region_share
from .controls import DEFAULT_SIZE_PX, Controls
from .face import FaceOptions, People, needs_whole, paint_faces, paints_faces, wanted_by
from .frame import Frame, Motion, Pixels
from .inference import Engine
from .motion import Seen, analyse
from .passing import Afterimage
from .style import ORIGINAL, Style, StyleBank
from .temporal import DISSOLVE_FRAMES, Layer, smoothed, steady

LAYER_FACTOR = 1.5
"""The painted layer is so many times as high as the painting: where the motion moves it by parts of
a pixel it blurs, which must be finer than the strokes."""


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

    def __init__(
        self, engine: Engine, bank: StyleBank, face_options: FaceOptions | None = None
    ) -> None:
        self.engine, self.bank = engine, bank
        self.people = People(face_options or FaceOptions())
        self.times = StageTimes()
        self._style = lru_cache(maxsize=8)(partial(style_at_strength, bank))
        self.reset()

    def reset(self) -> None:
        """Start afresh: a new scene, source or size."""
        self._stream: object = None
        self._look: object = None
        self._alphas: tuple[float, ...] = ()
        self._seen: Seen | None = None
        self._layer: Layer | None = None
        self._shown: Pixels | None = None
        self._afterimage: Afterimage | None = None
        self.people.reset()

    def close(self) -> None:
        """End the threads of the pipeline; it may be used again."""
        self.people.close()

    def process(self, frame: Frame, controls: Controls) -> Frame:
        """Paint one frame as `controls` say."""
        self._check_look(frame, controls)
        if controls.smooth > 0 or wanted_by(controls):
            with self.times.stage("motion"):
                motion, self._seen = analyse(frame.pixels, self._seen)
            frame = replace(frame, motion=motion)
        with self.times.stage("face"):
            frame = self.people.find(frame, controls)
        painted = self._paint(frame, controls)
        with self.times.stage("composite"):
            share = region_share(frame, controls)
            return frame.painted(composite(frame.pixels, painted, controls, share))

    def _check_look(self, frame: Frame, controls: Controls) -> None:
        """Forget what would look otherwise now."""
        stream = frame.pixels.shape, controls.smooth > 0 or bool(wanted_by(controls))
        if stream != self._stream:
            self.reset()
            self._stream = stream
        look = controls.mix, controls.strength, controls.region, paints_faces(controls)
        if look != self._look:
            self._layer = self._afterimage = None
            self._look = look

    def _paint(self, frame: Frame, controls: Controls) -> Pixels:
        """Paint at the processing size, smooth it over time and bring the result back to size."""
        past, motion = self._past(frame, controls), frame.motion if controls.smooth > 0 else None
        if controls.strength == 0 or controls.compare == "before":
            self._layer = self._afterimage = None
            return frame.pixels
        frame_hw = frame.height, frame.width
        size_hw = processing_size(*frame_hw, controls.size_px)
        if past is not None and past.size_hw != size_hw and self._shown is not None:
            self._afterimage, past = Afterimage(self._shown), None
        if past is None or not past.stays(motion, size_hw):
            past = self._layer = self._paint_layer(frame, controls, past, size_hw)
        self._shown = self._under_afterimage(past.painted, motion)
        with self.times.stage("resize"):
            return resize(self._shown, *frame_hw)

    def _paint_layer(
        self, frame: Frame, controls: Controls, past: Layer | None, size_hw: tuple[int, int]
    ) -> Layer:
        frame_hw = frame.height, frame.width
        with self.times.stage("resize"):
            full = paints_faces(controls)
            pixels = resize(frame.pixels, *(frame_hw if full else layer_size(frame_hw, size_hw)))
        motion = frame.motion if controls.smooth > 0 else None
        fed = steady(pixels, motion, past)
        style = self._style(controls.mix, controls.strength)
        painted, scale = fed, size_hw[0] / frame.height
        if controls.region != "face" or needs_whole(frame.faces, scale):
            painted = self._paint_whole(fed, size_hw, style)
        if paints_faces(controls) and frame.faces:
            with self.times.stage("face patches"):
                paint = partial(self.engine.stylize, style=style)
                painted = paint_faces(fed, painted, frame.faces, scale, paint)
        with self.times.stage("temporal"):
            return smoothed(Layer(fed, painted, size_hw), motion, past, controls.smooth)

    def _under_afterimage(self, painted: Pixels, motion: Motion | None) -> Pixels:
        """The painting under what is left of one of another size."""
        if self._afterimage is None:
            return painted
        with self.times.stage("passing"):
            self._afterimage = self._afterimage.moved(motion)
            if self._afterimage is None:
                return painted
            over = self._afterimage.pixels
            # A finer picture must not lose its strokes at once.
            hw = max(painted.shape[:2], over.shape[:2])
            return blend(resize(painted, *hw), resize(over, *hw), self._afterimage.share)

    def _past(self, frame: Frame, controls: Controls) -> Layer | None:
        """What was painted last, as far as it says something about this frame."""
        if frame.motion is not None and frame.motion.is_cut:
            return None
        alphas = tuple(face.alpha for face in frame.faces) if paints_faces(controls) else ()
        fading, self._alphas = alphas != self._alphas, alphas
        if self._layer is None or not fading:
            return self._layer
        # A face that fades in or out changes the painting of what stands still: where only faces
        # are painted there is no past, else it passes over within some frames.
        return None if controls.region == "face" else replace(self._layer, dissolve=DISSOLVE_FRAMES)

    def _paint_whole(self, pixels: Pixels, size_hw: tuple[int, int], style: Style) -> Pixels:
        with self.times.stage("resize"):
            small = resize(pixels, *size_hw)
        with self.times.stage("inference"):
            painted = self.engine.stylize(small, style)
        with self.times.stage("resize"):
            return resize(painted, *pixels.shape[:2])


class StillsPipeline(Pipeline):
    """For pictures of which none follows from the one before it."""

    def process(self, frame: Frame, controls: Controls) -> Frame:
        self.reset()
        return super().process(frame, controls)


def paint_pixels(engine: Engine, bank: StyleBank, pixels: Pixels, controls: Controls) -> Pixels:
    """Paint one picture that belongs to no stream: (H, W, 3) uint8 RGB -> the same size."""
    pipeline = Pipeline(engine, bank)
    try:
        return pipeline.process(Frame.still(pixels), controls).pixels
    finally:
        pipeline.close()


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


def layer_size(frame_hw: tuple[int, int], size_hw: tuple[int, int]) -> tuple[int, int]:
    """Height and width at which the painted layer is kept and smoothed; at most the frame's."""
    scale = LAYER_FACTOR * size_hw[0] / frame_hw[0]
    if scale >= 1:
        return frame_hw
    return max(1, round(frame_hw[0] * scale)), max(1, round(frame_hw[1] * scale))


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Area averaging on the way down, linear interpolation on the way up."""
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = height * width < pixels.shape[0] * pixels.shape[1]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=mode)  # type: ignore[return-value]
