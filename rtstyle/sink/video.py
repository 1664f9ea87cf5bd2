"""A video file: painted pictures, and everything else of the input as it was."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError

from ..container import PictureFormat, open_media, read_picture_format, start_seconds
from ..errors import SinkError, UsageError
from ..frame import Frame
from .encoding import Encoder, EncoderOptions, choose_codec
from .output_file import (
    CONTAINERS,
    PartFile,
    check_output,
    part_path,
    partial_path,
    put_under_name,
    remove_stale_parts,
)
from .streams import CopiedStreams, Span, StreamReport, needs_free_tags

DEFAULT_RATE = Fraction(25)
MAX_CRF = 63
PLAYABLE_UNFINISHED = ("matroska", "webm")
"""Containers that are played without their end too."""
FAR_START_SECONDS = 10
"""A clock that begins later than this counts something else than the film."""


@dataclass(frozen=True)
class VideoSinkOptions:
    """How to write a video file.

    `source_path` is the input, opened again for its other streams; `codec` "auto" or FFmpeg's name
    of an encoder; `rate` the usual frames per second, a hint; `start_seconds` and `end_seconds`
    the part of the input that is written.
    """

    source_path: Path | None = None
    codec: str = "auto"
    crf: float | None = None
    preset: str | None = None
    overwrite: bool = False
    rate: Fraction | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    num_threads: int = 0

    def __post_init__(self) -> None:
        if self.crf is not None and not 0 <= self.crf <= MAX_CRF:
            raise UsageError(f"--crf must lie between 0 and {MAX_CRF}, got {self.crf:g}")


class VideoSink:
    """Writes frames, each at its own time, and the other streams of the input beside them.

    The file has a hidden name until `close`. `report` lists the input's other streams, `notices`
    are remarks for the user, `written_path` is the file's final name once it has one.

    Raises:
        SinkError: the output cannot be written, or the codec is unknown.
        UsageError: the output is the input.
    """

    def __init__(self, path: Path, options: VideoSinkOptions = VideoSinkOptions()) -> None:
        self.path, self.options = Path(path), options
        check_output(self.path, options.source_path, options.overwrite)
        self._format = CONTAINERS[self.path.suffix.lower()]
        self._codec = choose_codec(options.codec, self._format)
        self._picture = PictureFormat()
        if options.source_path is not None:
            self._picture = read_picture_format(options.source_path)
        remove_stale_parts(self.path)
        self._part = part_path(self.path)
        self._file: PartFile | None = None
        self._output: OutputContainer | None = None
        self._copied: CopiedStreams | None = None
        self._encoder: Encoder | None = None
        self._span = Span()
        self._time_base = Fraction(1)
        self._last_pts = -1
        self._end_seconds = Fraction(0)
        self.written_path: Path | None = None
        self.notices: list[str] = []

    @property
    def report(self) -> list[StreamReport]:
        """What became of the input's other streams."""
        return self._copied.report if self._copied is not None else []

    def write(self, frame: Frame) -> None:
        """Encode a frame, and copy what belongs beside it."""
        with self._explained():
            if self._encoder is None:
                self._open(frame)
            assert self._encoder is not None and self._output is not None
            now = frame.pts * frame.time_base
            pts = round((now - self._span.begin) / self._time_base)
            pts = self._last_pts = max(pts, self._last_pts + 1)
            self._output.mux(self._encoder.encode(frame, pts))
            now -= self._span.begin
            self._end_seconds = now + 1 / (self.options.rate or DEFAULT_RATE)
            if self._copied is not None:
                self._copied.copy_until(now)

    def close(self) -> None:
        """Complete the file and put it under its name."""
        if self._encoder is None:
            raise SinkError(f"{self.path} was not written", "there was no frame")
        with self._explained():
            self._finish(copy_rest=True)
            put_under_name(self._part, self.path)
        self.written_path = self.path

    def abort(self, *, keep_partial: bool = False) -> None:
        """Remove the file, or keep what there is as NAME.partial.EXT, playable."""
        try:
            if keep_partial and self._encoder is not None:
                self._keep_partial()
        except SinkError as error:
            self._close_files()
            if self._format not in PLAYABLE_UNFINISHED or not self._part.exists():
                raise
            self.written_path = self._part.replace(partial_path(self.path))
            kept = f"what there is, is kept as {self.written_path.name}"
            raise SinkError(error.what, error.why, kept) from error
        finally:
            self._discard()

    def _open(self, frame: Frame) -> None:
        options = self.options
        self._span = self._wanted_span(frame)
        rate = options.rate or DEFAULT_RATE
        self._time_base = 1 / rate if self._format == "avi" else frame.time_base
        self._file = PartFile(self._part)
        self._output = av.open(
            self._file,
            "w",
            format=self._format,
            container_options=self._container_options(),
        )
        encoder = EncoderOptions(
            self._codec, options.crf, options.preset, rate, options.num_threads
        )
        size_hw = (frame.height, frame.width)
        self._encoder = Encoder(self._output, encoder, self._picture, size_hw, self._time_base)
        if any(self._encoder.padding_px):
            self.notices.append(
                f"the odd size {frame.width}x{frame.height} is padded to an even one, which "
                f"{self._codec} needs"
            )
        if options.source_path is not None:
            self._copied = CopiedStreams(options.source_path, self._output, self._span)

    def _wanted_span(self, frame: Frame) -> Span:
        options = self.options
        if options.source_path is None:
            return Span()
        with open_media(options.source_path) as source:
            begin, name = start_seconds(source), source.format.name
        end = None
        if options.end_seconds is not None:
            end = begin + Fraction(options.end_seconds).limit_denominator(10**6)
        if options.start_seconds:
            return Span(frame.pts * frame.time_base, end, is_trimmed=True)
        is_arbitrary = name == "mpegts" or begin > FAR_START_SECONDS
        # AVI can delay pictures, but not sound: both have to begin at once.
        is_arbitrary |= self._format == "avi"
        return Span(begin if is_arbitrary else Fraction(0), end)

    def _container_options(self) -> dict[str, str]:
        if self._format == "avi":
            # Else sound that begins before 0 (AAC does) moves all pictures by one frame.
            return {"avoid_negative_ts": "disabled"}
        if self._format not in ("mp4", "mov"):
            return {}
        # Edit lists count in this unit; the usual 1/1000 s would move streams by up to half of it.
        settings = {"movie_timescale": "90000"}
        if self.options.source_path and needs_free_tags(self.options.source_path):
            settings["movflags"] = "use_metadata_tags"
        return settings

    def _finish(self, *, copy_rest: bool) -> None:
        assert self._encoder is not None and self._output is not None
        self._output.mux(self._encoder.flush())
        if self._copied is not None:
            if copy_rest:
                self._copied.copy_rest()
            self._copied.finish()
        self._output.close()
        assert self._file is not None
        self._file.check()

    def _keep_partial(self) -> None:
        target = partial_path(self.path)
        with self._explained():
            if self._copied is not None:
                self._copied.copy_until(self._end_seconds)
            self._finish(copy_rest=False)
            if self._copied is not None and self._copied.has_chapters:
                cut = part_path(target)
                _rewrite_until(self._part, cut, self._format, self._end_seconds)
                put_under_name(cut, target)
            else:
                put_under_name(self._part, target)
        self.written_path = target

    def _close_files(self) -> None:
        for part in (self._copied, self._output, self._file):
            if part is not None:
                with suppress(FFmpegError, OSError, ValueError):
                    part.close()

    def _discard(self) -> None:
        self._close_files()
        self._part.unlink(missing_ok=True)
        part_path(partial_path(self.path)).unlink(missing_ok=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what PyAV and the file system raise into one `SinkError`."""
        try:
            yield
        except (FFmpegError, OSError, ValueError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise SinkError(
                    f"no space left for {self.path}", "the disk is full", "nothing was kept"
                ) from error
            if "avcodec_open2" in str(error):
                asked = {"preset": self.options.preset, "crf": self.options.crf}
                given = {name: value for name, value in asked.items() if value is not None}
                values = ", ".join(f"--{name} {value}" for name, value in given.items())
                raise SinkError(
                    f"the encoder {self._codec} does not open",
                    f"it was given {values}" if values else str(error),
                    "leave --preset and --crf away, or take another --codec"
                    if values
                    else "take another --codec",
                ) from error
            raise SinkError(f"{self.path} cannot be written", str(error)) from error


def _rewrite_until(part: Path, cut: Path, container: str, end: Fraction) -> None:
    """Copy a finished file; its chapters, written first, promised more than there is."""
    with PartFile(cut) as file:
        with av.open(file, "w", format=container) as output:
            copied = CopiedStreams(part, output, Span(end=end), with_main=True)
            try:
                copied.copy_rest()
            finally:
                copied.close()
        file.check()
