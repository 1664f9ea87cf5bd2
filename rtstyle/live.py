"""A live run: a capture thread, a processing thread, and sinks that never hold them up.

    source ──Latest──> pipeline ──> every sink's own handoff

The newest frame wins everywhere; what it displaces is counted. A front end owns the main thread,
moves the `Desk` and calls `shown` for each frame that a person can see.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

from .capture.steady import SteadySource
from .controls import Controls
from .desk import Desk
from .errors import RtstyleError
from .frame import Frame
from .governor import Compiler, Governor
from .handoff import Latest, Stopped
from .pipeline import Pipeline
from .sink import DroppingSink, Sink
from .sizes import processing_size
from .status import Figures, Status
from .thumbnails import Thumbnails

logger = logging.getLogger(__name__)

STALL_SECONDS = 2.0
NOTICE_SECONDS = 4.0
STATUS_SECONDS = 0.5
DEFAULT_RATE = 30.0
GOVERNED = ("inference", "temporal", "passing")
"""The stages whose time depends on the painting size; the first two go with its pixels."""
MIN_SIZE_PX = 64
"""Controls take no smaller size; a smaller camera is painted as it is."""


class Session:
    """Runs from `start` until `close`; `ended` is set once the source or a stage is at its end.

    A signal handler, which must not touch a lock, sets `stop_requested`; front ends look at it.

    The error of a vital sink ends the session; others are let go with a notice when they fail.
    """

    def __init__(
        self,
        source: SteadySource,
        pipeline: Pipeline,
        desk: Desk,
        *,
        draws_split: bool = False,
    ) -> None:
        self.source, self.pipeline, self.desk = source, pipeline, desk
        self.figures = Figures(pipeline.times)
        self.status = Status()
        self.thumbnails = Thumbnails(pipeline.engine, pipeline.bank)
        self.ended = threading.Event()
        self.stop_requested = False
        self.latest_frame: Frame | None = None
        self.first_shown_at_seconds: float | None = None
        size_px = desk.controls.size_px
        rate = float(source.info.rate or DEFAULT_RATE)
        self.governor = Governor(source.info.height, rate, size_px)
        self._draws_split = draws_split
        self._sinks: tuple[Sink, ...] = ()
        self._vital: tuple[Sink, ...] = ()
        self._dropped_before: dict[str, int] = {}
        self._captured: Latest[Frame] = Latest()
        self._last_capture_seconds = time.monotonic()
        self._message = ("", 0.0)
        self._error: BaseException | None = None
        self._compiler = Compiler(pipeline.engine)
        self._threads = [
            threading.Thread(target=self._capture, name="capture", daemon=True),
            threading.Thread(target=self._process, name="processing", daemon=True),
        ]

    def start(self) -> None:
        """Begin to capture and paint."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask both threads to leave; returns at once."""
        self.source.close()
        self._captured.stop()
        self.ended.set()

    def close(self) -> None:
        """Stop, wait for the threads, close the sinks; the engine too if it goes on compiling.

        Raises:
            BaseException: what ended the session, if it was an error.
        """
        self.stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._compiler.close()
        self.thumbnails.compiler.close()
        self.pipeline.close()
        for sink in self._sinks:
            try:
                sink.close()
            except RtstyleError as error:
                self._error = self._error or error
        if self._error is not None:
            raise self._error

    def add_sink(self, sink: Sink, *, is_vital: bool = False) -> None:
        """Hand it every frame from now on."""
        if is_vital:
            self._vital = (*self._vital, sink)
        self._sinks = (*self._sinks, sink)

    def remove_sink(self, sink: Sink) -> None:
        """Hand it no more frames; a last one may still be under way. The caller closes it."""
        self._sinks = tuple(other for other in self._sinks if other is not sink)
        self._dropped_before = _drops((sink,), self._dropped_before)

    def shown(self, frame: Frame) -> None:
        """A person can see this frame now."""
        now = time.monotonic()
        self.first_shown_at_seconds = self.first_shown_at_seconds or now
        self.figures.ages.add(now - frame.captured_at_seconds)

    def tell(self, message: str) -> None:
        """Show a notice for four seconds."""
        self._message = (message, time.monotonic() + NOTICE_SECONDS)

    def final_status(self) -> Status:
        """The figures of the whole run; ages of all frames shown. For after `close`."""
        self._refresh()
        return replace(
            self.status, ages=self.figures.ages.total(), stage_ms=self.pipeline.times.mean_ms()
        )

    @property
    def trouble(self) -> str:
        """What is wrong with the source now; empty when all is well."""
        if self.source.trouble:
            return self.source.trouble
        silent_seconds = time.monotonic() - self._last_capture_seconds
        if silent_seconds > STALL_SECONDS and not self.source.is_resting:
            return f"{self.source.info.name}: no picture for {silent_seconds:.0f} s"
        return ""

    @property
    def notice(self) -> str:
        """What a person should know now, trouble first; mostly empty."""
        message, until_seconds = self._message
        return self.trouble or (message if time.monotonic() < until_seconds else "")

    def _capture(self) -> None:
        figures = self.figures
        try:
            for frame in self.source:
                if frame.captured_at_seconds - self._last_capture_seconds > STALL_SECONDS:
                    figures.camera_rate.clear()
                self._last_capture_seconds = frame.captured_at_seconds
                figures.camera_rate.add(frame.captured_at_seconds)
                figures.num_captured += 1
                self._captured.put(frame)
            self._captured.end()
        except Stopped:
            pass
        except BaseException as error:
            self._captured.end(error)

    def _process(self) -> None:
        last_seconds = float("inf")
        try:
            for frame in self._captured:
                if frame.captured_at_seconds - last_seconds > STALL_SECONDS:
                    self.pipeline.reset()
                last_seconds = frame.captured_at_seconds
                self._paint(frame)
        except Exception as error:
            if not self.ended.is_set():
                self._error = error
        finally:
            self.source.close()
            self._captured.stop()
            self.ended.set()

    def _paint(self, frame: Frame) -> None:
        figures = self.figures
        controls = self._controls()
        spent = self.pipeline.times.seconds
        before = dict(spent)
        started = time.perf_counter()
        painted = self.pipeline.process(frame, controls)
        took = {name: spent.get(name, 0.0) - before.get(name, 0.0) for name in GOVERNED}
        # What a change of size costs for a moment says nothing about the new size.
        cost_seconds = time.perf_counter() - started - took["passing"]
        self.latest_frame = painted
        for sink in self._sinks:
            self._write(sink, painted)
        figures.painted_rate.add(time.monotonic())
        figures.num_painted += 1
        if took["inference"] > 0:
            self._govern(frame, cost_seconds, took["inference"] + took["temporal"])
        self.thumbnails.step(frame)
        if figures.is_due():
            self._refresh()

    def _controls(self) -> Controls:
        size_px = max(MIN_SIZE_PX, self.governor.size_px)
        controls = replace(self.desk.at(time.monotonic()), size_px=size_px)
        if self._draws_split and controls.compare == "split":
            return replace(controls, compare="off")
        return controls

    def _write(self, sink: Sink, frame: Frame) -> None:
        try:
            sink.write(frame)
        except RtstyleError as error:
            if sink in self._vital:
                raise
            self.remove_sink(sink)
            self.tell(error.what)

    def _govern(self, frame: Frame, cost_seconds: float, sized_seconds: float) -> None:
        now = time.monotonic()
        wanted_px = self.governor.update(cost_seconds, sized_seconds, now)
        if wanted_px is None:
            return
        if self._compiler.is_ready(*processing_size(frame.height, frame.width, wanted_px)):
            logger.info("painting at %d px instead of %d", wanted_px, self.governor.size_px)
            self.governor.moved(wanted_px, now)

    def _refresh(self) -> None:
        figures, info = self.figures, self.pipeline.engine.info
        camera_rate = figures.camera_rate.per_second
        if camera_rate is not None:
            self.governor.set_rate(camera_rate)
        self.status = Status(
            num_captured=figures.num_captured,
            num_painted=figures.num_painted,
            num_dropped=self._captured.num_dropped,
            dropped_later=_drops(self._sinks, self._dropped_before),
            num_losses=self.source.num_losses,
            camera_rate=camera_rate,
            painted_rate=figures.painted_rate.per_second,
            ages=figures.ages.recent(),
            stage_ms=figures.stage_ms(),
            size_px=self.governor.size_px,
            is_pinned=self.governor.is_pinned,
            num_size_changes=self.governor.num_changes,
            backend=", ".join(filter(None, (f"{info.backend} {info.precision}", info.status))),
        )


def _drops(sinks: tuple[Sink, ...], before: Mapping[str, int] | None = None) -> dict[str, int]:
    """Frames dropped by sinks that were too slow for them, by what was not done with them."""
    drops = dict(before or {})
    for sink in sinks:
        if isinstance(sink, DroppingSink):
            drops[sink.drops] = drops.get(sink.drops, 0) + sink.num_dropped
    return drops
