"""Figures of live runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtstyle.latency import BIN_MS, AgeMeter, Ages, RateMeter


@given(st.lists(st.floats(0, 9), min_size=1, max_size=200))
def test_percentiles_are_those_of_the_frames(ages: list[float]) -> None:
    meter = AgeMeter()
    for age in ages:
        meter.add(age)
    total = meter.total()
    assert total.count == len(ages)
    for share, found_ms in ((0.5, total.p50_ms), (0.95, total.p95_ms), (0.99, total.p99_ms)):
        below = np.mean([1000 * age <= found_ms + BIN_MS for age in ages])
        above = np.mean([1000 * age >= found_ms - BIN_MS for age in ages])
        assert below >= share and above >= 1 - share - 1e-9


def test_no_frames_no_ages() -> None:
    assert AgeMeter().total() == AgeMeter().recent() == Ages()


def test_the_recent_past_forgets_what_the_whole_keeps() -> None:
    meter = AgeMeter()
    for _ in range(100):
        meter.add(2.0)
    for _ in range(300):
        meter.add(0.02)
    assert meter.recent().p99_ms == pytest.approx(20)
    assert meter.total().p99_ms == pytest.approx(2000, abs=BIN_MS)


def test_a_long_run_costs_no_more_memory_than_a_short_one() -> None:
    meter = AgeMeter()
    for _ in range(1000):
        meter.add(0.03)
    short = sum(sys.getsizeof(value) for value in vars(meter).values())
    for _ in range(5000):
        meter.add(0.03)
    assert sum(sys.getsizeof(value) for value in vars(meter).values()) == short


def test_ages_outside_of_the_bins_are_counted_at_their_ends() -> None:
    meter = AgeMeter()
    meter.add(-1.0)
    meter.add(1e6)
    assert meter.total().count == 2


def test_rate_is_that_of_the_events_and_unknown_at_first() -> None:
    meter = RateMeter()
    for index in range(9):
        meter.add(index / 25)
    assert meter.per_second is None
    for index in range(9, 200):
        meter.add(index / 25)
    assert meter.per_second == pytest.approx(25)
    meter.clear()
    assert meter.per_second is None
