"""The cameras of this machine by name, found without opening one (opening lights its lamp)."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

OWN_LABEL = "rtstyle"
"""Name of the virtual camera that rtstyle feeds; painting oneself in a loop helps nobody."""


@dataclass(frozen=True)
class Camera:
    """A camera: `index` is OpenCV's, `device` its file on Linux and its name elsewhere."""

    index: int
    name: str
    device: str
    is_virtual: bool = False

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.device})"


def list_cameras(exclude: str | None = None, root: Path = Path("/")) -> list[Camera]:
    """Cameras, real ones first, without rtstyle's own virtual one and the device `exclude`.

    Args:
        exclude: a device file to leave out.
        root: where `/sys` lies (Linux).
    """
    found = _of_sysfs(root) if sys.platform.startswith("linux") else _of_ffmpeg()
    kept = [camera for camera in found if camera.name != OWN_LABEL and camera.device != exclude]
    return sorted(kept, key=lambda camera: (camera.is_virtual, camera.index))


def find_camera(wanted: str, cameras: list[Camera]) -> Camera | None:
    """The camera of that number, device file, or name (a part of it will do)."""
    device = os.path.realpath(wanted)  # also of a link, as in /dev/v4l/by-id
    for camera in cameras:
        if wanted in (str(camera.index), camera.name) or device == camera.device:
            return camera
    matching = [camera for camera in cameras if wanted.lower() in camera.name.lower()]
    return matching[0] if matching and wanted else None


def find_again(camera: Camera, others: list[Camera], now: list[Camera]) -> Camera | None:
    """A camera of before among those of now; plugged in again, it may have another number.

    The `others` were there beside it, so none of them is it, whatever its name.
    """
    if camera in now:
        return camera
    same = [each for each in now if each.name == camera.name and each not in others]
    return same[0] if same else None


def _of_sysfs(root: Path) -> list[Camera]:
    cameras: list[Camera] = []
    for folder in (root / "sys/class/video4linux").glob("video*"):
        number = re.fullmatch(r"video(\d+)", folder.name)
        # A webcam has a second node for metadata; the one for pictures has index 0.
        if number is None or _text(folder / "index") not in ("0", ""):
            continue
        name = _text(folder / "name") or folder.name
        virtual = "/devices/virtual/" in str(folder.resolve())
        cameras.append(Camera(int(number[1]), name, f"/dev/{folder.name}", virtual))
    return cameras


def _of_ffmpeg() -> list[Camera]:
    """macOS and Windows: the systems' own lists, as FFmpeg reads them."""
    import av

    try:
        devices = av.enumerate_input_devices(
            "avfoundation" if sys.platform == "darwin" else "dshow"
        )
    except (ValueError, OSError):
        return []
    videos = [device for device in devices if "video" in device.media_types]
    names = [device.description or device.name for device in videos]
    return [
        Camera(index, name, name, "virtual" in name.lower()) for index, name in enumerate(names)
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
