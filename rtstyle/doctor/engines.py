"""One picture through every backend: which work here, how fast, and which one `auto` takes."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .. import inference
from ..errors import RtstyleError
from ..finding import Finding
from ..inference import Engine
from ..shelf import ShelvedGenerator, find_generator
from ..style import Style, load_styles

SIZE_HW = (720, 1280)
NUM_TIMED = 3

CPU_BACKENDS = ("openvino", "onnxruntime")
"""Those that every machine should run; GPUs have findings of their own."""


def backends() -> list[Finding]:
    """Each CPU backend with its milliseconds per 720p picture, and the choice of `auto`."""
    try:
        generator = find_generator()
    except RtstyleError as error:
        return [Finding("generator", "fail", error.what, error.fix)]
    return [_trial(generator, name) for name in CPU_BACKENDS] + _choice(generator)


def nvidia() -> list[Finding]:
    """NVIDIA GPU, driver and TensorRT."""
    try:
        from ..inference.nvidia import nvidia_findings
    except ImportError:
        return []
    return list(nvidia_findings())


def measure_ms(
    engine: Engine, style: Style, size_hw: tuple[int, int] = SIZE_HW, times: int = NUM_TIMED
) -> float:
    """Median milliseconds that `engine` takes for one picture, compilation left out."""
    pixels = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), np.uint8)
    engine.stylize(pixels, style)
    durations = []
    for _ in range(times):
        started = time.perf_counter()
        engine.stylize(pixels, style)
        durations.append(time.perf_counter() - started)
    return 1000 * statistics.median(durations)


def _trial(generator: ShelvedGenerator, name: str) -> Finding:
    topic = f"backend {name}"
    try:
        engine = inference.load_engine(generator, name)
        try:
            ms = measure_ms(engine, next(iter(load_styles(generator.styles))))
        finally:
            engine.close()
    except RtstyleError as error:
        return Finding(topic, "warn", ": ".join(filter(None, (error.what, error.why))), error.fix)
    info = engine.info
    text = f"{info.device}, {info.precision}: {ms:.0f} ms for a 1280x720 picture"
    return Finding(topic, "ok", text)


def _choice(generator: ShelvedGenerator) -> list[Finding]:
    try:
        with _listening(inference.logger) as lines:
            engine = inference.load_engine(generator, "auto")
            info = engine.info
            engine.close()
    except RtstyleError as error:
        return [Finding("backend", "fail", f"none works: {error.what}", error.fix)]
    refused = [line for line in lines if "not used" in line]
    why = f" ({'; '.join(refused)})" if refused else ", the first of the list that loads"
    text = f"{info.backend} on {info.device} is taken{why}"
    return [Finding("backend", "ok", text)]


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _listening(logger: logging.Logger) -> Iterator[list[str]]:
    """What is logged inside the block: `auto` says there what it took, and why not the others."""
    handler, level, propagate = _Lines(), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
