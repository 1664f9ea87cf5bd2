"""Records a live run to a file, in a thread of its own, so that it never holds up the window."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain, count
from pathlib import Path

from ..errors import SinkError
from ..frame import Frame, fitted
from ..handoff import Latest
from .output_file import CONTAINERS, PART_NAME, check_output, stale_parts
from .video import PLAYABLE_UNFINISHED, VideoSink, VideoSinkOptions

SUFFIXES = (".mkv", ".mp4", ".mov", ".webm")
RECOVERED = "what a killed run recorded is now {}"
WAITING_FRAMES = 8
SETTINGS = {"preset": "ultrafast", "crf": 20.0, "num_threads": 1}
"""The encoder shares the cores with the painting."""


class Recorder:
    """A sink whose `write` returns at once; frames that the encoder has no time for are dropped.

    Each frame keeps its own time, counted from the first, whose size the file has. Should the
    process be killed, what was recorded as Matroska so far stays playable under its hidden name;
    the next recorder of that file makes it NAME.recovered.EXT, which `notices` tell the user.

    Raises:
        SinkError: the file cannot be written; raised by the `write` or `close` that follows. What
            was recorded until then, if it can be played, is kept as NAME.partial.EXT.
    """

    drops = "not recorded"

    def __init__(
        self, path: Path, rate: Fraction | None = None, *, overwrite: bool = False
    ) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise SinkError(f"cannot record to {path.name}", fix=f"endings: {', '.join(SUFFIXES)}")
        check_output(path, overwrite=overwrite)
        self.path = path
        self.notices = [RECOVERED.format(kept.name) for kept in recover(path)]
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
        with self._keeping():
            self._sink.close()

    def abort(self, *, keep_partial: bool = False) -> None:
        self._frames.stop()
        self._thread.join()
        self._sink.abort(keep_partial=keep_partial)

    def _record(self) -> None:
        first = None
        try:
            with self._keeping():
                for frame in self._frames:
                    first = first or frame
                    pixels = fitted(frame.pixels, first.width, first.height)
                    self._sink.write(replace(frame, pixels=pixels, pts=frame.pts - first.pts))
                    self.num_written += 1
        except Exception as error:
            self._frames.stop(error)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """After an error, keep what was recorded, if it can be played, and name it."""
        try:
            yield
        except BaseException as error:
            with suppress(SinkError, OSError):
                self._sink.abort(keep_partial=self.num_written > 0)
            kept = self._sink.written_path
            if kept is None or not isinstance(error, SinkError):
                raise
            until_then = f"what was recorded until then is kept as {kept.name}"
            raise SinkError(error.what, error.why, until_then) from error


def recover(path: Path) -> list[Path]:
    """Give what killed runs left of a recording, where it can be played, names that are seen.

    Raises:
        SinkError: it cannot be renamed, and stays as it is.
    """
    if CONTAINERS[path.suffix.lower()] not in PLAYABLE_UNFINISHED:
        return []
    recovered: list[Path] = []
    for part in stale_parts(path):
        try:
            if part.stat().st_size:
                recovered.append(part.rename(_free(path.with_stem(f"{path.stem}.recovered"))))
        except OSError as error:
            raise SinkError(
                f"{part.name}, which a killed run recorded, cannot be renamed",
                error.strerror or str(error),
                f"move it to another folder, or record to another name than {path.name}",
            ) from error
    return recovered


def recover_all(folder: Path, pattern: str) -> list[Path]:
    """The same for all recordings in a folder whose names match the pattern.

    Raises:
        SinkError: see `recover`.
    """
    matches = (PART_NAME.fullmatch(part.name) for part in folder.glob(f".{pattern}.*.part"))
    names = sorted({match["name"] for match in matches if match})
    return [kept for name in names for kept in recover(folder / name)]


def _free(path: Path) -> Path:
    """The path, or the first of NAME-2.EXT, NAME-3.EXT … that is not there."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(name for name in chain([path], numbered) if not name.exists())
