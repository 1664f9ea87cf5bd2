"""What `rtstyle live` and `rtstyle camera` share: their options, and starting quickly."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from rtstyle.controls import Controls
from rtstyle.errors import UsageError

from . import regions, styling
from .choosing import Chooser, FirstLook

if TYPE_CHECKING:
    from concurrent.futures import Future

    from rtstyle.capture.camera import CameraMode
    from rtstyle.capture.steady import SteadySource
    from rtstyle.inference import Engine
    from rtstyle.live import Session
    from rtstyle.pipeline import Pipeline
    from rtstyle.style import StyleBank
    from rtstyle.takes import Takes

SCHEMA = 1
LOADED_AT_SECONDS = time.monotonic()
"""The command began some hundredths of a second earlier."""

CameraOption = Annotated[
    str | None,
    typer.Option(
        "--camera",
        "-c",
        help="Number, name or device of a camera (see: rtstyle cameras), a video file, a URL "
        "(MJPEG, RTSP), or: synthetic.",
        show_default="the first camera",
    ),
]
ResolutionOption = Annotated[
    str, typer.Option("--resolution", help="Ask the camera for this size, WIDTHxHEIGHT.")
]
RateOption = Annotated[int, typer.Option("--rate", help="Ask the camera for this many fps.")]
SizeOption = Annotated[
    int | None,
    typer.Option(
        "--size",
        help="Height in pixels at which to paint.",
        show_default="as large as the camera's rate allows",
    ),
]
SecondsOption = Annotated[
    float | None, typer.Option("--seconds", help="Stop after this time.", show_default=False)
]


@dataclass(frozen=True)
class CameraOptions:
    """Which camera, in which mode, for how long (see `grouped`)."""

    camera: CameraOption = None
    resolution: ResolutionOption = "1280x720"
    rate: RateOption = 30
    seconds: SecondsOption = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds <= threading.TIMEOUT_MAX:
            raise UsageError(
                f"--seconds must be more than 0 and finite, got {self.seconds:g}",
                fix="leave it away to go on without end",
            )

    @property
    def mode(self) -> CameraMode:
        """What to ask the camera for.

        Raises:
            UsageError: see `parse_mode`.
        """
        return parse_mode(self.resolution, self.rate)


@dataclass(frozen=True)
class LiveLook(styling.MovingLook):
    """How a camera's pictures are painted."""

    size: SizeOption = None
    face_range: regions.FaceRangeOption = "short"


@dataclass(frozen=True)
class Start:
    """What a live run begins with; `controls` are those of the look."""

    source: CameraOptions
    look: LiveLook
    options: styling.RunOptions
    controls: Controls


@dataclass(frozen=True)
class Started:
    """An open source, and a pipeline whose engine is compiled for its pictures.

    `chooser` is there for `--style auto`; until it has chosen, pictures stay as they are.
    """

    source: SteadySource
    pipeline: Pipeline
    controls: Controls
    chooser: Chooser | None = None

    def watch(self, session: Session, *, quiet: bool) -> None:
        """Let the chooser look at the first second of the session."""
        if self.chooser is not None:
            tell = (lambda line: None) if quiet else partial(print, file=sys.stderr)
            session.add_sink(FirstLook(session, self.chooser, tell))


class Loader(AbstractContextManager["Loader"]):
    """Loads the engine in a thread while the camera and the window open."""

    def __init__(self, start: Start) -> None:
        self._start, options = start, start.options
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._painter: Future[tuple[Engine, StyleBank, styling.Mix]] = self._threads.submit(
            styling.load_painter,
            options.generator,
            options.backend,
            start.look.asked,
            follow="behind",
        )

    def __exit__(self, *_error: object) -> None:
        self._threads.shutdown()

    def finish(self, source: SteadySource) -> Started:
        """Wait for the engine and compile it for the pictures of `source`.

        Raises:
            RtstyleError: no such style, or the engine cannot be loaded; the source is closed.
        """
        from rtstyle.face import FaceOptions
        from rtstyle.pipeline import Pipeline
        from rtstyle.sizes import processing_size
        from rtstyle.style import ORIGINAL

        try:
            engine, bank, mix = self._painter.result()
            chooser = None
            if mix == styling.AUTO_STYLE:
                chooser = Chooser(self._start.options.generator, bank)
                mix = ((ORIGINAL if ORIGINAL in bank.names else bank.names[0], 1.0),)
            controls = replace(self._start.controls, mix=mix)
            info = source.info
            face_options = FaceOptions(self._start.look.face_range, live=True)  # type: ignore[arg-type]
            engine.prepare(*processing_size(info.height, info.width, controls.size_px))
        except BaseException:
            source.close()
            raise
        return Started(source, Pipeline(engine, bank, face_options), controls, chooser)


def one_of(value: str, choices: Any, option: str) -> str:
    """The value, if it is among those of a `Literal`.

    Raises:
        UsageError: it is not.
    """
    if value not in get_args(choices):
        raise UsageError(
            f"{option} cannot be '{value}'", fix=f"it is one of: {', '.join(get_args(choices))}"
        )
    return value


def parse_mode(resolution: str, rate: int) -> CameraMode:
    """What to ask the camera for, from "1280x720" and frames per second.

    Raises:
        UsageError: not WIDTHxHEIGHT, or out of range.
    """
    from rtstyle.capture.camera import CameraMode

    width, _, height = resolution.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"cannot read --resolution {resolution}", fix="for example: 1280x720")
    if not 1 <= rate <= 240:
        raise UsageError(f"--rate must lie between 1 and 240, got {rate}")
    return CameraMode(int(width), int(height), rate)


@contextmanager
def stopping_on_signals(session: Session) -> Iterator[list[int]]:
    """SIGINT and SIGTERM end the session; the list holds the exit code that they ask for."""
    codes: list[int] = []

    def handle(number: int, _stack: object) -> None:
        codes.append(128 + number)
        session.stop_requested = True

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield codes
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def closing(session: Session, takes: Takes | None = None) -> Iterator[None]:
    """Finish recordings, threads and sinks at the end of the block.

    Raises:
        RtstyleError: what ended the session, if it was an error.
    """
    try:
        yield
    finally:
        if takes is not None:
            takes.close()
        session.close()


@contextmanager
def limited_to(seconds: float | None, session: Session) -> Iterator[None]:
    """Stop the session after a time."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, session.stop)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def wait_for_end(session: Session, *, quiet: bool) -> None:
    """Without a window: until the session ends or a signal comes; notices go to stderr.

    If `quiet`, only those of trouble do.
    """
    told = ""
    while not session.ended.wait(0.2) and not session.stop_requested:
        notice = session.trouble if quiet else session.notice
        if notice != told:
            told = notice
            if notice:
                print(notice, file=sys.stderr)


def report(session: Session, elapsed_seconds: float, more: dict[str, Any]) -> dict[str, Any]:
    """What `--json` prints."""
    first = session.first_shown_at_seconds
    return {
        "schema": SCHEMA,
        "camera": session.source.info.name,
        "width": session.source.info.width,
        "height": session.source.info.height,
        "seconds": round(elapsed_seconds, 3),
        "first_picture_after_seconds": first and round(first - LOADED_AT_SECONDS, 3),
        "controls": {
            "mix": dict(session.desk.controls.mix),
            "strength": session.desk.controls.strength,
            "region": session.desk.controls.region,
            "smooth": session.desk.controls.smooth,
        },
        **session.final_status().as_json(),
        **more,
    }


def say(facts: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """Tell what was done: JSON to stdout, a line to stderr."""
    if as_json:
        print(json.dumps(facts, indent=2))
    if not quiet:
        ages = facts["ages"]
        aged = f", age {ages['p50_ms']:.0f} / {ages['p95_ms']:.0f} / {ages['p99_ms']:.0f} ms"
        print(
            f"{facts['num_painted']} frames in {facts['seconds']:.1f} s, "
            f"{facts['num_dropped']} dropped{aged if ages['count'] else ''} "
            f"({facts['backend']}, {facts['size_px']} px)",
            file=sys.stderr,
        )
