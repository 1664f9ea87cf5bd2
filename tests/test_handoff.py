from __future__ import annotations

import threading
import time

import pytest

from rtstyle.handoff import Handoff, Latest, Lossless, Stopped


def produce(handoff: Handoff[int], count: int) -> threading.Thread:
    def work() -> None:
        for value in range(count):
            handoff.put(value)
        handoff.end()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_lossless_hands_over_everything_in_order() -> None:
    handoff: Lossless[int] = Lossless(2)
    thread = produce(handoff, 100)
    assert list(handoff) == list(range(100))
    thread.join()
    assert handoff.num_dropped == 0


def test_lossless_makes_the_producer_wait() -> None:
    handoff: Lossless[int] = Lossless(2)
    thread = produce(handoff, 10)
    time.sleep(0.05)
    assert thread.is_alive()
    assert len(list(handoff)) == 10
    thread.join()


def test_latest_keeps_the_newest_and_counts_the_rest() -> None:
    handoff: Latest[int] = Latest()
    for value in range(5):
        handoff.put(value)
    handoff.end()
    assert list(handoff) == [4]
    assert handoff.num_dropped == 4


@pytest.mark.parametrize("kind", [Latest, Lossless])
def test_an_error_reaches_the_consumer_after_the_last_value(kind: type[Handoff]) -> None:
    handoff = kind(3)
    handoff.put(1)
    handoff.end(OSError("disk"))
    taken = []
    with pytest.raises(OSError, match="disk"):
        for value in handoff:
            taken.append(value)
    assert taken == [1]


@pytest.mark.parametrize("kind", [Latest, Lossless])
def test_stop_frees_both_sides(kind: type[Handoff]) -> None:
    handoff = kind(1)
    waiting = threading.Thread(target=lambda: list(handoff))
    waiting.start()
    handoff.stop(ValueError("why"))
    waiting.join(1)
    assert not waiting.is_alive()
    with pytest.raises(Stopped):
        handoff.put(1)
    assert isinstance(handoff.error, ValueError)


def test_stop_frees_a_producer_that_waits_for_room() -> None:
    handoff: Lossless[int] = Lossless(1)
    left = threading.Event()

    def work() -> None:
        try:
            handoff.put(1)
            handoff.put(2)
        except Stopped:
            left.set()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)
    handoff.stop()
    thread.join(1)
    assert left.is_set()


def test_what_is_offered_to_a_reader_that_left_is_lost_unless_it_failed() -> None:
    left: Latest[int] = Latest()
    left.stop()
    left.offer(1)
    failed: Latest[int] = Latest()
    failed.offer(1)
    assert failed.take() == 1
    failed.stop(ValueError("why"))
    with pytest.raises(ValueError, match="why"):
        failed.offer(2)


def test_capacity_is_checked() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Lossless(0)
