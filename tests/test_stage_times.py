"""Times of stages: sums, means per frame, the slowest."""

from __future__ import annotations

import pytest

from rtstyle import stage_times
from rtstyle.stage_times import StageTimes


def test_a_stage_in_two_blocks_is_counted_once_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stage_times.time, "perf_counter", lambda: now[0])
    times = StageTimes()
    for _ in range(4):
        with times.stage("inference", counts=False):
            now[0] += 0.001
        with times.stage("inference"):
            now[0] += 0.002
        with times.stage("temporal"):
            now[0] += 0.001
    assert times.mean_ms() == {"inference": pytest.approx(3.0), "temporal": pytest.approx(1.0)}
    assert times.slowest() == (pytest.approx(0.012), "inference")


def test_a_stage_that_fails_is_timed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stage_times.time, "perf_counter", lambda: now[0])
    times = StageTimes()
    with pytest.raises(ValueError), times.stage("face"):
        now[0] += 0.5
        raise ValueError
    assert times.mean_ms() == {"face": pytest.approx(500.0)}


def test_nothing_was_timed() -> None:
    assert StageTimes().slowest() == (0.0, "") and StageTimes().mean_ms() == {}


def test_a_stage_whose_frame_never_ended_has_no_mean() -> None:
    times = StageTimes()
    with times.stage("inference", counts=False):
        pass
    assert times.mean_ms() == {}
