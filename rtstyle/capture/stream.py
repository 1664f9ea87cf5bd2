"""Live pictures from a URL: an IP camera, a phone's camera app, RTSP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np

from ..errors import SourceError
from ..frame import Frame
from . import SourceInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

PROTOCOLS = "tcp,udp,tls,http,https,rtp,rtsp,rtsps"
FORMATS = "mpjpeg,rtsp,sdp,mpegts,flv,h264,hevc"
SCHEMES = ("http://", "https://", "rtsp://", "rtsps://", "tcp://", "udp://")
OPEN_SECONDS = 5.0
READ_SECONDS = 2.0
MAX_PIXELS = 36_000_000
MAX_DAMAGED = 30
"""So many packets in a row that cannot be decoded are a loss; a few, on a poor line, are not."""


class StreamSource:
    """Pictures of a network stream as they come; a stall of two seconds counts as a loss.

    Raises:
        SourceError: the stream cannot be opened, or (while iterating) stalls, breaks or ends.
    """

    damage: str | None = None
    notices: tuple[str, ...] = ()

    def __init__(self, url: str) -> None:
        self.name = url.split("://", 1)[1].split("@")[-1]
        self._closed = False
        self._lock = threading.Lock()
        self._container = _opened(url, self.name)
        stream = self._container.streams.video[0]
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_type = "SLICE"
        self._pictures = self._decoded(stream)
        self._first = self._next()
        if self._first is None:
            self._container.close()
            raise SourceError(f"no picture came from {self.name}")
        rate = stream.average_rate
        self.info = SourceInfo(
            self.name, self._first.width, self._first.height, rate or None, is_live=True
        )

    def __iter__(self) -> Iterator[Frame]:
        frame, self._first = self._first, None
        index = 0
        while frame := frame or self._next():
            yield replace(frame, index=index)
            index, frame = index + 1, None
        if not self._closed:
            raise SourceError(f"the stream {self.name} has ended")

    def close(self) -> None:
        """At once; while a read is under way, its thread lets go of the stream after it."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._container.close()
            self._lock.release()

    def _next(self) -> Frame | None:
        frame = self._read()
        if self._closed:
            self.close()
            return None
        return frame

    def _read(self) -> Frame | None:
        with self._lock:
            if self._closed:
                return None
            try:
                picture = next(self._pictures, None)
                if picture is None:
                    return None
                pixels = np.ascontiguousarray(picture.to_ndarray(format="rgb24"), np.uint8)
            except (OSError, ValueError, MemoryError) as error:
                raise SourceError(f"the stream {self.name} broke off", _reason(error)) from error
            except av.error.FFmpegError as error:
                raise SourceError(f"the stream {self.name} stalled", _reason(error)) from error
        return Frame(pixels, 0, 0, Fraction(1, 30), time.monotonic())

    def _decoded(self, stream: VideoStream) -> Iterator[VideoFrame]:
        """Pictures; damaged packets are passed over, but not `MAX_DAMAGED` in a row."""
        num_damaged = 0
        for packet in self._container.demux(stream):
            if self._closed:
                return
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                num_damaged += 1
                if num_damaged >= MAX_DAMAGED:
                    raise
                continue
            num_damaged = 0
            yield from pictures


def _opened(url: str, name: str) -> InputContainer:
    options = {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": FORMATS,
        "max_pixels": str(MAX_PIXELS),
        "fflags": "nobuffer",
        "rtsp_transport": "tcp",
    }
    try:
        container = av.open(url, options=options, timeout=(OPEN_SECONDS, READ_SECONDS))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"cannot open the stream {name}",
            _reason(error),
            "a live stream is MJPEG over http, RTSP, or MPEG-TS; for films give the file's path",
        ) from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"the stream {name} has no pictures")
    return container


def _reason(error: Exception) -> str:
    """Why, without the numbers of FFmpeg and the address, which may hold a password."""
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error).split(": '")[0]
