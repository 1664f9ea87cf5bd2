"""The governor, on machines that are made of a formula."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from live_runs import TintEngine, make_session, small_camera, wait_until

from rtstyle.errors import EngineError
from rtstyle.governor import HEIGHTS_PX, Compiler, Governor
from rtstyle.inference.identity import IdentityEngine

RATE = 30.0
PERIOD = 1 / RATE


class Machine:
    """Runs a governor against a cost for each size, on a clock of its own."""

    def __init__(
        self, governor: Governor, cost: Callable[[int, float], tuple[float, float]]
    ) -> None:
        self.governor, self.cost = governor, cost
        self.now = 0.0
        self.sizes: list[int] = []

    def run(self, seconds: float) -> Machine:
        end = self.now + seconds
        while self.now < end:
            inference, rest = self.cost(self.governor.size_px, self.now)
            self.now += max(PERIOD, inference + rest)
            wanted = self.governor.update(inference + rest, inference, self.now)
            if wanted is not None:
                self.governor.moved(wanted, self.now)
            self.sizes.append(self.governor.size_px)
        return self


def by_pixels(full_ms: float, rest_ms: float = 4.0) -> Callable[[int, float], tuple[float, float]]:
    """Inference takes `full_ms` at 720 px."""
    return lambda size, _now: (full_ms / 1000 * (size / 720) ** 2, rest_ms / 1000)


def test_a_fast_machine_paints_at_full_size() -> None:
    assert set(Machine(Governor(720, RATE), by_pixels(20)).run(30).sizes) == {720}


@pytest.mark.parametrize("full_ms", [40, 80, 160])
def test_a_slow_machine_soon_holds_the_rate_and_stays_there(full_ms: float) -> None:
    machine = Machine(Governor(720, RATE), by_pixels(full_ms)).run(3)
    size = machine.governor.size_px
    assert full_ms / 1000 * (size / 720) ** 2 + 0.004 < PERIOD
    assert set(machine.run(60).sizes[-1700:]) == {size}
    assert machine.governor.num_changes <= 2


def test_never_larger_than_the_camera_nor_smaller_than_the_ladder() -> None:
    assert Governor(480, RATE).size_px == 480
    assert Governor(2160, RATE).size_px == 720
    hopeless = Machine(Governor(720, RATE), by_pixels(4000)).run(20)
    assert hopeless.governor.size_px == min(HEIGHTS_PX)


def test_a_size_that_was_asked_for_stays() -> None:
    governor = Governor(720, RATE, size_px=600)
    assert set(Machine(governor, by_pixels(300)).run(10).sizes) == {600}


def test_goes_up_again_when_the_machine_is_free_again() -> None:
    busy_until = 10.0

    def cost(size: int, now: float) -> tuple[float, float]:
        return by_pixels(100 if now < busy_until else 15)(size, now)

    machine = Machine(Governor(720, RATE), cost).run(10)
    assert machine.governor.size_px < 500
    assert machine.run(10).governor.size_px == 720


def test_a_step_up_that_does_not_hold_is_tried_ever_less_often() -> None:
    """A machine whose cost jumps once it paints larger: what the prediction cannot know."""

    def cost(size: int, _now: float) -> tuple[float, float]:
        return (0.012 if size <= 480 else 0.045), 0.002

    machine = Machine(Governor(720, RATE), cost)
    machine.run(60)
    early = machine.governor.num_changes
    machine.run(60)
    late = machine.governor.num_changes - early
    machine.run(60)
    assert early > late >= machine.governor.num_changes - early - late
    assert machine.governor.num_changes < 16


def test_single_slow_frames_change_nothing() -> None:
    frames = iter(range(10**6))

    def cost(size: int, _now: float) -> tuple[float, float]:
        return (0.2 if next(frames) % 11 == 10 else 0.015), 0.004

    assert set(Machine(Governor(720, RATE), cost).run(20).sizes) == {720}


def test_does_not_shrink_for_what_shrinking_cannot_mend() -> None:
    """The rest of the frame takes longer than the period; inference is next to nothing."""
    machine = Machine(Governor(720, RATE), by_pixels(4, rest_ms=50)).run(20)
    assert set(machine.sizes) == {720}


def test_where_the_rate_cannot_be_held_the_brush_stays_as_fine_as_makes_sense() -> None:
    machine = Machine(Governor(720, RATE), by_pixels(60, rest_ms=60)).run(20)
    inference_ms = 60 * (machine.governor.size_px / 720) ** 2
    assert 0.15 * 60 < inference_ms < 0.4 * 60


def test_finds_its_size_where_smoothing_gets_smaller_too() -> None:
    """Smoothing goes with the pixels only below two thirds of the frame's height."""

    def cost(size: int, now: float) -> tuple[float, float]:
        slowed = 4.0 if now < 3 else 1.0
        smoothing = 0.009 * min(1.0, 1.5 * size / 720) ** 2
        return slowed * (0.028 * (size / 720) ** 2 + smoothing), slowed * 0.006

    machine = Machine(Governor(720, RATE), cost).run(60)
    assert machine.governor.size_px >= 432
    assert sum(cost(machine.governor.size_px, 60)) < PERIOD
    changes = machine.governor.num_changes
    machine.run(60)
    assert machine.governor.num_changes == changes <= 8


def test_the_rate_comes_first_where_the_smallest_size_holds_it() -> None:
    machine = Machine(Governor(720, RATE), by_pixels(100, rest_ms=22)).run(20)
    assert 100 * (machine.governor.size_px / 720) ** 2 + 22 < 1000 * PERIOD


def test_a_slower_camera_leaves_more_time() -> None:
    governor = Governor(720, RATE)
    governor.set_rate(10)
    assert set(Machine(governor, by_pixels(60)).run(10).sizes) == {720}


class PreparedEngine(IdentityEngine):
    """Notes what it is asked to compile; waits, or fails, when told to. Closing breaks it off."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[tuple[int, int]] = []
        self.go = threading.Event()
        self.error: EngineError | None = None
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True
        self.error = EngineError("compiling was stopped")
        self.go.set()

    def prepare(self, height: int, width: int) -> None:
        self.go.wait(5)
        self.prepared.append((height, width))
        if self.error is not None:
            raise self.error


def test_compiles_beside_the_stream_and_only_once() -> None:
    engine = PreparedEngine()
    compiler = Compiler(engine)
    assert not compiler.is_ready(360, 640)
    assert not compiler.is_ready(360, 640)
    engine.go.set()
    compiler.join()
    assert compiler.is_ready(360, 640)
    assert engine.prepared == [(360, 640)]


def test_closing_breaks_off_what_compiles_for_long(caplog: pytest.LogCaptureFixture) -> None:
    engine = PreparedEngine()
    compiler = Compiler(engine)
    compiler.close()
    assert not compiler.is_ready(360, 640)
    started = time.monotonic()
    compiler.close()
    assert time.monotonic() - started < 5
    assert engine.is_closed and not compiler.is_ready(360, 640)
    assert not caplog.records


def test_closing_waits_for_what_is_soon_compiled_and_leaves_the_engine_open() -> None:
    engine = PreparedEngine()
    compiler = Compiler(engine)
    assert not compiler.is_ready(360, 640)
    engine.go.set()
    compiler.close()
    assert compiler.is_ready(360, 640) and not engine.is_closed


def test_a_session_that_ends_does_not_wait_for_a_compilation() -> None:
    class SlowEngine(TintEngine):
        is_closed = threading.Event()

        def prepare(self, height: int, width: int) -> None:
            self.is_closed.wait(20)

        def close(self) -> None:
            self.is_closed.set()

    engine = SlowEngine(seconds=0.2)
    session = make_session(small_camera(30, (720, 1280)), engine)
    session.start()
    wait_until(lambda: session._compiler._thread is not None)
    started = time.monotonic()
    session.close()
    assert time.monotonic() - started < 5 and engine.is_closed.is_set()


def test_a_size_that_does_not_compile_is_never_ready() -> None:
    engine = PreparedEngine()
    engine.go.set()
    engine.error = EngineError("cannot compile")
    compiler = Compiler(engine)
    for _ in range(3):
        assert not compiler.is_ready(360, 640)
        compiler.join()
    assert engine.prepared == [(360, 640)]
