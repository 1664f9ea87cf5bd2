"""What each part of a painted video costs when nothing else runs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from rtstyle.capture.video import VideoSource, VideoSourceOptions
from rtstyle.controls import Controls
from rtstyle.inference import Engine
from rtstyle.inference.identity import IdentityEngine
from rtstyle.pipeline import Pipeline
from rtstyle.sink.encoding import EncoderOptions
from rtstyle.sizes import processing_size, resize
from rtstyle.style import StyleBank

CODEC, PIX_FMT = "libx264", "yuv420p"
DECODE, TO_RGB, ENGINE, TO_YUV, ENCODE = "decode", "to_rgb", "engine", "to_yuv", "encode"
AROUND = "around the engine"

ISSUE_PARTS = (DECODE, TO_RGB, ENGINE, TO_YUV, ENCODE)
"""The parts whose sum a delivered frame is held against."""


@dataclass
class Clock:
    """Seconds by part: of the wall, and of the processor over all threads."""

    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the block to the part."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] += time.perf_counter() - wall
            self.cpu[name] += time.process_time() - cpu


def measure_parts(
    clip: Path, work: Path, engine: Engine, bank: StyleBank, controls: Controls
) -> tuple[dict[str, float], dict[str, float]]:
    """Wall and processor milliseconds per frame of each part, all frames of `clip`.

    Decoding and encoding run with all threads, as in the runtime; the passes come one after the
    other, so that no part has company.
    """
    clock = Clock()
    num_frames = _decode(clip, clock)
    painted = _paint(clip, engine, bank, controls, clock)
    _encode(painted, work / "parts.mp4", clock)

    def per_frame_ms(seconds: dict[str, float]) -> dict[str, float]:
        return {name: 1000 * total / num_frames for name, total in seconds.items()}

    return per_frame_ms(clock.wall), per_frame_ms(clock.cpu)


def _decode(clip: Path, clock: Clock) -> int:
    with av.open(str(clip)) as container, clock.part(DECODE):
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def _paint(
    clip: Path, engine: Engine, bank: StyleBank, controls: Controls, clock: Clock
) -> list[VideoFrame]:
    """The painted frames as the encoder takes them.

    The source decodes with one thread and only when asked, so that it does not decode ahead while
    something else is measured.
    """
    style = bank.mix(controls.mix)
    source = VideoSource(clip, VideoSourceOptions(num_threads=1))
    size_hw = processing_size(source.info.height, source.info.width, controls.size_px)
    engine.stylize(np.zeros((*size_hw, 3), np.uint8), style)  # compiles
    around = Pipeline(IdentityEngine(), bank)
    to_yuv, painted = VideoReformatter(), []
    for frame in source:
        small = resize(frame.pixels, *size_hw)
        with clock.part(ENGINE):
            small = engine.stylize(small, style)
        with clock.part(AROUND):
            around.process(frame, controls)
        rgb = VideoFrame.from_numpy_buffer(resize(small, frame.height, frame.width), "rgb24")
        with clock.part(TO_YUV):
            yuv = to_yuv.reformat(rgb, format=PIX_FMT)
        yuv.pts, yuv.time_base = frame.pts, frame.time_base
        painted.append(yuv)
        with clock.part(TO_RGB):
            yuv.to_ndarray(format="rgb24")
    around.close()
    source.close()
    return painted


def _encode(painted: list[VideoFrame], path: Path, clock: Clock) -> None:
    options = EncoderOptions(CODEC)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(options.codec, rate=30, options=options.settings())
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = painted[0].width, painted[0].height
        stream.pix_fmt = PIX_FMT
        assert painted[0].time_base is not None
        stream.time_base = stream.codec_context.time_base = painted[0].time_base
        with clock.part(ENCODE):
            for frame in painted:
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
