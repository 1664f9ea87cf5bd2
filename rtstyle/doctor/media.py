"""Files: the FFmpegs inside our packages, and the encoders that work."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from typing import cast

from ..finding import Finding

FIXED_FFMPEG = (8, 1, 2)
"""First release with the hole in the MagicYUV decoder closed (CVE-2026-8461)."""

ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "h264_nvenc")
ENCODED_HW = (360, 640)


def ffmpeg() -> list[Finding]:
    """The FFmpeg inside PyAV, which reads all files, and the one inside OpenCV, for cameras."""
    import av
    import cv2

    version = av.ffmpeg_version_info
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers and numbers < FIXED_FFMPEG:
        text = f"{version} in PyAV has a known hole (CVE-2026-8461): trust no strangers' files"
        found = [Finding("ffmpeg", "warn", text, "pip install --upgrade 'av<20'")]
    else:
        found = [Finding("ffmpeg", "ok", f"{version} in PyAV reads and writes all files")]
    match = re.search(r"avcodec:\s+YES \(([\d.]+)\)", cv2.getBuildInformation())
    inside = f"libavcodec {match[1]}" if match else "none"
    return [*found, Finding("ffmpeg", "ok", f"{inside} in OpenCV, used for cameras only")]


def encoders() -> list[Finding]:
    """Encoders that open and encode a picture here; being listed in FFmpeg means nothing."""
    working = [name for name in ENCODERS if encodes(name)]
    missing = [name for name in ENCODERS if name not in working]
    if "libx264" not in working:
        fix = "pip install --force-reinstall --no-deps av"
        return [Finding("encoders", "fail", "libx264, the default, does not encode", fix)]
    text = ", ".join(working)
    return [Finding("encoders", "ok", f"{text} (not here: {', '.join(missing) or 'none'})")]


def encodes(name: str) -> bool:
    """Whether an encoder makes a packet of one picture."""
    import av
    from av.error import FFmpegError

    os.environ.setdefault("SVT_LOG", "-1")  # SVT-AV1 greets on stderr otherwise
    try:
        context = cast(av.VideoCodecContext, av.CodecContext.create(name, "w"))
        context.height, context.width = ENCODED_HW
        context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
        if name == "libx265":
            context.options = {"x265-params": "log-level=none"}
        picture = av.VideoFrame(ENCODED_HW[1], ENCODED_HW[0], "yuv420p")
        picture.pts = 0
        return bool([*context.encode(picture), *context.encode(None)])
    except (FFmpegError, ValueError, OSError):
        return False
