"""Runs a finite source through a pipeline into a sink; the three work side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .capture import Source
from .controls import Controls
from .frame import Frame
from .handoff import Lossless
from .pipeline import Pipeline, StageTimes
from .sink import Sink


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    num_frames: int
    pts_seconds: float
    elapsed_seconds: float


@dataclass(frozen=True)
class Report:
    """What a run did. `stage_ms` are mean milliseconds per frame; stages overlap in time."""

    num_frames: int
    elapsed_seconds: float
    stage_ms: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def frames_per_second(self) -> float:
        return self.num_frames / self.elapsed_seconds if self.elapsed_seconds else 0.0


def run(
    source: Source,
    pipeline: Pipeline,
    sink: Sink,
    controls: Controls,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: threading.Event | None = None,
) -> Report:
    """Process every frame of `source`; on return the sink holds all of them and is closed.

    Setting `stop` ends the run early; the sink then keeps a partial output. When a stage raises,
    the others are stopped and joined, the sink is aborted, and the error reaches the caller.
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
        for frame in captured:
            finished.put(pipeline.process(frame, controls))
            num_frames += 1
            on_progress(Progress(num_frames, frame.pts_seconds, time.monotonic() - started))
        finished.end()
    except BaseException as error:
        finished.stop(error)
    finally:
        captured.stop()
        for thread in threads:
            thread.join()
        source.close()
    _finish(sink, finished.error, keep_partial=stop.is_set())
    stage_ms = {**times.mean_ms(), **pipeline.times.mean_ms()}
    return Report(num_frames, time.monotonic() - started, stage_ms, stop.is_set())


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
