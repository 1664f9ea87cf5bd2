"""Output files: checked before any work, written under another name, shown only when complete."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SinkError, UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
}
"""FFmpeg's name of the container for each file name extension."""

PART_NAME = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.part")


class PartFile(io.FileIO):
    """A file that remembers a failed write.

    FFmpeg writes the last block as it closes a file, and nobody learns that the disk was full.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")
        self._error: OSError | None = None

    def write(self, content: Buffer, /) -> int:
        """Write all of it, or raise OSError."""
        waiting = memoryview(content)
        try:
            while waiting:
                waiting = waiting[super().write(waiting) :]
        except OSError as error:
            self._error = error
            raise
        return memoryview(content).nbytes

    def check(self) -> None:
        """Raise what an earlier write failed with, if one did."""
        if self._error is not None:
            raise self._error


def check_output(path: Path, source_path: Path | None = None, overwrite: bool = False) -> None:
    """Find out before any work whether `path` can be written.

    Raises:
        UsageError: it is the input itself, or what stops early would replace the input.
        SinkError: unknown extension, no such folder, not writable, or there already.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise SinkError(
            f"cannot tell the video format of {path.name}",
            f"unknown extension '{path.suffix}'" if path.suffix else "it has no extension",
            f"known are: {' '.join(CONTAINERS)}",
        )
    if source_path is not None and _is_same_file(path, source_path):
        raise UsageError(f"{path} is the input itself", fix="give another output name")
    if source_path is not None and _is_same_file(partial_path(path), source_path):
        raise UsageError(
            f"{path} cannot be made of {source_path.name}",
            "a run that stops early would write its part over the input",
            "give another output name",
        )
    if path.is_dir():
        raise SinkError(f"{path} is a folder")
    if not path.parent.is_dir():
        raise SinkError(f"the folder {path.parent} does not exist", fix="make it first")
    if path.exists() and not overwrite:
        raise SinkError(f"{path} exists already", fix="add --overwrite to replace it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise SinkError(f"the folder {path.parent} is not writable")


def part_path(path: Path) -> Path:
    """The hidden name, in the same folder, under which this process writes `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def partial_path(path: Path) -> Path:
    """The name of a result that stops early: NAME.partial.EXT."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def remove_stale_parts(path: Path) -> list[Path]:
    """Delete what killed runs left of `path`; files of running processes stay."""
    removed = [*stale_parts(path), *stale_parts(partial_path(path))]
    for part in removed:
        part.unlink(missing_ok=True)
    return removed


def stale_parts(path: Path) -> list[Path]:
    """Unfinished files of `path` that killed runs left."""
    found = []
    for part in path.parent.glob(".*.part"):
        match = PART_NAME.fullmatch(part.name)
        if match and match["name"] == path.name and not _is_running(int(match["pid"])):
            found.append(part)
    return found


def put_under_name(part: Path, path: Path) -> None:
    """Make a complete file visible in one step, after it has reached the disk."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, path)


def _is_same_file(path: Path, source_path: Path) -> bool:
    try:
        return path.samefile(source_path)
    except OSError:
        return False


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        return False
    if os.name != "posix":
        return True  # there, signal 0 is no question but ends the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
