"""Keeps a live source going: what is lost is opened again, with growing patience."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from ..errors import RtstyleError
from ..frame import Frame, fitted
from . import Source, SourceInfo

logger = logging.getLogger(__name__)

TIME_BASE = Fraction(1, 90_000)
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 5.0


class SteadySource:
    """Frames of a live source, through losses of it, all of one size and on one clock.

    Opening it the first time raises what `open_source` raises. Later losses are told by `trouble`,
    and the source is opened again after 0.5 s, 1 s, and so on up to 5 s. Timestamps are those of
    the capture, so that a gap stays a gap. While `pause`d, the source is closed (and a camera's
    lamp off); `resume` opens it again.
    """

    damage: str | None = None
    notices: tuple[str, ...] = ()

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open = open_source
        self._source: Source | None = open_source()
        self.info: SourceInfo = self._source.info
        self.trouble = ""
        self.num_losses = 0
        self._let_go: Source | None = None
        self._closed = threading.Event()
        self._awake = threading.Event()
        self._awake.set()

    def __iter__(self) -> Iterator[Frame]:
        index, last_pts, started_at_seconds = 0, -1, None
        while not self._closed.is_set():
            self._awake.wait()
            source = self._source or self._reopened()
            if source is None:
                continue
            try:
                for frame in source:
                    if started_at_seconds is None:
                        started_at_seconds = frame.captured_at_seconds
                    age_seconds = frame.captured_at_seconds - started_at_seconds
                    last_pts = max(last_pts + 1, round(age_seconds / TIME_BASE))
                    self.trouble = ""
                    yield self._steadied(frame, index, last_pts)
                    index += 1
                    if self._closed.is_set() or not self._awake.is_set():
                        break
                else:
                    if source is not self._let_go:
                        return
            except RtstyleError as error:
                self._lost(error)
            self._drop()

    def pause(self) -> None:
        """Let go of the source until `resume`."""
        self._awake.clear()
        source = self._let_go = self._source
        if source is not None:
            source.close()

    @property
    def is_resting(self) -> bool:
        """Whether it is paused."""
        return not self._awake.is_set()

    def resume(self) -> None:
        """Open the source again."""
        self._awake.set()

    def close(self) -> None:
        self._closed.set()
        self._awake.set()
        source = self._source
        if source is not None:
            source.close()

    def _steadied(self, frame: Frame, index: int, pts: int) -> Frame:
        # A camera may come back with another size.
        pixels = fitted(frame.pixels, self.info.width, self.info.height)
        return replace(frame, pixels=pixels, index=index, pts=pts, time_base=TIME_BASE)

    def _lost(self, error: RtstyleError) -> None:
        self.num_losses += 1
        self.trouble = f"{self.info.name} is lost, trying again"
        logger.info("%s is lost: %s", self.info.name, error)

    def _drop(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _reopened(self) -> Source | None:
        """The source once it opens again; None when closed or paused meanwhile."""
        wait_seconds = FIRST_WAIT_SECONDS if self.trouble else 0.0
        while self._awake.is_set() and not self._closed.wait(wait_seconds):
            try:
                self._source = self._open()
            except RtstyleError as error:
                logger.info("%s does not open: %s", self.info.name, error)
                self.trouble = self.trouble or f"{self.info.name} does not open, trying again"
                wait_seconds = min(LONGEST_WAIT_SECONDS, max(FIRST_WAIT_SECONDS, 2 * wait_seconds))
                continue
            if self._closed.is_set():
                self._drop()
            return self._source
        return None
