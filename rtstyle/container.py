"""Media files: the policy by which they are opened, and what their pictures are made of.

Capture reads a file's pictures; the file sink opens the same file again for everything else. What
both must agree on stands here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .errors import SourceError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif,flv,ogg,asf"
"""Demuxers that may see a file. Playlists (m3u8, concat) are absent: they open other files."""

URL_FORMATS = "rtsp,rtp,sdp,mpjpeg,mjpeg"
URL_PREFIXES = ("http://", "https://", "rtsp://", "rtsps://")
URL_TIMEOUT_SECONDS = 10.0

MAX_PIXELS = 36_000_000
"""Largest picture that is decoded: 8K and a little more; an 8 kB file may claim any size."""

TIME_BASE = Fraction(1, 1_000_000)
"""Seconds per unit of a container's own times."""

UNSPECIFIED, BT601, BT709, PQ, HLG = 2, 5, 1, 16, 18
LIMITED_RANGE, FULL_RANGE = 1, 2


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is made upright: transposed first, then mirrored."""

    is_transposed: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def is_upright(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.is_transposed or self.mirror_x or self.mirror_y)


@dataclass(frozen=True)
class PictureFormat:
    """How the pictures of a stream are stored, in FFmpeg's numbers (ISO/IEC 23091-2 codes).

    `sample_aspect_ratio` belongs to the upright picture.
    """

    pix_fmt: str = "yuv420p"
    color_range: int = LIMITED_RANGE
    color_primaries: int = BT709
    color_trc: int = BT709
    colorspace: int = BT709
    sample_aspect_ratio: Fraction | None = None
    orientation: Orientation = Orientation()

    @property
    def is_hdr(self) -> bool:
        """Whether brightness is coded for HDR screens (PQ or HLG)."""
        return self.color_trc in (PQ, HLG)

    @property
    def num_bits(self) -> int:
        """Depth of the deepest component."""
        return max(part.bits for part in av.VideoFormat(self.pix_fmt).components)

    @property
    def has_alpha(self) -> bool:
        """Whether pictures carry transparency."""
        components = av.VideoFormat(self.pix_fmt).components
        return any(part.is_alpha for part in components) or self.pix_fmt == "pal8"


def open_media(
    path: Path, *, options: Mapping[str, str] | None = None, hwaccel: HWAccel | None = None
) -> InputContainer:
    """Open a media file for reading; nothing but that file is ever touched.

    With `hwaccel`, streams that the hardware knows are decoded by it.

    Raises:
        SourceError: there is no such file, or it is no video that FFmpeg can read.
    """
    if not path.exists():
        raise SourceError(f"no such file: {path}")
    if path.is_dir():
        raise SourceError(f"{path} is a folder, not a video")
    if not path.is_file():
        why = "a pipe or device can be read only once, a video is read twice"
        raise SourceError(f"{path} is no file", why, "save it as a file first")
    policy = {
        "protocol_whitelist": "file",
        "format_whitelist": FORMATS,
        "max_pixels": str(MAX_PIXELS),
        **(options or {}),
    }
    try:
        # Without the prefix, a name such as a:b.mp4 would be taken for a protocol.
        name = f"file:{path.absolute()}"
        return av.open(name, options=policy, metadata_errors="replace", hwaccel=hwaccel)
    except PermissionError as error:
        raise SourceError(f"{path} may not be read", str(error), "check its permissions") from error
    except (FFmpegError, OSError, ValueError) as error:
        size = path.stat().st_size
        why = "it is empty" if size == 0 else "it is damaged, cut short or no video file"
        fix = "readable are mp4, mov, mkv, webm, avi, ts, gif, flv, ogg, wmv"
        raise SourceError(f"{path} cannot be read as a video", why, fix) from error


def is_url(spec: str) -> bool:
    """Whether `spec` names a stream on a network, not a file."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", spec) is not None


def open_url(url: str, *, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a stream on a network; playlists, which name further addresses, are refused.

    Raises:
        SourceError: it cannot be reached within `URL_TIMEOUT_SECONDS`, or is no video.
    """
    # The address may carry a password, and so may FFmpeg's message.
    shown = re.sub(r"//[^/@]*@", "//", url)
    if not url.lower().startswith(URL_PREFIXES):
        raise SourceError(
            f"{shown} cannot be opened", f"addresses begin with {', '.join(URL_PREFIXES)}"
        )
    policy = {
        "protocol_whitelist": "tcp,tls,http,https,httpproxy,rtp,rtsp,rtsps,srtp,udp",
        "format_whitelist": f"{FORMATS},{URL_FORMATS}",
        "max_pixels": str(MAX_PIXELS),
    }
    try:
        return av.open(
            url,
            options=policy,
            timeout=URL_TIMEOUT_SECONDS,
            metadata_errors="replace",
            hwaccel=hwaccel,
        )
    except (FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        fix = "check the address in a browser or player; playlists (m3u8) are not opened"
        raise SourceError(f"{shown} cannot be opened", why, fix) from error


def main_video(container: InputContainer, name: str) -> VideoStream:
    """The video stream to paint: the default one, else the largest; never a cover picture.

    Raises:
        SourceError: there is none, or no decoder for it.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise SourceError(f"{name} has no video stream", f"it holds: {', '.join(kinds)}")
    best = max(streams, key=_rank)
    if best.codec_context is None:
        raise SourceError(f"no decoder for the video in {name}", "its codec is unknown")
    best.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return best


def _rank(stream: VideoStream) -> tuple[bool, int]:
    """What makes a stream the main one: being the default, then its size in pixels."""
    context = stream.codec_context
    num_pixels = context.width * context.height if context is not None else 0
    return bool(stream.disposition & Disposition.default), num_pixels


def picture_format(frame: VideoFrame, stream: VideoStream) -> PictureFormat:
    """What one decoded frame of `stream` is made of."""
    orientation = _orientation(frame)
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or None
    if ratio is not None and orientation.is_transposed:
        ratio = 1 / ratio
    # Pictures stored as RGB name no matrix that a YUV file could take over.
    if frame.format.is_rgb or frame.format.name == "pal8":
        return PictureFormat(frame.format.name, sample_aspect_ratio=ratio, orientation=orientation)
    return PictureFormat(
        pix_fmt=frame.format.name,
        color_range=frame.color_range,
        color_primaries=frame.color_primaries,
        color_trc=frame.color_trc,
        colorspace=frame.colorspace,
        sample_aspect_ratio=ratio,
        orientation=orientation,
    )


def read_picture_format(path: Path) -> PictureFormat:
    """The picture format of a file's first frame.

    Raises:
        SourceError: the file holds no picture.
    """
    with open_media(path) as container:
        stream = main_video(container, path.name)
        try:
            for frame in container.decode(stream):
                return picture_format(frame, stream)
        except FFmpegError as error:
            raise SourceError(f"{path} cannot be decoded", str(error)) from error
    raise SourceError(f"{path} holds no picture")


def start_seconds(container: InputContainer) -> Fraction:
    """When the file's own clock begins; AVI has none, only a count of frames."""
    if container.format.name == "avi":
        return Fraction(0)
    return (container.start_time or 0) * TIME_BASE


def _orientation(frame: VideoFrame) -> Orientation:
    """Read the display matrix: stored (x, y) is shown at (a x + c y, b x + d y)."""
    for side_data in cast("Iterable[SideData]", frame.side_data):
        if side_data.type == SideDataType.DISPLAYMATRIX:
            a, b, _, c, d = struct.unpack_from("=5i", bytes(side_data))
            if abs(b) > abs(a):
                return Orientation(True, mirror_x=c < 0, mirror_y=b < 0)
            return Orientation(False, mirror_x=a < 0, mirror_y=d < 0)
    return Orientation()
