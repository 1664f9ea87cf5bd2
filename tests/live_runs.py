"""Sessions for tests: a small synthetic camera, engines that need no weights, a sink that keeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from rtstyle.capture import Source
from rtstyle.capture.paced import PacedSource
from rtstyle.capture.steady import SteadySource
from rtstyle.capture.synthetic import SyntheticSource
from rtstyle.controls import Controls
from rtstyle.desk import Desk
from rtstyle.frame import Frame, Pixels
from rtstyle.inference.identity import IdentityEngine
from rtstyle.live import Session
from rtstyle.pipeline import Pipeline
from rtstyle.style import Style, StyleBank

NAMES = tuple("abcdefghijk")


def bank(names: tuple[str, ...] = NAMES) -> StyleBank:
    """Styles whose vectors are their numbers, counted from 1."""
    styles = {
        name: Style(name, np.full(4, number, np.float32), "")
        for number, name in enumerate(names, start=1)
    }
    return StyleBank("", styles)


class TintEngine(IdentityEngine):
    """Paints the whole picture in the style's number times ten; remembers sizes and styles."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.values: list[float] = []
        self.heights: list[int] = []

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        time.sleep(self.seconds * (pixels.shape[0] / 720) ** 2)
        self.values.append(float(style.vector[0]))
        self.heights.append(pixels.shape[0])
        return np.full_like(pixels, round(10 * style.vector[0]))


class KeepingSink:
    """Keeps frames; may be slow, and may fail at its n-th frame."""

    def __init__(self, seconds: float = 0.0, fails_at: int | None = None) -> None:
        self.frames: list[Frame] = []
        self.seconds, self.fails_at = seconds, fails_at
        self.error: Exception = RuntimeError("the sink failed")
        self.is_closed = False

    def write(self, frame: Frame) -> None:
        time.sleep(self.seconds)
        if len(self.frames) == self.fails_at:
            raise self.error
        self.frames.append(frame)

    def close(self) -> None:
        self.is_closed = True

    def abort(self, *, keep_partial: bool = False) -> None:
        self.is_closed = True


def small_camera(rate: int = 60, size_hw: tuple[int, int] = (96, 128)) -> SteadySource:
    """A synthetic camera that never ends."""

    def endless() -> Source:
        return SyntheticSource(size_hw[1], size_hw[0], Fraction(rate), num_frames=None)

    return SteadySource(lambda: PacedSource(endless))


def make_session(
    source: SteadySource | None = None,
    engine: IdentityEngine | None = None,
    controls: Controls | None = None,
    *,
    draws_split: bool = False,
) -> Session:
    """A session that is not started; smoothing is off, so that pictures tell their style."""
    controls = controls or Controls((("a", 1.0),), smooth=0.0)
    pipeline = Pipeline(engine or TintEngine(), bank())
    source = source or small_camera()
    return Session(source, pipeline, Desk(controls, NAMES), draws_split=draws_split)


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.005)
