"""Decoding on an NVIDIA GPU (NVDEC), where a probe of one picture succeeds."""

from __future__ import annotations

import logging
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

import av
from av.error import FFmpegError

from ..errors import SourceError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

logger = logging.getLogger(__name__)

HwaccelName = Literal["none", "auto", "cuda"]

PROBE_PX = 256


def choose_hwaccel(name: HwaccelName) -> HWAccel | None:
    """What to hand to `av.open`; None decodes on the CPU, and the log says why.

    Streams that the GPU does not know (4:2:2, old codecs) are decoded on the CPU all the same.

    Raises:
        SourceError: "cuda" was asked for by name and does not work here.
    """
    if name == "none":
        return None
    reason = why_not_cuda()
    if not reason:
        from av.codec.hwaccel import HWAccel

        return HWAccel("cuda")
    if name != "auto":
        raise SourceError(f"--hwaccel {name} does not work here", reason, "use: --hwaccel auto")
    logger.info("decoding on the CPU: %s", reason)
    return None


@lru_cache
def why_not_cuda() -> str:
    """Why NVDEC cannot be used here; empty if it decoded a picture that was encoded just now."""
    from av.codec.hwaccel import HWAccel

    encoder = cast(av.VideoCodecContext, av.CodecContext.create("libx264", "w"))
    encoder.width = encoder.height = PROBE_PX
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    picture = av.VideoFrame(PROBE_PX, PROBE_PX, "yuv420p")
    picture.pts = 0
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    try:
        accelerator = HWAccel("cuda", allow_software_fallback=False)
        decoder = av.CodecContext.create("h264", "r", hwaccel=accelerator)
        decoder = cast(av.VideoCodecContext, decoder)
        pictures = [each for packet in packets for each in decoder.decode(packet)]
        pictures += decoder.decode(None)
    except (FFmpegError, ValueError, OSError, RuntimeError, NotImplementedError) as error:
        return f"no NVIDIA driver with a video decoder ({error})"
    return "" if pictures else "the NVIDIA decoder made nothing of a picture"
