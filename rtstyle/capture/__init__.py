"""Sources of frames: video files, pictures, URLs, cameras, test patterns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..frame import Frame

if TYPE_CHECKING:
    from .video import VideoSourceOptions


@dataclass(frozen=True)
class SourceInfo:
    """What is known about a source before its first frame.

    `width` and `height` are those of the upright picture. `rate` is frames per second,
    `num_frames` an estimate; both None where unknown. `path` is the file for sinks that copy the
    other streams from it.
    """

    name: str
    width: int
    height: int
    rate: Fraction | None = None
    num_frames: int | None = None
    duration_seconds: float | None = None
    path: Path | None = None
    is_live: bool = False


class Source(Protocol):
    """Frames in the order of their timestamps, upright, all of the size that `info` names.

    Iteration raises `SourceError` (or `DeviceError`) when the input cannot be read at all; what was
    missing or damaged in an input that could be read in part is told by `damage` afterwards, and
    what else a user should know of the input by `notices`.
    `close` may be called at any time, from any thread, more than once.
    """

    @property
    def damage(self) -> str | None: ...

    @property
    def notices(self) -> Sequence[str]: ...

    @property
    def info(self) -> SourceInfo: ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def open_source(spec: str, options: VideoSourceOptions | None = None) -> Source:
    """Open what a user names: a video file, a picture, a folder of pictures, a URL, "synthetic".

    `options` apply to videos.

    Raises:
        SourceError: it does not exist or cannot be read.
        UsageError: `options` do not fit it.
    """
    if spec == "synthetic":
        from .synthetic import SyntheticSource

        return SyntheticSource()
    path = Path(spec)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        from .images import ImageSource  # pyright: ignore[reportMissingImports]

        return ImageSource(path)
    from .video import VideoSource, VideoSourceOptions

    return VideoSource(spec, options or VideoSourceOptions())
