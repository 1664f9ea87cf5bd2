"""Which encoders work here: found by encoding one picture, since being listed means nothing."""

from __future__ import annotations

import os
from fractions import Fraction
from functools import lru_cache
from typing import cast

import av
from av.error import FFmpegError

from ..errors import SinkError

PROBE_PX = 256
"""Side of the picture; hardware refuses very small ones."""


@lru_cache
def why_not(codec: str, pix_fmt: str = "yuv420p") -> str:
    """Why an encoder, by FFmpeg's name, cannot be used here; empty if it made a packet."""
    os.environ.setdefault("SVT_LOG", "-1")  # SVT-AV1 greets on stderr otherwise
    try:
        if av.Codec(codec, "w").type != "video":
            return "it encodes no video"
        context = cast(av.VideoCodecContext, av.CodecContext.create(codec, "w"))
        context.width = context.height = PROBE_PX
        context.pix_fmt, context.time_base = pix_fmt, Fraction(1, 25)
        if codec == "libx265":  # it tells its settings on stderr otherwise
            context.options = {"x265-params": "log-level=none"}
        picture = av.VideoFrame(PROBE_PX, PROBE_PX, pix_fmt)
        picture.pts = 0
        if [*context.encode(picture), *context.encode(None)]:
            return ""
    except (FFmpegError, ValueError, OSError) as error:
        if codec.endswith("_nvenc"):
            return "it needs an NVIDIA driver and a card with an encoder; H100 and A100 have none"
        return f"it does not open: {error}"
    return "it made nothing of a picture"


def check_encoder(codec: str, pix_fmt: str = "yuv420p") -> None:
    """Make sure that a hardware encoder works before a file is begun.

    Raises:
        SinkError: it does not; the message says why and what to use instead.
    """
    if reason := why_not(codec, pix_fmt):
        raise SinkError(f"the encoder {codec} does not work here", reason, "use: --codec libx264")
