"""Cameras, virtual cameras and screens; none of them is opened."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ..finding import Finding


def cameras() -> list[Finding]:
    """Cameras by name, and whether this user may open them."""
    from ..capture.cameras import list_cameras

    found = []
    for camera in list_cameras():
        is_file = camera.device.startswith("/dev/")
        if is_file and not os.access(camera.device, os.R_OK | os.W_OK):
            fix = 'sudo usermod -aG video "$USER"  (then log in again)'
            found.append(Finding("camera", "warn", f"{camera}: not allowed to open it", fix))
        else:
            found.append(Finding("camera", "ok", str(camera)))
    return found or [Finding("camera", "warn", "none found", "plug one in, or use --camera FILE")]


def virtual_camera(root: Path = Path("/")) -> list[Finding]:
    """What `--virtual-camera` needs: the extra, and on Linux a loopback device."""
    if find_spec("pyvirtualcam") is None:
        text = "the extra for virtual cameras is not installed"
        return [Finding("virtual camera", "warn", text, "pip install 'rtstyle[vcam]'")]
    if not sys.platform.startswith("linux"):
        return [Finding("virtual camera", "ok", "uses the one of OBS (install OBS Studio)")]
    install = "sudo apt install v4l2loopback-dkms"
    load = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=rtstyle"
    module = root / "sys/module/v4l2loopback"
    if not module.is_dir():
        text = "v4l2loopback is not loaded"
        return [Finding("virtual camera", "warn", text, f"{install}; {load}")]
    caps = module / "parameters/exclusive_caps"
    if caps.is_file() and not caps.read_text().startswith(("Y", "1")):
        text = "v4l2loopback has exclusive_caps=0: Chrome does not list it"
        return [Finding("virtual camera", "warn", text, f"sudo modprobe -r v4l2loopback; {load}")]
    return [Finding("virtual camera", "ok", "v4l2loopback is loaded")]


def display() -> list[Finding]:
    """Where windows would open, and the extra that makes good ones."""
    names = {"WAYLAND_DISPLAY": "Wayland", "DISPLAY": "X11"}
    sessions = [name for variable, name in names.items() if os.environ.get(variable)]
    if sys.platform in ("darwin", "win32"):
        sessions = ["desktop"]
    found = [Finding("display", "ok", sessions[0])] if sessions else []
    if not sessions:
        text = "no screen here: rtstyle live needs one, files do not"
        found = [Finding("display", "warn", text)]
    if find_spec("PySide6") is None:
        text = "the window is OpenCV's: keys, no sliders"
        found.append(Finding("window", "warn", text, "pip install 'rtstyle[gui]'"))
    else:
        found.append(Finding("window", "ok", "Qt, with keys and sliders"))
    return found
