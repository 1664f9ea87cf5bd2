"""Which codec, pixel format and settings; RGB frames to encoded packets."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import av
import cv2
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..container import BT601, BT709, FULL_RANGE, LIMITED_RANGE, PictureFormat
from ..errors import SinkError
from ..frame import Frame, Pixels
from .encoders import check_encoder

os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 writes pages to stderr

DEFAULT_CODECS = {"webm": "libsvtav1"}
"""By container; libx264 elsewhere."""

QUICK_X264 = "partitions=none:subme=1:me=dia:ref=1"
"""Searches less than veryfast; brush strokes hardly repeat from frame to frame, so it finds little.

At 720p, crf 18, on paintings of a pan and of two faces, this takes 0.53 and 0.57 of veryfast's time
for 1.07 and 1.01 of its size, at the same SSIM and 0.4 dB less. Superfast is as quick, but its
SSIM is 0.6 dB lower, or its files 12 to 20 % larger; ultrafast needs half of that, for 1.55."""

QUALITY = {
    "libx264": {"preset": "veryfast", "crf": "18", "x264-params": QUICK_X264},
    "libx265": {"preset": "veryfast", "crf": "20", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "9", "crf": "30"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "5", "row-mt": "1", "crf": "30", "b": "0"},
    "h264_nvenc": {"preset": "p4", "rc": "vbr", "cq": "19"},
    "hevc_nvenc": {"preset": "p4", "rc": "vbr", "cq": "21"},
    "av1_nvenc": {"preset": "p4", "rc": "vbr", "cq": "26"},
    "mjpeg": {"qmin": "2", "qmax": "2"},
    "mpeg2video": {"qmin": "2", "qmax": "2", "flags": "+low_delay"},
}
"""Settings that look the same as the painting at a moderate size."""

DNXHR = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx", "yuv444p10le": "dnxhr_444"}
"""Profiles of dnxhd by pixel format; those of DNxHD itself hold few sizes."""

MAX_RATES = {"libsvtav1": Fraction(240)}
"""Frames per second above which an encoder does not open; those of browsers claim 1000."""

TS_VIDEO_CODECS = {"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"}
"""What a transport stream has a name for; its writer takes all else too, as data of no kind."""


@dataclass(frozen=True)
class EncoderOptions:
    """`codec` is FFmpeg's name of an encoder; `crf` and `preset` replace those of `QUALITY`."""

    codec: str
    crf: float | None = None
    preset: str | None = None
    rate: Fraction = Fraction(25)
    num_threads: int = 0

    def settings(self) -> dict[str, str]:
        """Options as the encoder takes them."""
        settings = dict(QUALITY.get(self.codec, {}))
        if self.crf is not None:
            names = [name for name in ("qmin", "qmax", "cq") if name in settings] or ["crf"]
            settings |= dict.fromkeys(names, f"{self.crf:g}")
        if self.preset is not None:
            settings.pop("x264-params", None)
            settings["cpu-used" if "vpx" in self.codec else "preset"] = self.preset
        return settings


def choose_codec(codec: str, container: str) -> str:
    """The encoder for "auto" or a name, in a container by FFmpeg's name.

    Raises:
        SinkError: no such encoder, or the container cannot hold what it makes.
    """
    name = DEFAULT_CODECS.get(container, "libx264") if codec == "auto" else codec
    try:
        found = av.Codec(name, "w")
    except (UnknownCodecError, ValueError) as error:
        raise SinkError(
            f"unknown encoder '{name}'", "FFmpeg here has none of that name", "try: libx264"
        ) from error
    if found.type != "video":
        raise SinkError(f"'{name}' encodes no video", fix="try: libx264")
    if container == "mpegts" and found.canonical_name not in TS_VIDEO_CODECS:
        raise _cannot_hold(container, name)
    if name.endswith("_nvenc"):
        check_encoder(name)
    return name


def choose_pix_fmt(picture: PictureFormat, codec: str) -> str:
    """The stored format with the source's depth and chroma resolution, as far as `codec` goes."""
    source = av.VideoFormat(picture.pix_fmt)
    offered = [each.name for each in av.Codec(codec, "w").video_formats or ()]
    deep = picture.num_bits > 8 and not picture.is_hdr
    wanted = []
    if not source.is_rgb and len(source.components) >= 3 and picture.pix_fmt != "pal8":
        chroma = _chroma_name(source)
        # 4:2:2 of 8 bits comes from webcams (MJPEG); hardly any player shows H.264 made of it.
        if deep:
            wanted += [f"yuv{chroma}p10le"]
        elif chroma == "444":
            wanted += ["yuv444p"]
    if deep:
        wanted += ["yuv420p10le", "p010le", "yuv422p10le"]
    wanted += ["yuv420p", "yuv422p", "yuv422p10le"]  # ProRes has no 4:2:0
    return next((name for name in wanted if name in offered), "yuv420p")


class Encoder:
    """Encodes RGB frames of one size as one stream of `container`.

    Args:
        container: output, its header not yet written.
        options: codec and quality.
        picture: format of the source's pictures, kept where the codec can.
        size_hw: height and width of the frames; odd ones are padded where chroma is halved.
        time_base: seconds per unit of the timestamps.

    Raises:
        SinkError: the container cannot hold the codec.
    """

    def __init__(
        self,
        container: OutputContainer,
        options: EncoderOptions,
        picture: PictureFormat,
        size_hw: tuple[int, int],
        time_base: Fraction,
    ) -> None:
        self._pix_fmt = choose_pix_fmt(picture, options.codec)
        self._picture = picture
        self._time_base = time_base
        self._padding = _even_padding(*size_hw, self._pix_fmt)
        self._reformatter = VideoReformatter()
        self.stream = self._add_stream(container, options)
        context = self.stream.codec_context
        context.height, context.width = (a + b for a, b in zip(size_hw, self._padding, strict=True))
        context.pix_fmt = self._pix_fmt
        context.thread_count = options.num_threads
        self.stream.time_base = context.time_base = time_base
        self._times: list[int] | None = None
        if context.codec.frame_rates:  # MPEG-1 and -2 know few rates: their encoders count frames
            self._times, context.time_base = [], 1 / context.framerate
        if picture.sample_aspect_ratio:
            context.sample_aspect_ratio = picture.sample_aspect_ratio
        self._tag(context)

    @property
    def padding_px(self) -> tuple[int, int]:
        """Rows added at the bottom and columns at the right."""
        return self._padding

    def encode(self, frame: Frame, pts: int) -> list[Packet]:
        """Packets that are ready after this frame; `pts` counts in the encoder's time base."""
        picture = self._to_yuv(frame.pixels)
        picture.pts, picture.time_base = pts, self._time_base
        if self._times is not None:
            picture.pts, picture.time_base = len(self._times), self.stream.codec_context.time_base
            self._times.append(pts)
        return self._timed(self.stream.encode(picture))

    def flush(self) -> list[Packet]:
        """The packets that were held back."""
        return self._timed(self.stream.encode(None))

    def _timed(self, packets: list[Packet]) -> list[Packet]:
        """The packets of an encoder that counts frames, with their times."""
        if self._times is not None:
            for packet in packets:
                packet.pts = packet.dts = self._times[packet.pts or 0]
                packet.time_base = self._time_base
        return packets

    def _add_stream(self, container: OutputContainer, options: EncoderOptions) -> VideoStream:
        settings = options.settings()
        if options.codec == "dnxhd":
            settings["profile"] = DNXHR[self._pix_fmt]
        try:
            added = container.add_stream(options.codec, rate=_rate(options), options=settings)
        except ValueError as error:
            raise _cannot_hold(container.format.name, options.codec) from error
        stream = cast(VideoStream, added)
        is_hevc = "265" in options.codec or "hevc" in options.codec
        if is_hevc and container.format.name in ("mp4", "mov"):
            stream.codec_context.codec_tag = "hvc1"  # Apple's players open no other
        if container.format.name == "avi":
            stream.codec_context.max_b_frames = 0  # AVI stores no presentation times
        return stream

    def _to_yuv(self, pixels: Pixels) -> VideoFrame:
        bottom, right = self._padding
        if bottom or right:
            pixels = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        rgb = VideoFrame.from_numpy_buffer(pixels, "rgb24")
        # Without these, FFmpeg converts by BT.601 and limited range, whatever the file says.
        rgb.colorspace, rgb.color_range = self._matrix, self._range
        return self._reformatter.reformat(rgb, format=self._pix_fmt)

    def _tag(self, context: av.VideoCodecContext) -> None:
        picture = self._picture
        if picture.is_hdr:
            picture = PictureFormat()
        if context.name == "mjpeg":  # JPEG knows no other
            picture = replace(picture, color_range=FULL_RANGE, colorspace=BT601)
        self._matrix = picture.colorspace
        self._range = picture.color_range or LIMITED_RANGE
        context.color_range = self._range if picture.color_range else 0
        context.color_primaries = picture.color_primaries
        context.color_trc = picture.color_trc
        context.colorspace = picture.colorspace or BT709


def _cannot_hold(container: str, codec: str) -> SinkError:
    return SinkError(
        f"a {container} file cannot hold {codec}",
        fix="choose another --codec or another extension for the output",
    )


def _rate(options: EncoderOptions) -> Fraction:
    """Frames per second as the encoder is told them: those it knows that come nearest."""
    rate = min(options.rate, MAX_RATES.get(options.codec, options.rate))
    rates = av.Codec(options.codec, "w").frame_rates or ()
    known = [Fraction(each.numerator, each.denominator) for each in rates]
    return min(known or [rate], key=lambda each: abs(each - rate))


def _chroma_name(source: av.VideoFormat) -> str:
    if source.chroma_width(16) == 16:
        return "444"
    return "422" if source.chroma_height(16) == 16 else "420"


def _even_padding(height: int, width: int, pix_fmt: str) -> tuple[int, int]:
    stored = av.VideoFormat(pix_fmt)
    return (
        height % 2 if stored.chroma_height(2) == 1 else 0,
        width % 2 if stored.chroma_width(2) == 1 else 0,
    )
