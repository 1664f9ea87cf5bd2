"""When to look for faces and people: every few frames of a file, or whenever there is time, live.

Looking happens on a thread of its own, because MediaPipe has been seen to hang; what waits for it
waits a bounded time. After a hang or a failure the stream goes on without faces.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass

from ..errors import EngineError
from ..frame import Frame
from ..handoff import Latest
from .vision import Finding, Vision, Wanted

logger = logging.getLogger("rtstyle.face")

EVERY_FRAMES = 3
"""In files, every so many frames are looked at; what was found is carried along in between."""
LIVE_PAUSE_SECONDS = 0.06
"""Live, so much time lies between two frames that are looked at: the painting needs the cores."""
HANG_SECONDS = 10.0
"""Longer than any look takes, on a machine that has much else to do."""
FIRST_LOOK_FACTOR = 6
"""So many times as long the first look may take, which imports MediaPipe and loads the models."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """What was found, and the frame it was found in."""

    finding: Finding
    index: int
    pts_seconds: float


@dataclass(frozen=True, eq=False)
class _Look:
    frame: Frame
    time_ms: int
    wanted: Wanted
    answer: Future[Finding]
    asked_at_seconds: float


class Finder:
    """Looks at some of the frames of one stream; `find` is called for each of them, in order.

    In files (`live` false) the frames looked at are a matter of counting, and `find` waits for the
    answer: two runs see the same. Live, `find` never waits, and answers are of an earlier frame.
    """

    def __init__(
        self,
        open_vision: Callable[[], Vision],
        *,
        live: bool = False,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self._open_vision, self._live, self._hang_seconds = open_vision, live, hang_seconds
        self._looks: Latest[_Look] | None = None
        self._thread: threading.Thread | None = None
        self._pending: _Look | None = None
        self._time_ms = 0
        self._has_answered = False
        self.lost = False
        self.reset()

    def reset(self) -> None:
        """Look at the very next frame, and forget the answer that is still to come."""
        self._num_frames = 0
        self._stale = self._pending
        self._looked_at_seconds: float | None = None

    def find(self, frame: Frame, wanted: Wanted) -> Sighting | None:
        """An answer that has come since the last call, if any.

        Raises:
            EngineError: in files, MediaPipe or its models cannot be loaded.
        """
        if self.lost:
            return None
        if self._live:
            sighting = self._collect(0.0) if self._pending else None
            if not self.lost and self._pending is None and self._is_due(frame):
                self._ask(frame, wanted)
            return sighting
        due = self._num_frames % EVERY_FRAMES == 0
        self._num_frames += 1
        if not due:
            return None
        self._ask(frame, wanted)
        return self._collect(self._patience_seconds)

    def close(self) -> None:
        """End the thread; `find` would start another one. A hanging thread is left behind."""
        if self._looks is not None:
            self._looks.stop()
        if self._thread is not None:
            self._thread.join(self._hang_seconds)
        self._looks = self._thread = self._pending = None
        self._has_answered = False
        self.reset()

    @property
    def _patience_seconds(self) -> float:
        return self._hang_seconds * (1 if self._has_answered else FIRST_LOOK_FACTOR)

    def _is_due(self, frame: Frame) -> bool:
        last = self._looked_at_seconds
        return last is None or not 0 <= frame.pts_seconds - last < LIVE_PAUSE_SECONDS

    def _ask(self, frame: Frame, wanted: Wanted) -> None:
        if self._looks is None:
            self._looks = Latest()
            self._thread = threading.Thread(
                target=_work, args=(self._open_vision, self._looks), name="faces", daemon=True
            )
            self._thread.start()
        # MediaPipe insists on rising timestamps; those of a stream may start again.
        self._time_ms = max(self._time_ms + 1, round(frame.pts_seconds * 1000))
        self._looked_at_seconds = frame.pts_seconds
        self._pending = _Look(frame, self._time_ms, wanted, Future(), time.monotonic())
        self._looks.put(self._pending)

    def _collect(self, wait_seconds: float) -> Sighting | None:
        look = self._pending
        assert look is not None
        try:
            finding = look.answer.result(wait_seconds)
        except TimeoutError:
            if time.monotonic() - look.asked_at_seconds >= self._patience_seconds:
                self._thread = None  # nothing ends it; being a daemon, it dies with the program
                self._lose("MediaPipe does not answer")
            return None
        except EngineError as error:
            if not self._live:
                raise
            self._lose(error.what, error.why, error.fix)
            return None
        except Exception as error:
            self._lose(f"MediaPipe failed: {error}")
            return None
        self._pending, self._has_answered = None, True
        if look is self._stale:
            return None
        return Sighting(finding, look.frame.index, look.frame.pts_seconds)

    def _lose(self, what: str, *more: str) -> None:
        self.lost = True
        self._pending = None
        if self._looks is not None:
            self._looks.stop()
        logger.warning("\n".join((f"{what}: going on without faces", *filter(None, more))))


def _work(open_vision: Callable[[], Vision], looks: Latest[_Look]) -> None:
    vision: Vision | None = None
    try:
        for look in looks:
            try:
                vision = vision or open_vision()
                look.answer.set_result(vision.look(look.frame.pixels, look.time_ms, look.wanted))
            except BaseException as error:
                look.answer.set_exception(error)
    finally:
        if vision is not None:
            vision.close()
