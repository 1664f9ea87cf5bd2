"""What is kept of a live session: recordings and pictures, under names that tell their time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from .errors import RtstyleError
from .live import Session
from .sink.images import write_image
from .sink.recorder import Recorder

MORE = ("", *(f"-{number}" for number in range(2, 100)))
"""Tells pictures of the same second apart."""


class Takes:
    """Recordings and pictures of a session, in one folder; errors become notices."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.recordings: list[Path] = []
        self.pictures: list[Path] = []
        self._recorder: Recorder | None = None
        self._threads: list[threading.Thread] = []

    @property
    def is_recording(self) -> bool:
        return self._recorder is not None

    def toggle_recording(self) -> None:
        """Begin a recording, or finish the one under way."""
        if self._recorder is None:
            try:
                self.record(self._free_path(".mkv"))
            except RtstyleError as error:
                self.session.tell(error.what)
        else:
            self._stop_recording()

    def record(self, path: Path, *, overwrite: bool = False, is_vital: bool = False) -> None:
        """Record what is painted into `path` until `toggle_recording` or `close`.

        Raises:
            SinkError: the file cannot be written.
        """
        rate = self.session.source.info.rate
        self._recorder = Recorder(path, rate, overwrite=overwrite)
        self.session.add_sink(self._recorder, is_vital=is_vital)
        self.session.tell(f"recording {path.name}")

    def save_picture(self) -> None:
        """Write the frame last painted as PNG, in a thread of its own."""
        frame = self.session.latest_frame
        if frame is None:
            self.session.tell("no picture yet")
            return
        path = self._free_path(".png")
        self.pictures.append(path)
        self._begin(lambda: write_image(path, frame), f"saved {path.name}")

    def close(self) -> None:
        """Finish what is under way."""
        if self._recorder is not None:
            self._stop_recording()
        for thread in self._threads:
            thread.join()

    def _stop_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        assert recorder is not None
        self.session.remove_sink(recorder)
        self.recordings.append(recorder.path)
        # Flushing the encoder takes a moment that the window does not have.
        self._begin(recorder.close, f"recorded {recorder.path.name}")

    def _begin(self, work: Callable[[], None], message: str) -> None:
        def run() -> None:
            try:
                work()
                self.session.tell(message)
            except RtstyleError as error:
                self.session.tell(error.what)

        thread = threading.Thread(target=run, name="take")
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def _free_path(self, suffix: str) -> Path:
        stem = f"rtstyle-{datetime.now():%Y%m%d-%H%M%S}"
        taken = {*self.pictures, *self.recordings}
        paths = (self.folder / f"{stem}{more}{suffix}" for more in MORE)
        return next(path for path in paths if path not in taken and not path.exists())
