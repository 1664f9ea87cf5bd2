"""Decoding on an NVIDIA GPU (NVDEC), where a probe of one picture succeeds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from ..errors import SourceError, UsageError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

HWACCELS = ("none", "auto", "cuda")
PROBE_PX = 256
PLANAR = {"nv12": "yuv420p", "p010le": "yuv420p10le", "p016le": "yuv420p12le"}
"""What NVDEC makes of pictures with 8, 10 and 12 bits, and what a CPU makes of them."""


def choose_hwaccel(name: str, gpu: int = 0) -> tuple[HWAccel | None, str]:
    """What to hand to `av.open`, or None and why "auto" decodes on the CPU.

    `gpu` is its number, as nvidia-smi counts.

    Raises:
        UsageError: no such name.
        SourceError: "cuda" was asked for by name and does not work here.
    """
    if name not in HWACCELS:
        raise UsageError(
            f"--hwaccel cannot be '{name}'", fix=f"it is one of: {', '.join(HWACCELS)}"
        )
    if name == "none":
        return None, ""
    if reason := why_not_cuda(gpu):
        if name != "auto":
            raise SourceError(f"--hwaccel {name} does not work here", reason, "use: --hwaccel auto")
        return None, reason
    from av.codec.hwaccel import HWAccel

    return HWAccel("cuda", str(gpu), allow_software_fallback=True), ""


class Planar:
    """Frames of a GPU in the layout of those of a CPU, so that the same becomes of them.

    FFmpeg converts nv12 to RGB with other filters than yuv420p: up to 59 of 255 apart at an edge.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._first_format = ""

    def __call__(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """The same frames, those in two planes in three."""
        for frame in frames:
            name = frame.format.name
            self._first_format = self._first_format or name
            planar = PLANAR.get(name)
            yield self._reformatter.reformat(frame, format=planar) if planar else frame

    def why_on_cpu(self, codec: VideoCodecContext) -> str:
        """Why the GPU did not decode the first frame, though asked to; empty if it did.

        It does not know every codec, and of those it knows not every kind (4:2:2, large pictures).
        """
        if not codec.is_hwaccel:
            return f"the GPU does not decode {codec.name}"
        on_cpu = self._first_format.startswith(("yuv41", "yuv42", "yuvj"))
        return f"the GPU does not decode this kind of {codec.name}" if on_cpu else ""


@lru_cache
def why_not_cuda(gpu: int = 0) -> str:
    """Why NVDEC cannot be used here; empty if it decoded a picture that was encoded just now."""
    from av.codec.hwaccel import HWAccel

    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # read when CUDA starts
    encoder = cast(VideoCodecContext, av.CodecContext.create("libx264", "w"))
    encoder.width = encoder.height = PROBE_PX
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    picture = av.VideoFrame(PROBE_PX, PROBE_PX, "yuv420p")
    picture.pts = 0
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    try:
        accelerator = HWAccel("cuda", str(gpu), allow_software_fallback=False)
        decoder = av.CodecContext.create("h264", "r", hwaccel=accelerator)
        decoder = cast(VideoCodecContext, decoder)
        pictures = [each for packet in packets for each in decoder.decode(packet)]
        pictures += decoder.decode(None)
    except (FFmpegError, ValueError, OSError, RuntimeError, NotImplementedError) as error:
        return f"no NVIDIA driver with a video decoder ({error})"
    return "" if pictures else "the NVIDIA decoder made nothing of a picture"
