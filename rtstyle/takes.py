"""What is kept of a live session: recordings and pictures, under names that tell their time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from .errors import RtstyleError, SinkError
from .live import Session
from .sink.images import write_image
from .sink.recorder import RECOVERED, Recorder, recover_all

PREFIX, SUFFIX = "rtstyle-", ".mkv"
"""Of recordings that a key began."""

MORE = ("", *(f"-{number}" for number in range(2, 100)))
"""Tells pictures of the same second apart."""


class Takes:
    """Recordings and pictures of a session, in one folder; errors become notices, and are kept.

    `recordings` and `pictures` are those that were written, or are about to be.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.recordings: list[Path] = []
        self.pictures: list[Path] = []
        self.errors: list[RtstyleError] = []
        self._recorder: Recorder | None = None
        self._threads: list[threading.Thread] = []
        self._names: set[Path] = set()

    def recover(self) -> list[str]:
        """Name what killed runs left of recordings in the folder; lines that tell the user."""
        try:
            kept = recover_all(self.folder, f"{PREFIX}*{SUFFIX}")
        except SinkError as error:
            return [error.what]
        return [RECOVERED.format(path.name) for path in kept]

    @property
    def is_recording(self) -> bool:
        """Whether frames are being written; not once that has failed."""
        return self._recorder is not None and self._recorder.error is None

    def toggle_recording(self) -> None:
        """Begin a recording, or finish the one under way."""
        was_recording = self.is_recording
        if self._recorder is not None:
            self._stop_recording()
        if not was_recording:
            try:
                self.record(self._free_path(SUFFIX))
            except RtstyleError as error:
                self.errors.append(error)
                self.session.tell(error.what)

    def record(self, path: Path, *, overwrite: bool = False, is_vital: bool = False) -> None:
        """Record what is painted into `path` until `toggle_recording` or `close`.

        Raises:
            SinkError: the file cannot be written.
        """
        rate = self.session.source.info.rate
        self._recorder = Recorder(path, rate, overwrite=overwrite)
        self.session.add_sink(self._recorder, is_vital=is_vital)
        self.session.tell("; ".join([f"recording {path.name}", *self._recorder.notices]))

    def save_picture(self) -> None:
        """Write the frame last painted as PNG, in a thread of its own."""
        frame = self.session.latest_frame
        if frame is None:
            self.session.tell("no picture yet")
            return
        path = self._free_path(".png")

        self.pictures.append(path)

        def save() -> str:
            try:
                write_image(path, frame)
            except RtstyleError:
                self.pictures.remove(path)
                raise
            return f"saved {path.name}"

        self._begin(save)

    def close(self) -> None:
        """Finish what is under way; `errors` holds what could not be written."""
        if self._recorder is not None:
            self._stop_recording()
        for thread in self._threads:
            thread.join()

    def _stop_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        assert recorder is not None
        self.session.remove_sink(recorder)

        def finish() -> str:
            recorder.close()
            if not recorder.num_written:
                return "nothing was recorded"
            self.recordings.append(recorder.path)
            return f"recorded {recorder.path.name}"

        # Flushing the encoder takes a moment that the window does not have.
        self._begin(finish)

    def _begin(self, work: Callable[[], str]) -> None:
        """Do it in a thread, and tell what it returns."""

        def run() -> None:
            try:
                self.session.tell(work())
            except RtstyleError as error:
                self.errors.append(error)
                self.session.tell(error.what)

        thread = threading.Thread(target=run, name="take")
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def _free_path(self, suffix: str) -> Path:
        stem = f"{PREFIX}{datetime.now():%Y%m%d-%H%M%S}"
        paths = (self.folder / f"{stem}{more}{suffix}" for more in MORE)
        path = next(path for path in paths if path not in self._names and not path.exists())
        self._names.add(path)
        return path
