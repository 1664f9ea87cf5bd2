"""Two engines as one: the change between two frames, failures on command, and what is said."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from live_runs import make_session, small_camera, wait_until

from rtstyle.capture.synthetic import SyntheticSource
from rtstyle.controls import Controls
from rtstyle.errors import EngineError
from rtstyle.frame import Frame
from rtstyle.inference import EngineInfo, GeneratorInfo, GpuOptions, load_engine, nvidia
from rtstyle.inference.build_watch import BuildWatch
from rtstyle.inference.hot_swap import HotSwapEngine
from rtstyle.pipeline import Pipeline
from rtstyle.runner import run
from rtstyle.shelf import find_generator
from rtstyle.style import Style, StyleBank

GENERATOR = GeneratorInfo("test", 1, 8, "none", "", "CC0-1.0")
STYLE = Style("plain", np.zeros(1, np.float32), "")
SLOW, FAST = 10, 20
PATIENCE_SECONDS = 10.0


class Painter:
    """Fills pictures with a number; `fails` makes it raise, `gate` holds up what it prepares."""

    def __init__(self, backend: str, value: int) -> None:
        self.info = EngineInfo(backend, "card", "f16", GENERATOR)
        self.value, self.num_painted, self.num_under_way = value, 0, 0
        self.gate = threading.Event()
        self.gate.set()
        self.fails: Callable[[], None] = lambda: None
        self.refuses: set[tuple[int, int]] = set()
        self.prepared: list[tuple[int, int]] = []
        self.is_closed = False

    def stylize(self, pixels: np.ndarray, style: Style) -> np.ndarray:
        return self.begin(pixels, style)()

    def begin(self, pixels: np.ndarray, style: Style) -> Callable[[], np.ndarray]:
        assert not self.is_closed
        self.num_under_way += 1

        def finish() -> np.ndarray:
            self.fails()
            self.num_under_way -= 1
            self.num_painted += 1
            return np.full_like(pixels, self.value)

        return finish

    def prepare(self, height: int, width: int) -> None:
        assert self.gate.wait(PATIENCE_SECONDS)
        if (height, width) in self.refuses:
            raise EngineError(f"the GPU cannot take {width}x{height}")
        self.prepared.append((height, width))

    def is_prepared(self, height: int, width: int) -> bool:
        return (height, width) in self.prepared

    def close(self) -> None:
        self.is_closed = True


class Pair:
    """A slow engine, a fast one, and both as one."""

    def __init__(self, *, waits: bool = False) -> None:
        self.slow, self.fast = Painter("openvino", SLOW), Painter("tensorrt", FAST)
        self.num_loads = 0
        self.load_error: Exception | None = None
        self.watch: BuildWatch | None = None
        self.engine = HotSwapEngine(self.slow, "tensorrt", self.load, waits=waits)

    def load(self, watch: BuildWatch) -> Painter:
        self.watch = watch
        self.num_loads += 1
        if self.load_error is not None:
            raise self.load_error
        return self.fast

    def paint(self, height: int = 8, width: int = 8) -> int:
        """Which engine painted a frame."""
        painted = self.engine.stylize(np.zeros((height, width, 3), np.uint8), STYLE)
        assert painted.shape == (height, width, 3)
        return int(painted[0, 0, 0])

    def settle(self) -> None:
        """Wait for the worker."""
        worker = self.engine._worker
        if worker is not None:
            worker.join(PATIENCE_SECONDS)
            assert not worker.is_alive()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.fast.gate.set()
    pair.engine.close()


def fail_with(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_paints_at_once_and_swaps_when_ready(pair: Pair) -> None:
    pair.fast.gate.clear()
    assert [pair.paint() for _ in range(3)] == [SLOW] * 3
    pair.fast.gate.set()
    pair.settle()
    assert [pair.paint() for _ in range(3)] == [FAST] * 3
    assert (pair.num_loads, pair.slow.num_painted, pair.fast.num_painted) == (1, 3, 3)


def test_no_frame_is_lost_or_painted_twice_while_swapping(pair: Pair) -> None:
    seen = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while FAST not in seen and time.monotonic() < deadline:
        seen.append(pair.paint())
        time.sleep(0.001)
    seen += [pair.paint() for _ in range(5)]
    assert seen == sorted(seen) and seen[-1] == FAST
    assert pair.slow.num_painted + pair.fast.num_painted == len(seen)


def test_info_follows_the_engine_that_painted(pair: Pair) -> None:
    assert pair.engine.info.backend == "openvino" and pair.engine.info.status == ""
    pair.fast.gate.clear()
    pair.paint()
    assert pair.engine.info.backend == "openvino"
    assert pair.engine.info.status == "tensorrt: loading"
    pair.fast.gate.set()
    pair.settle()
    pair.paint()
    assert pair.engine.info == pair.fast.info


def test_the_status_shows_the_progress_of_a_build(pair: Pair) -> None:
    pair.fast.gate.clear()
    pair.paint()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while pair.watch is None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert pair.watch is not None
    pair.watch.start()
    pair.watch.phase_start("build", None, 10)
    pair.watch.step_complete("build", 3)
    assert pair.engine.info.status.startswith("tensorrt: compiling, 40%")


@pytest.mark.parametrize(
    "error", [EngineError("the GPU failed"), RuntimeError("device lost"), MemoryError()]
)
def test_a_failure_while_painting_falls_back_and_the_stream_goes_on(
    pair: Pair, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    pair.paint()
    pair.settle()
    assert pair.paint() == FAST
    pair.fast.fails = fail_with(error)
    assert [pair.paint() for _ in range(4)] == [SLOW] * 4
    notices = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(notices) == 1
    assert "failed while painting" in notices[0].getMessage()
    assert "going on with openvino" in notices[0].getMessage()
    assert "failed while painting" in pair.engine.info.status
    assert pair.engine.info.backend == "openvino"
    assert pair.fast.is_closed and pair.num_loads == 1


def test_a_failure_under_way_costs_no_frame(pair: Pair) -> None:
    """Two frames are begun on the fast engine, then it breaks: the slow one paints both."""
    pair.paint()
    pair.settle()
    begun = [pair.engine.begin(np.full((8, 8, 3), each, np.uint8), STYLE) for each in range(2)]
    assert pair.fast.num_under_way == 2
    pair.fast.fails = fail_with(RuntimeError("device lost"))
    assert [int(finish()[0, 0, 0]) for finish in begun] == [SLOW, SLOW]
    assert pair.paint() == SLOW and pair.fast.num_painted == 0
    assert pair.slow.num_painted == 4


def test_after_a_failure_nothing_of_the_fast_engine_is_shown(pair: Pair) -> None:
    pair.paint()
    pair.settle()
    first, second = (pair.engine.begin(np.zeros((8, 8, 3), np.uint8), STYLE) for _ in range(2))
    pair.fast.fails = fail_with(RuntimeError("a launch failed"))
    assert first()[0, 0, 0] == SLOW
    pair.fast.fails = lambda: None
    assert second()[0, 0, 0] == SLOW
    assert pair.engine.info.backend == "openvino"


def test_frames_begun_before_the_swap_keep_their_order(pair: Pair) -> None:
    pair.fast.gate.clear()
    slow = pair.engine.begin(np.zeros((8, 8, 3), np.uint8), STYLE)
    pair.fast.gate.set()
    pair.settle()
    fast = pair.engine.begin(np.zeros((8, 8, 3), np.uint8), STYLE)
    assert [finish()[0, 0, 0] for finish in (slow, fast)] == [SLOW, FAST]


def test_a_failure_of_the_engine_left_is_an_error(pair: Pair) -> None:
    pair.slow.fails = fail_with(EngineError("out of luck"))
    with pytest.raises(EngineError, match="out of luck"):
        pair.paint()


def test_an_engine_that_cannot_be_loaded_is_said_once(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pair.load_error = EngineError("there is no GPU 3", "torch sees 1")
    for _ in range(4):
        assert pair.paint() == SLOW
        pair.settle()
    assert pair.num_loads == 1
    assert caplog.text.count("tensorrt is not used: there is no GPU 3") == 1
    assert pair.engine.info.status == "tensorrt is not used: there is no GPU 3"


def test_a_size_that_is_refused_stays_with_the_slow_engine(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pair.fast.refuses = {(8, 8)}
    for _ in range(4):
        assert pair.paint() == SLOW
        pair.settle()
    assert caplog.text.count("is not used for 8x8") == 1
    assert pair.paint(16, 16) == SLOW
    pair.settle()
    assert pair.paint(16, 16) == FAST
    assert pair.paint(8, 8) == SLOW
    assert pair.engine.info.status == "tensorrt is not used for this size"


def test_a_new_size_is_painted_slowly_until_it_is_ready(pair: Pair) -> None:
    pair.paint()
    pair.settle()
    pair.fast.gate.clear()
    assert pair.paint(16, 24) == SLOW
    assert pair.paint(8, 8) == FAST
    pair.fast.gate.set()
    pair.settle()
    assert pair.paint(16, 24) == FAST


def test_preparing_ahead_reaches_both(pair: Pair) -> None:
    pair.paint()
    pair.settle()
    pair.engine.prepare(16, 24)
    assert pair.slow.is_prepared(16, 24)
    pair.paint()
    pair.settle()
    assert pair.fast.is_prepared(16, 24)
    assert pair.paint(16, 24) == FAST


def preparing(pair: Pair, height: int, width: int) -> threading.Thread:
    """A thread that prepares a size; returns once the slow engine has it."""
    thread = threading.Thread(target=pair.engine.prepare, args=(height, width))
    thread.start()
    wait_until(lambda: pair.slow.is_prepared(height, width))
    return thread


def test_the_next_size_is_not_ready_before_the_engine_that_paints_has_it(pair: Pair) -> None:
    pair.paint()
    pair.settle()
    assert pair.paint() == FAST
    pair.fast.gate.clear()
    thread = preparing(pair, 16, 24)
    assert [pair.paint() for _ in range(20)] == [FAST] * 20
    assert thread.is_alive()
    pair.fast.gate.set()
    thread.join(PATIENCE_SECONDS)
    num_slow = pair.slow.num_painted
    assert [pair.paint(16, 24), pair.paint()] == [FAST, FAST]
    assert pair.slow.num_painted == num_slow
    pair.fast.refuses = {(32, 32)}
    pair.engine.prepare(32, 32)
    assert pair.paint(32, 32) == SLOW and pair.paint() == FAST


def test_while_the_slow_engine_paints_preparing_does_not_wait_for_the_fast_one(pair: Pair) -> None:
    pair.fast.gate.clear()
    assert pair.paint() == SLOW
    preparing(pair, 16, 24).join(PATIENCE_SECONDS / 2)
    assert pair.paint(16, 24) == SLOW and not pair.fast.prepared
    pair.fast.gate.set()
    pair.settle()
    assert pair.paint() == FAST
    pair.fast.fails = fail_with(RuntimeError("device lost"))
    assert pair.paint() == SLOW
    pair.fast.gate.clear()
    preparing(pair, 32, 32).join(PATIENCE_SECONDS / 2)
    assert pair.paint(32, 32) == SLOW


def test_closing_breaks_off_preparing_and_tells_how_it_painted(
    pair: Pair, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.paint()
    pair.settle()
    pair.paint()

    def compile_until_stopped(height: int, width: int) -> None:
        assert pair.watch is not None and pair.watch.cancelled.wait(PATIENCE_SECONDS)
        raise EngineError("compiling was stopped")

    monkeypatch.setattr(pair.fast, "prepare", compile_until_stopped)
    thread = preparing(pair, 16, 24)
    started = time.monotonic()
    pair.engine.close()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive() and time.monotonic() - started < PATIENCE_SECONDS / 2
    assert pair.slow.is_closed and pair.fast.is_closed
    assert pair.engine.info == pair.fast.info
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_change_of_size_in_a_session_leaves_the_picture_to_the_fast_engine() -> None:
    painted: list[tuple[int, int]] = []

    class Note(Painter):
        """Takes its time: the fast one too much at full size, the slow one at every size."""

        def begin(self, pixels: np.ndarray, style: Style) -> Callable[[], np.ndarray]:
            painted.append((self.value, pixels.shape[0]))
            time.sleep({SLOW: 0.3, FAST: 0.25}[self.value] * (pixels.shape[0] / 720) ** 2)
            return super().begin(pixels, style)

        def prepare(self, height: int, width: int) -> None:
            time.sleep(1.0 if self.prepared and self.value == FAST else 0.0)
            super().prepare(height, width)

    slow, fast = Note("openvino", SLOW), Note("tensorrt", FAST)
    engine = HotSwapEngine(slow, "tensorrt", lambda watch: fast)
    session = make_session(small_camera(30, (288, 512)), engine)  # type: ignore[arg-type]
    session.thumbnails._waiting.clear()
    session.start()
    try:
        wait_until(lambda: (painted or [(0, 288)])[-1][1] < 288, 60)
    finally:
        session.close()
        engine.close()
    swapped = next(index for index, (value, _) in enumerate(painted) if value == FAST)
    assert {value for value, _ in painted[swapped:]} == {FAST}


def test_for_files_every_frame_waits_so_that_two_runs_are_the_same() -> None:
    pair = Pair(waits=True)
    pair.fast.refuses = {(16, 16)}
    assert [pair.paint(), pair.paint(16, 16), pair.paint(24, 8)] == [FAST, SLOW, FAST]
    assert [pair.paint(), pair.paint(16, 16), pair.paint(24, 8)] == [FAST, SLOW, FAST]
    pair.engine.close()
    broken = Pair(waits=True)
    broken.load_error = EngineError("there is no GPU 3")
    assert [broken.paint(), broken.paint()] == [SLOW, SLOW]
    assert broken.num_loads == 1
    broken.engine.close()


def test_for_files_preparing_waits_for_the_fast_engine() -> None:
    pair = Pair(waits=True)
    pair.engine.prepare(8, 8)
    assert pair.fast.is_prepared(8, 8) and pair.slow.is_prepared(8, 8)
    pair.engine.close()


@pytest.mark.skipif(os.name != "posix", reason="signals to a thread are POSIX's")
def test_ctrl_c_ends_the_wait_for_a_compilation() -> None:
    slow, building = Painter("openvino", SLOW), threading.Event()
    stopped: list[bool] = []

    def load(watch: BuildWatch) -> Painter:
        building.set()
        stopped.append(watch.cancelled.wait(PATIENCE_SECONDS))
        raise EngineError("compiling was stopped")

    engine = HotSwapEngine(slow, "tensorrt", load, waits=True)
    main = threading.get_ident()

    def interrupt() -> None:
        building.wait(PATIENCE_SECONDS)
        signal.pthread_kill(main, signal.SIGINT)

    presser = threading.Thread(target=interrupt)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        engine.prepare(8, 8)
    presser.join()
    engine.close()
    assert stopped == [True]


def test_a_stream_gets_every_frame_through_the_swap_and_a_failure(pair: Pair) -> None:
    """A real run: the slow engine paints first, then the fast one, then that one breaks."""
    pair.fast.gate.clear()

    class ListSink:
        def __init__(self) -> None:
            self.frames: list[Frame] = []

        def write(self, frame: Frame) -> None:
            self.frames.append(frame)
            if frame.index == 5:
                pair.fast.gate.set()
            if frame.index == 20:
                pair.settle()
            if frame.index == 40:
                pair.fast.fails = fail_with(RuntimeError("device lost"))

        def close(self) -> None:
            pass

        def abort(self, *, keep_partial: bool = False) -> None:
            raise AssertionError("the stream ended early")

    sink = ListSink()
    pipeline = Pipeline(pair.engine, StyleBank("", {"plain": STYLE}))
    source = SyntheticSource(32, 24, num_frames=60)
    report = run(source, pipeline, sink, Controls((("plain", 1.0),), smooth=0))
    assert report.num_frames == 60
    assert [frame.index for frame in sink.frames] == list(range(60))
    painters = [int(frame.pixels[0, 0, 0]) for frame in sink.frames]
    assert set(painters) == {SLOW, FAST}
    changes = [index for index in range(1, 60) if painters[index] != painters[index - 1]]
    assert len(changes) == 2 and painters[0] == painters[-1] == SLOW


def test_closing_stops_a_build_under_way(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    stopped = threading.Event()

    def load(watch: BuildWatch) -> Painter:
        stopped.set() if watch.cancelled.wait(PATIENCE_SECONDS) else None
        raise EngineError("compiling was stopped")

    engine = HotSwapEngine(pair.slow, "tensorrt", load)
    engine.stylize(np.zeros((8, 8, 3), np.uint8), STYLE)
    engine.close()
    assert stopped.is_set() and pair.slow.is_closed
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    engine.close()


def test_the_slow_engine_begins_ahead_too_where_it_can(pair: Pair) -> None:
    pair.load_error = EngineError("no card")
    begun = [pair.engine.begin(np.zeros((8, 8, 3), np.uint8), STYLE) for _ in range(2)]
    assert pair.slow.num_under_way == 2
    assert [int(finish()[0, 0, 0]) for finish in begun] == [SLOW, SLOW]


def test_closing_closes_both(pair: Pair) -> None:
    pair.paint()
    pair.settle()
    pair.engine.close()
    assert pair.slow.is_closed and pair.fast.is_closed


def test_auto_says_why_it_takes_no_gpu(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nvidia, "may_use", lambda name: "no NVIDIA driver")
    with caplog.at_level(logging.INFO):
        engine = load_engine(find_generator("fast"))
    assert engine.info.backend == "openvino"
    for name in ("tensorrt", "tensorrt-rtx"):
        assert f"backend {name} not used: no NVIDIA driver" in caplog.text
    engine.close()


@pytest.mark.parametrize("follow", ["never", "first", "behind"])
def test_auto_follows_as_it_is_told(monkeypatch: pytest.MonkeyPatch, follow: str) -> None:
    monkeypatch.setattr(nvidia, "may_use", lambda name: "")
    options = GpuOptions(follow=follow)  # type: ignore[arg-type]
    engine = load_engine(find_generator("fast"), gpu=options)
    assert isinstance(engine, HotSwapEngine) == (follow != "never")
    assert getattr(engine, "_waits", False) == (follow == "first")
    engine.close()


def test_auto_paints_on_the_cpu_where_tensorrt_breaks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from rtstyle.inference import tensorrt
    from rtstyle.style import load_styles

    def broken(*arguments: object) -> None:
        raise EngineError("TensorRT cannot run", "torch is a CPU build", "run: rtstyle doctor")

    monkeypatch.setattr(nvidia, "may_use", lambda name: "")
    monkeypatch.setattr(tensorrt, "load_tensorrt", broken)
    generator = find_generator("fast")
    engine = load_engine(generator)
    assert isinstance(engine, HotSwapEngine)
    style = load_styles(generator.styles)["starry-night"]
    for _ in range(3):
        assert engine.stylize(np.zeros((32, 32, 3), np.uint8), style).shape == (32, 32, 3)
    engine.close()
    assert caplog.text.count("tensorrt is not used: TensorRT cannot run") == 1
