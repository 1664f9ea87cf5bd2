"""Files: the FFmpegs inside our packages, and the encoders that work."""

from __future__ import annotations

import re

from ..finding import Finding

FIXED_FFMPEG = (8, 1, 2)
"""First release with the hole in the MagicYUV decoder closed (CVE-2026-8461)."""

ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "h264_nvenc")


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
    from ..sink.encoders import why_not

    working = [name for name in ENCODERS if not why_not(name)]
    missing = [name for name in ENCODERS if name not in working]
    if "libx264" not in working:
        fix = "pip install --force-reinstall --no-deps av"
        return [Finding("encoders", "fail", "libx264, the default, does not encode", fix)]
    text = ", ".join(working)
    return [Finding("encoders", "ok", f"{text} (not here: {', '.join(missing) or 'none'})")]


def decoders() -> list[Finding]:
    """What `--hwaccel` would do; nothing to say without an NVIDIA card."""
    from ..capture.hwaccel import why_not_cuda
    from ..inference import GpuOptions
    from ..inference.nvidia import query_gpus

    if not query_gpus()[0]:
        return []
    reason = why_not_cuda(GpuOptions.from_environment().gpu)
    text = f"on the CPU: {reason}" if reason else "on the GPU with --hwaccel auto"
    return [Finding("decoding", "ok", text)]
