"""Frames of a video file, or of a video behind a URL."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..container import (
    PictureFormat,
    is_url,
    main_video,
    open_media,
    open_url,
    picture_format,
    start_seconds,
)
from ..errors import SourceError, UsageError
from ..frame import Frame
from . import SourceInfo
from .decoding import Health, decode_frames, duration_seconds, missing_seconds, seek
from .framing import missing_bytes
from .hwaccel import Planar, choose_hwaccel
from .timestamps import FrameClock
from .upright import Deinterlacer, UprightConverter

DEFAULT_RATE = Fraction(25)
TRANSPARENCY = "transparency is not kept: laid over black"


@dataclass(frozen=True)
class VideoSourceOptions:
    """What to read of a file, in seconds from its beginning; `num_threads` decode (0: FFmpeg's).

    `hwaccel` decodes on the NVIDIA GPU of the number `gpu`: "none", "auto" or "cuda".
    """

    start_seconds: float | None = None
    end_seconds: float | None = None
    num_threads: int = 0
    hwaccel: str = "none"
    gpu: int = 0

    def __post_init__(self) -> None:
        begin = self.start_seconds or 0.0
        if begin < 0:
            raise UsageError(f"--start must not be negative, got {begin:g}")
        if self.end_seconds is not None and self.end_seconds <= begin:
            raise UsageError(
                f"--end must lie after --start, got {self.end_seconds:g} and {begin:g} seconds"
            )


class VideoSource:
    """Upright frames of a file's main video stream, each with the file's own timestamp.

    A str that begins with http, https or rtsp is opened on the network. The first frame is decoded
    at once, so that a file without pictures fails here. After iteration `damage` says what was
    missing or broken (None: nothing), `is_incomplete` that the file broke off early; `notices` are
    remarks for the user. `begin_seconds` is where the wanted part begins on the file's clock.

    Raises:
        SourceError: no such file, no video in it, or no frame can be decoded.
        UsageError: `start_seconds` lies past the end.
    """

    def __init__(
        self, path: Path | str, options: VideoSourceOptions = VideoSourceOptions()
    ) -> None:
        self.options = options
        self.path = None if is_url(str(path)) else Path(path)
        self.name = str(path).rsplit("/", 1)[-1]
        self.notices: list[str] = []
        self.damage: str | None = None
        self.is_incomplete = False
        self._health = Health()
        self._closed = self._busy = self._started = self._reached_end = False
        hwaccel, why_not = choose_hwaccel(options.hwaccel, options.gpu)
        self._planar = None if hwaccel is None else Planar()
        if why_not:
            self.notices.append(f"decoded on the CPU: {why_not}")
        self._container = (
            open_url(str(path), hwaccel=hwaccel)
            if self.path is None
            else open_media(self.path, hwaccel=hwaccel)
        )
        try:
            self._stream = main_video(self._container, self.name)
            self._stream.thread_type = "AUTO"
            self._stream.codec_context.thread_count = options.num_threads
            self._open()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        """Find the first frame, and from it all that is known beforehand."""
        begin = start_seconds(self._container)
        options = self.options
        self._first_seconds = begin + Fraction(options.start_seconds or 0).limit_denominator(10**6)
        self.begin_seconds = float(self._first_seconds)
        self._end_seconds = None
        if options.end_seconds is not None:
            self._end_seconds = begin + Fraction(options.end_seconds).limit_denominator(10**6)
        self._refuse_start_past_end()
        rate = self._stream.guessed_rate or self._stream.average_rate or DEFAULT_RATE
        counted = self._container.format.name == "avi" and self._stream.codec_context.has_b_frames
        self._time_base = self._stream.time_base or 1 / rate
        if options.start_seconds and not counted:
            seek(self._container, self._first_seconds)
        self._clock = FrameClock(self._time_base, rate, counted=bool(counted))
        self._deinterlacer = Deinterlacer(self._time_base)
        frames = decode_frames(self._container, self._stream, self._health)
        if self._planar is not None:
            frames = self._planar(frames)
        self._frames = self._timed(self._deinterlacer(frames))
        self._first = next(self._frames, None)
        if self._first is None:
            self._explain_no_frames()
        else:
            self._describe(self._first[1], rate)

    def _describe(self, frame: VideoFrame, rate: Fraction) -> None:
        picture = picture_format(frame, self._stream)
        height, width = frame.height, frame.width
        if picture.orientation.is_transposed:
            height, width = width, height
        self._convert = UprightConverter(picture, (height, width))
        self.notices += _picture_notices(picture, self._stream)
        why_not = self._planar.why_on_cpu(self._stream.codec_context) if self._planar else ""
        if why_not:
            self.notices.append(f"decoded on the CPU: {why_not}")
        if self.path is None and len(self._container.streams) > 1:
            self.notices.append("only the pictures of a URL are taken, not its sound")
        duration = duration_seconds(self._container, self._stream)
        if duration is not None:
            end = min(self.options.end_seconds or duration, duration)
            duration = max(0.0, end - (self.options.start_seconds or 0.0))
        mean_rate = self._stream.average_rate or rate
        num_frames = None if duration is None else max(1, round(duration * mean_rate))
        is_live = self.path is None and duration is None
        self.info = SourceInfo(
            self.name, width, height, rate, num_frames, duration, self.path, is_live
        )

    def __iter__(self) -> Iterator[Frame]:
        if self._started:
            raise RuntimeError("a VideoSource can be read once")
        self._started = self._busy = True
        try:
            assert self._first is not None
            if self._closed:
                return
            for index, (pts, frame) in enumerate(chain([self._first], self._frames)):
                captured = Frame(self._convert(frame), index, pts, self._time_base)
                # While a frame is out, `close` may close the file; while it is decoded, only
                # this thread may, or FFmpeg would read freed memory.
                self._busy = False
                yield captured
                self._busy = True
                if self._closed:
                    return
            self._conclude()
        finally:
            self._closed = True
            self._frames.close()
            self._container.close()

    def close(self) -> None:
        """Stop reading; the thread that iterates leaves at its next frame."""
        self._closed = True
        if not self._busy:
            self._container.close()

    def _timed(self, frames: Iterator[VideoFrame]) -> Generator[tuple[int, VideoFrame], None, None]:
        """Repair timestamps; leave out what lies before the start and stop at the end."""
        for frame in frames:
            pts = self._clock(frame.pts)
            seconds = pts * self._time_base
            if self._end_seconds is not None and seconds >= self._end_seconds:
                self._reached_end = True
                return
            if not self.options.start_seconds or seconds >= self._first_seconds:
                yield pts, frame

    def _conclude(self) -> None:
        """Say what was wrong, once everything has been read."""
        health, found = self._health, []
        if not self._reached_end:
            missing = missing_seconds(self._container, self._stream, health)
            num_bytes = missing_bytes(self.path) if self.path is not None else 0
            self.is_incomplete = missing > 0 or num_bytes > 0
            if missing:
                found.append(f"it ends {missing:.1f} seconds earlier than it says")
            elif num_bytes:
                found.append(f"its last {num_bytes} bytes are missing")
        if health.read_error:
            self.is_incomplete = True
            found.append(f"it breaks off: {health.read_error}")
        if health.num_bad:
            found.append(f"{health.num_bad} of its {health.num_packets} packets are damaged")
        elif health.num_concealed:
            found.append(f"{count(health.num_concealed, 'frame')} repaired by the decoder")
        if found:
            self.damage = "; ".join(found)
        self.notices += self._late_notices()

    def _late_notices(self) -> list[str]:
        notices = []
        if self._deinterlacer.was_needed:
            notices.append("interlaced: made progressive, one frame for each frame")
        if self._convert.size_changed:
            notices.append(
                "the picture size changes in the file: fitted to the first one, "
                f"{self.info.width}x{self.info.height}"
            )
        if self._convert.saw_through and TRANSPARENCY not in self.notices:
            notices.append(TRANSPARENCY)
        if self._clock.num_repaired:
            notices.append(f"{count(self._clock.num_repaired, 'frame')} without a usable timestamp")
        return notices

    def _refuse_start_past_end(self) -> None:
        begin = self.options.start_seconds
        duration = duration_seconds(self._container, self._stream)
        if begin and duration is not None and begin >= duration:
            raise UsageError(
                f"--start {begin:g} lies past the end of {self.name}",
                f"it lasts {duration:.2f} seconds",
            )

    def _explain_no_frames(self) -> None:
        if self.options.start_seconds and not self._health.num_bad:
            raise UsageError(
                f"no frame of {self.name} lies between --start and --end",
                f"--start is {self.options.start_seconds:g} seconds",
            )
        why = self._health.read_error or (
            f"all {self._health.num_packets} packets are damaged"
            if self._health.num_packets
            else "its video stream is empty"
        )
        raise SourceError(f"{self.name} holds no picture that can be decoded", why)


def count(number: int, thing: str) -> str:
    """ "1 frame", "2 frames"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _picture_notices(picture: PictureFormat, stream: VideoStream) -> list[str]:
    codec, tags = stream.codec_context.name, stream.metadata
    notices = []
    if picture.is_hdr:
        notices.append("HDR: painted and written as SDR (BT.709)")
    elif picture.num_bits > 8:
        notices.append(f"{picture.num_bits} bits: kept in the file, but painted with 8")
    # The decoder of GIF always gives alpha; that of VP9 never does, but the file says it.
    if (picture.has_alpha and codec != "gif") or tags.get("alpha_mode") == "1":
        notices.append(TRANSPARENCY)
    return notices
