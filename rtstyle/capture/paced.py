"""Plays a finite source like a camera: each frame at its time, from the start again at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..frame import Frame
from . import Source

LATE_SECONDS = 0.5
"""Further behind than this, time starts afresh; catching up would only play fast."""

DEFAULT_RATE = 25
"""Frames per second of a source that does not tell its own."""


class PacedSource:
    """A film or a test pattern as a stand-in for a camera."""

    damage: str | None = None
    notices: tuple[str, ...] = ()

    def __init__(self, open_source: Callable[[], Source], *, loop: bool = True) -> None:
        self._open, self._loop = open_source, loop
        self._source = open_source()
        self.info = replace(self._source.info, is_live=True, num_frames=None, path=None)
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        while True:
            yield from self._once(self._source)
            self._source.close()
            # The last picture is shown for as long as the others.
            if not self._loop or self._closed.wait(1 / float(self.info.rate or DEFAULT_RATE)):
                return
            self._source = self._open()

    def close(self) -> None:
        self._closed.set()
        self._source.close()

    def _once(self, source: Source) -> Iterator[Frame]:
        offset_seconds = None
        for frame in source:
            now = time.monotonic()
            if offset_seconds is None or now - offset_seconds - frame.pts_seconds > LATE_SECONDS:
                offset_seconds = now - frame.pts_seconds
            if self._closed.wait(max(0.0, offset_seconds + frame.pts_seconds - now)):
                return
            yield replace(frame, captured_at_seconds=time.monotonic())
