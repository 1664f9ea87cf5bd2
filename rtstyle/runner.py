"""Runs a finite source through a pipeline into a sink; the three work side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import cv2

from .capture import Source
from .controls import Controls
from .frame import Frame
from .handoff import Lossless
from .pipeline import Pipeline
from .sink import Sink
from .stage_times import StageTimes

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    num_frames: int
    pts_seconds: float
    elapsed_seconds: float
    slowest_stage: str = ""

    @property
    def frames_per_second(self) -> float:
        return self.num_frames / self.elapsed_seconds if self.elapsed_seconds else 0.0


@dataclass(frozen=True)
class Report:
    """What a run did. `stage_ms` are mean milliseconds per frame; stages overlap in time."""

    num_frames: int
    elapsed_seconds: float
    stage_ms: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False
    damage: str | None = None

    @property
    def frames_per_second(self) -> float:
        return self.num_frames / self.elapsed_seconds if self.elapsed_seconds else 0.0

    @property
    def slowest_stage(self) -> str:
        """Name of the stage with the longest time per frame."""
        return max(self.stage_ms, key=self.stage_ms.__getitem__, default="")


@contextmanager
def _opencv_in_one_thread() -> Iterator[None]:
    """Decoding, painting and encoding fill the cores: OpenCV's threads only wait for each other."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@_opencv_in_one_thread()
def run(
    source: Source,
    pipeline: Pipeline,
    sink: Sink,
    controls: Controls,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: threading.Event | None = None,
) -> Report:
    """Process every frame of `source`; on return the sink holds all of them and is closed.

    Setting `stop` ends the run early. Then, and when the source broke off, the sink keeps what
    it has as a partial output. When a stage raises, the others are stopped and joined,
    the sink is aborted, and the error reaches the caller.
    """
    stop = stop or threading.Event()
    started = time.monotonic()
    captured: Lossless[Frame] = Lossless()
    finished: Lossless[Frame] = Lossless()
    times = StageTimes()
    threads = [
        threading.Thread(target=_capture, args=(source, captured, stop, times), name="capture"),
        threading.Thread(target=_write, args=(sink, finished, times), name="sink"),
    ]
    for thread in threads:
        thread.start()
    num_frames = 0
    try:
        for frame in one_behind(pipeline.begin(frame, controls) for frame in captured):
            finished.put(frame)
            num_frames += 1
            slowest = max(pipeline.times.slowest(), times.slowest())[1]
            elapsed_seconds = time.monotonic() - started
            on_progress(Progress(num_frames, frame.pts_seconds, elapsed_seconds, slowest))
        finished.end()
    except BaseException as error:
        finished.stop(error)
    finally:
        captured.stop()
        for thread in threads:
            thread.join()
        source.close()
        pipeline.close()
    interrupted = stop.is_set()
    # Damage inside a file leaves a whole result; only one that broke off early makes it partial.
    broke_off = getattr(source, "is_incomplete", source.damage is not None)
    _finish(sink, finished.error, keep_partial=interrupted or broke_off)
    stage_ms = {**times.mean_ms(), **pipeline.times.mean_ms()}
    elapsed_seconds = time.monotonic() - started
    return Report(num_frames, elapsed_seconds, stage_ms, interrupted, source.damage)


def one_behind(begun: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Finish each of what is `begun`, in order, once the next one is begun too.

    A GPU paints the one while the processor finishes the other.
    """
    before: Callable[[], T] | None = None
    for finish in begun:
        if before is not None:
            yield before()
        before = finish
    if before is not None:
        yield before()


def _capture(
    source: Source, captured: Lossless[Frame], stop: threading.Event, times: StageTimes
) -> None:
    try:
        frames = iter(source)
        while not stop.is_set():
            with times.stage("capture"):
                frame = next(frames, None)
            if frame is None:
                break
            captured.put(frame)
        captured.end()
    except BaseException as error:
        captured.end(error)


def _write(sink: Sink, finished: Lossless[Frame], times: StageTimes) -> None:
    try:
        for frame in finished:
            with times.stage("sink"):
                sink.write(frame)
    except BaseException as error:
        finished.stop(error)


def _finish(sink: Sink, error: BaseException | None, *, keep_partial: bool) -> None:
    if error is not None:
        sink.abort()
        raise error
    if keep_partial:
        sink.abort(keep_partial=True)
        return
    try:
        sink.close()
    except BaseException:
        sink.abort()
        raise
