from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from faces import ToldVision, detection, frame

from rtstyle.errors import EngineError
from rtstyle.face.finder import EVERY_FRAMES, Finder, Sighting
from rtstyle.face.vision import Finding, Vision, Wanted
from rtstyle.frame import Pixels

FACES = Wanted(faces=True)


@contextmanager
def finder_with(
    vision: Vision, *, live: bool = False, hang_seconds: float = 5.0
) -> Iterator[Finder]:
    finder = Finder(lambda: vision, live=live, hang_seconds=hang_seconds)
    try:
        yield finder
    finally:
        finder.close()


class BrokenVision(ToldVision):
    def look(self, pixels: Pixels, time_ms: int, wanted: Wanted) -> Finding:
        raise RuntimeError("graph has errors")


class SlowVision(ToldVision):
    """Answers each question once `may_answer` is set."""

    def __init__(self) -> None:
        super().__init__((detection(50, 50),))
        self.may_answer = threading.Event()

    def look(self, pixels: Pixels, time_ms: int, wanted: Wanted) -> Finding:
        self.may_answer.wait(20)
        return super().look(pixels, time_ms, wanted)


def wait_for_answer(finder: Finder, index: int) -> Sighting | None:
    for _ in range(500):
        sighting = finder.find(frame(index), FACES)
        if sighting is not None:
            return sighting
        time.sleep(0.01)
    return None


def test_of_a_file_every_few_frames_are_looked_at_by_count() -> None:
    with finder_with(ToldVision()) as finder:
        seen = [finder.find(frame(index + 7), FACES) is not None for index in range(10)]
    assert seen == [index % EVERY_FRAMES == 0 for index in range(10)]


def test_a_reset_looks_at_the_very_next_frame() -> None:
    with finder_with(ToldVision()) as finder:
        finder.find(frame(0), FACES)
        assert finder.find(frame(1), FACES) is None
        finder.reset()
        assert finder.find(frame(2), FACES) is not None


def test_the_clock_of_mediapipe_only_goes_forward() -> None:
    vision = ToldVision()
    with finder_with(vision) as finder:
        for pts in (-400, 0, 1, 1, 900, 3, 4):
            finder.reset()
            finder.find(replace(frame(0), pts=pts), FACES)
    assert all(
        late > early for early, late in zip(vision.times_ms, vision.times_ms[1:], strict=False)
    )
    assert vision.times_ms[0] > 0


def test_closing_ends_the_thread_and_frees_the_models() -> None:
    vision = ToldVision()
    with finder_with(vision) as finder:
        finder.find(frame(0), FACES)
        assert not vision.closed
    assert vision.closed
    finder.close()


def test_live_nothing_waits_and_the_answer_names_its_frame() -> None:
    vision = SlowVision()
    with finder_with(vision, live=True) as finder:
        assert [finder.find(frame(index), FACES) for index in range(20)] == [None] * 20
        vision.may_answer.set()
        sighting = wait_for_answer(finder, 20)
    assert sighting is not None and sighting.index == 0
    assert len(sighting.finding.faces or ()) == 1


def test_live_an_answer_about_the_scene_before_is_dropped() -> None:
    vision = SlowVision()
    with finder_with(vision, live=True) as finder:
        finder.find(frame(0), FACES)
        finder.reset()
        vision.may_answer.set()
        sighting = wait_for_answer(finder, 30)
    assert sighting is not None and sighting.index == 30


@pytest.mark.parametrize("live", [False, True])
def test_after_a_hang_the_stream_goes_on_and_says_so_once(
    live: bool, caplog: pytest.LogCaptureFixture
) -> None:
    vision = SlowVision()
    with finder_with(vision, live=live, hang_seconds=0.05) as finder:
        with caplog.at_level(logging.WARNING):
            for index in range(0, 60, 3):
                assert finder.find(frame(index), FACES) is None
                time.sleep(0.03 if live else 0)
        assert finder.lost
        vision.may_answer.set()
        assert finder.find(frame(90), FACES) is None
    assert [record.getMessage() for record in caplog.records] == [
        "MediaPipe does not answer: going on without faces"
    ]


@pytest.mark.parametrize("live", [False, True])
def test_after_a_failure_the_stream_goes_on_and_says_so_once(
    live: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with finder_with(BrokenVision(), live=live) as finder, caplog.at_level(logging.WARNING):
        for index in range(100):
            assert finder.find(frame(3 * index), FACES) is None
            if finder.lost:
                break
            time.sleep(0.01)
        assert finder.lost
        assert finder.find(frame(600), FACES) is None
    assert len(caplog.records) == 1 and "graph has errors" in caplog.text


def refuse() -> Vision:
    raise EngineError("MediaPipe cannot be imported", "no libEGL.so.1", "run: rtstyle doctor")


def test_a_file_that_needs_faces_fails_where_mediapipe_cannot_be_loaded() -> None:
    finder = Finder(refuse)
    with pytest.raises(EngineError, match="cannot be imported"):
        finder.find(frame(0), FACES)
    finder.close()


def test_live_goes_on_where_mediapipe_cannot_be_loaded(caplog: pytest.LogCaptureFixture) -> None:
    finder = Finder(refuse, live=True)
    for index in range(100):
        assert finder.find(frame(index), FACES) is None
        if finder.lost:
            break
        time.sleep(0.01)
    assert finder.lost
    assert [record.getMessage() for record in caplog.records] == [
        "MediaPipe cannot be imported: going on without faces\nno libEGL.so.1\nrun: rtstyle doctor"
    ]
    finder.close()
