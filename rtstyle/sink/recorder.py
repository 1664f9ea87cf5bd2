"""Records a live run to a file, in a thread of its own, so that it never holds up the window."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..errors import SinkError
from ..frame import Frame
from ..handoff import Latest
from .video import VideoSink, VideoSinkOptions

SUFFIXES = (".mkv", ".mp4", ".mov", ".webm")
WAITING_FRAMES = 8
SETTINGS = {"preset": "ultrafast", "crf": 20.0, "num_threads": 1}
"""The encoder shares the cores with the painting."""


class Recorder:
    """A sink whose `write` returns at once; frames that the encoder has no time for are dropped.

    Each frame keeps its own time, counted from the first. Should the process be killed, what was
    recorded as Matroska so far stays playable under its hidden name.

    Raises:
        SinkError: the file cannot be written; raised by the `write` or `close` that follows.
    """

    drops = "not recorded"

    def __init__(
        self, path: Path, rate: Fraction | None = None, *, overwrite: bool = False
    ) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise SinkError(f"cannot record to {path.name}", fix=f"endings: {', '.join(SUFFIXES)}")
        self.path = path
        settings = SETTINGS if path.suffix.lower() != ".webm" else {"num_threads": 1}
        options = VideoSinkOptions(rate=rate, overwrite=overwrite, **settings)  # type: ignore[arg-type]
        self._sink = VideoSink(path, options)
        self._frames: Latest[Frame] = Latest(WAITING_FRAMES)
        self.num_written = 0
        self._thread = threading.Thread(target=self._record, name="recorder")
        self._thread.start()

    @property
    def num_dropped(self) -> int:
        """Frames that the encoder had no time for."""
        return self._frames.num_dropped

    @property
    def error(self) -> BaseException | None:
        """Why it has ceased to record, if it has."""
        return self._frames.error

    def write(self, frame: Frame) -> None:
        self._frames.offer(frame)

    def close(self) -> None:
        """Encode what is waiting and put the file under its name; without frames there is none."""
        self._frames.end()
        self._thread.join()
        if self._frames.error is not None:
            self._sink.abort()
            raise self._frames.error
        if not self.num_written:
            self._sink.abort()
            return
        try:
            self._sink.close()
        except BaseException:
            self._sink.abort()
            raise

    def abort(self, *, keep_partial: bool = False) -> None:
        self._frames.stop()
        self._thread.join()
        self._sink.abort(keep_partial=keep_partial)

    def _record(self) -> None:
        first_pts = None
        try:
            for frame in self._frames:
                first_pts = frame.pts if first_pts is None else first_pts
                self._sink.write(replace(frame, pts=frame.pts - first_pts))
                self.num_written += 1
        except Exception as error:
            self._frames.stop(error)
