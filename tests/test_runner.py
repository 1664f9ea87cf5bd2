"""Running a source into a sink: order, ends, interruption, and a failure in every stage."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from rtstyle.capture.synthetic import SyntheticSource
from rtstyle.controls import Controls
from rtstyle.errors import EngineError, SinkError, SourceError
from rtstyle.frame import Frame, Pixels
from rtstyle.inference.identity import IdentityEngine
from rtstyle.pipeline import Pipeline
from rtstyle.runner import one_behind, run
from rtstyle.style import Style, StyleBank

BANK = StyleBank("", {"plain": Style("plain", np.zeros(0, np.float32), "")})
CONTROLS = Controls((("plain", 1.0),), smooth=0)


class ListSink:
    def __init__(self, fail_at: int | None = None, fail_closing: bool = False) -> None:
        self.frames: list[Frame] = []
        self.ends: list[str] = []
        self._fail_at, self._fail_closing = fail_at, fail_closing

    def write(self, frame: Frame) -> None:
        if frame.index == self._fail_at:
            raise SinkError("disk full")
        self.frames.append(frame)

    def close(self) -> None:
        if self._fail_closing:
            raise SinkError("cannot rename")
        self.ends.append("close")

    def abort(self, *, keep_partial: bool = False) -> None:
        self.ends.append("keep" if keep_partial else "abort")


class BreakingSource(SyntheticSource):
    def __init__(self, fail_at: int) -> None:
        super().__init__(64, 48, num_frames=50)
        self._fail_at = fail_at

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            if frame.index == self._fail_at:
                raise SourceError("torn")
            yield frame


class BreakingEngine(IdentityEngine):
    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        raise EngineError("out of memory")


class AheadEngine(IdentityEngine):
    """Paints behind, as a GPU does: nothing is done before somebody waits for it."""

    def __init__(self, capacity: int = 2) -> None:
        super().__init__()
        self.capacity, self.num_under_way, self.most_under_way = capacity, 0, 0

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        return self.begin(pixels, style)()

    def begin(self, pixels: Pixels, style: Style) -> Callable[[], Pixels]:
        seen = pixels.copy()
        self.num_under_way += 1
        self.most_under_way = max(self.most_under_way, self.num_under_way)
        assert self.num_under_way <= self.capacity

        def finish() -> Pixels:
            self.num_under_way -= 1
            return np.roll(255 - seen, 5, axis=1)

        return finish


class ScenesSource(SyntheticSource):
    """Stands still, moves, and cuts."""

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            seed, shift = frame.index // 15, max(0, frame.index % 15 - 5)
            scene = np.random.default_rng(seed).integers(0, 256, (12, 16, 3))
            pixels = np.kron(scene, np.ones((8, 8, 1))).astype(np.uint8)
            yield replace(frame, pixels=np.roll(pixels, 3 * shift, axis=1))


def pipeline() -> Pipeline:
    return Pipeline(IdentityEngine(), BANK)


def source(num_frames: int = 20) -> SyntheticSource:
    return SyntheticSource(64, 48, num_frames=num_frames)


def test_every_frame_arrives_once_in_order() -> None:
    sink = ListSink()
    report = run(source(), pipeline(), sink, CONTROLS)
    assert [frame.index for frame in sink.frames] == list(range(20))
    assert sink.ends == ["close"]
    assert (report.num_frames, report.interrupted, report.damage) == (20, False, None)
    assert {"capture", "inference", "sink"} <= set(report.stage_ms)
    assert report.slowest_stage in report.stage_ms


@pytest.mark.parametrize("fail_at", [0, 7, 49])
def test_a_source_that_fails(fail_at: int) -> None:
    sink = ListSink()
    with pytest.raises(SourceError, match="torn"):
        run(BreakingSource(fail_at), pipeline(), sink, CONTROLS)
    assert sink.ends == ["abort"]


def test_an_engine_that_fails() -> None:
    sink = ListSink()
    started = time.monotonic()
    with pytest.raises(EngineError, match="memory"):
        run(source(500), Pipeline(BreakingEngine(), BANK), sink, CONTROLS)
    assert sink.ends == ["abort"]
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("fail_at", [0, 7, 19])
def test_a_sink_that_fails(fail_at: int) -> None:
    sink = ListSink(fail_at)
    with pytest.raises(SinkError, match="disk full"):
        run(source(), pipeline(), sink, CONTROLS)
    assert sink.ends == ["abort"]


def test_a_sink_that_fails_at_the_end() -> None:
    sink = ListSink(fail_closing=True)
    with pytest.raises(SinkError, match="rename"):
        run(source(), pipeline(), sink, CONTROLS)
    assert sink.ends == ["abort"]


def test_a_caller_that_fails() -> None:
    def complain(progress: object) -> None:
        raise KeyboardInterrupt

    sink = ListSink()
    with pytest.raises(KeyboardInterrupt):
        run(source(), pipeline(), sink, CONTROLS, complain)
    assert sink.ends == ["abort"]


def test_stopping_keeps_what_is_done() -> None:
    stop = threading.Event()
    sink = ListSink()
    report = run(source(100_000), pipeline(), sink, CONTROLS, lambda p: stop.set(), stop)
    assert report.interrupted
    assert sink.ends == ["keep"]
    assert 1 <= len(sink.frames) < 100
    assert report.num_frames == len(sink.frames)


def test_a_damaged_source_keeps_the_good_part() -> None:
    damaged = source()
    damaged.damage = "10 of 30 frames are missing"
    sink = ListSink()
    report = run(damaged, pipeline(), sink, CONTROLS)
    assert sink.ends == ["keep"]
    assert report.damage == "10 of 30 frames are missing"


@pytest.mark.parametrize("smooth", [0.0, 0.8])
@pytest.mark.parametrize("size_px", [None, 64])
def test_an_engine_that_paints_behind_gives_the_same_frames(
    smooth: float, size_px: int | None
) -> None:
    engine, sink = AheadEngine(), ListSink()
    controls = Controls((("plain", 1.0),), smooth=smooth, size_px=size_px)
    run(ScenesSource(128, 96, num_frames=40), Pipeline(engine, BANK), sink, controls)
    one_at_a_time = Pipeline(AheadEngine(capacity=1), BANK)
    expected = [
        one_at_a_time.process(frame, controls) for frame in ScenesSource(128, 96, num_frames=40)
    ]
    assert engine.most_under_way == 2 and engine.num_under_way == 0
    assert [frame.index for frame in sink.frames] == list(range(40))
    for shown, wanted in zip(sink.frames, expected, strict=True):
        np.testing.assert_array_equal(shown.pixels, wanted.pixels)
        assert shown.pts == wanted.pts


def test_what_is_begun_is_finished_one_behind_and_in_order() -> None:
    calls: list[str] = []

    def begin(number: int) -> Callable[[], int]:
        calls.append(f"begin {number}")
        return lambda: calls.append(f"finish {number}") or number

    assert list(one_behind(begin(number) for number in range(3))) == [0, 1, 2]
    assert calls == ["begin 0", "begin 1", "finish 0", "begin 2", "finish 1", "finish 2"]
    assert list(one_behind(iter(()))) == []


def test_no_frame_of_the_past_is_kept_alive() -> None:
    pictures: list[weakref.ref] = []
    one = Pipeline(AheadEngine(), BANK)

    class Watched(np.ndarray):
        """Weak references need a class of their own."""

    def frames() -> Iterator[Frame]:
        for frame in ScenesSource(128, 96, num_frames=15):
            pixels = frame.pixels.view(Watched)
            pictures.append(weakref.ref(pixels))
            yield replace(frame, pixels=pixels)

    controls = Controls((("plain", 1.0),), smooth=0.8)
    most = 0
    for _ in one_behind(one.begin(frame, controls) for frame in frames()):
        gc.collect()
        most = max(most, sum(picture() is not None for picture in pictures))
    assert most <= 4


def test_opencv_has_one_thread_meanwhile() -> None:
    class CountingSink(ListSink):
        def write(self, frame: Frame) -> None:
            seen.append(cv2.getNumThreads())

    seen: list[int] = []
    before = cv2.getNumThreads()
    run(
        SyntheticSource(64, 48, num_frames=2),
        Pipeline(IdentityEngine(), BANK),
        CountingSink(),
        CONTROLS,
    )
    assert set(seen) == {1}
    assert cv2.getNumThreads() == before
