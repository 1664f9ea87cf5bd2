"""Pictures as sinks: one file, or a folder with a file for each frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import SinkError, UsageError
from ..frame import Frame

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
QUALITY = 95


class ImageSink:
    """Writes frame number i to `paths[i]`; each file appears under its name only when whole.

    `written` are those that have appeared.
    """

    def __init__(self, paths: Sequence[Path], *, overwrite: bool = False) -> None:
        self._paths, self.written = paths, list[Path]()
        for path in paths:
            check_image_output(path, overwrite=overwrite)

    def write(self, frame: Frame) -> None:
        path = self._paths[frame.index]
        write_image(path, frame)
        self.written.append(path)

    def close(self) -> None:
        pass

    def abort(self, *, keep_partial: bool = False) -> None:
        pass


def check_image_output(path: Path, *, overwrite: bool) -> None:
    """Raise SinkError or UsageError unless a picture can be written to `path`."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"unknown kind of picture: {path.name}", fix=f"endings: {', '.join(SUFFIXES)}"
        )
    if not path.parent.is_dir():
        raise SinkError(f"no such folder: {path.parent}")
    if path.is_dir():
        raise SinkError(f"{path} is a folder")
    if path.exists() and not overwrite:
        raise SinkError(f"{path} exists", fix="add --overwrite to replace it")


def write_image(path: Path, frame: Frame, quality: int = QUALITY) -> None:
    """Write the pixels of a frame; `quality` is that of JPEG and WebP.

    Raises:
        SinkError: disk full, no permission, or too large for a picture of that kind.
    """
    from PIL import Image

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(frame.pixels).save(part, SUFFIXES[path.suffix.lower()], quality=quality)
        os.replace(part, path)
    except (OSError, ValueError) as error:
        raise SinkError(f"cannot write {path}", str(error)) from error
    finally:
        part.unlink(missing_ok=True)
