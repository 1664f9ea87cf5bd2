"""What usually keeps a virtual camera from starting on Linux, found before it starts.

Each fault comes with the very command that mends it.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from ..devices import users_of
from ..errors import DeviceError

LABEL = "rtstyle"
LOAD = f"sudo modprobe v4l2loopback exclusive_caps=1 card_label={LABEL}"
RELOAD = f"sudo modprobe -r v4l2loopback && {LOAD}"
TWO = f"{RELOAD.replace('caps=1', 'caps=1,1')},camera-2 devices=2"
INSTALL = "sudo apt install v4l2loopback-dkms"


@dataclass(frozen=True)
class Loopback:
    """A device of the module v4l2loopback, ready to be fed; `warning` is what may go wrong yet."""

    device: str
    label: str
    warning: str = ""


def find_loopback(wanted: str | None = None, root: Path = Path("/")) -> Loopback:
    """The loopback device to feed: the one asked for, else one labelled rtstyle, else the first.

    Args:
        wanted: a device file, like /dev/video10.
        root: where `/sys`, `/proc`, `/lib` and `/dev` lie.

    Raises:
        DeviceError: module not installed or not loaded, no such device, not writable, or busy.
    """
    module = root / "sys/module/v4l2loopback"
    if not module.is_dir():
        raise _not_loaded(root)
    devices = _loopbacks(root)
    if not devices:
        why = "the module v4l2loopback is loaded, but without a device"
        raise DeviceError("there is no virtual camera", why, f"run: {RELOAD}")
    device = _chosen(wanted, devices)
    if not os.access(root / device.lstrip("/"), os.W_OK):
        fix = "run: sudo usermod -aG video $USER   and log in again"
        raise DeviceError(f"the virtual camera {device} cannot be written", "no permission", fix)
    users = users_of(Path(device), root) if _is_fed(device, root) else []
    if users:
        raise DeviceError(
            f"the virtual camera {device} is busy",
            f"it is in use by {', '.join(users)}",
            f"close that program, or make a second one: {TWO}",
        )
    warning = ""
    if not _exclusive(module, list(devices).index(device)):
        warning = f"Chrome and Teams will not list {device} without exclusive_caps; run: {RELOAD}"
    return Loopback(device, devices[device], warning)


def _not_loaded(root: Path) -> DeviceError:
    what = "there is no virtual camera"
    kernel = root / "lib/modules" / platform.release()
    if any(kernel.rglob("v4l2loopback.ko*")):
        return DeviceError(what, "the module v4l2loopback is not loaded", f"run: {LOAD}")
    why = "the module v4l2loopback is not installed for this kernel"
    return DeviceError(what, why, f"run: {INSTALL} && {LOAD}")


def _loopbacks(root: Path) -> dict[str, str]:
    """Labels by device file, in the order in which the module numbers its devices."""
    found: dict[int, str] = {}
    for folder in (root / "sys/devices/virtual/video4linux").glob("video*"):
        number = re.fullmatch(r"video(\d+)", folder.name)
        if number is not None:
            found[int(number[1])] = (folder / "name").read_text(errors="replace").strip()
    return {f"/dev/video{number}": found[number] for number in sorted(found)}


def _chosen(wanted: str | None, devices: dict[str, str]) -> str:
    if wanted is None:
        ours = [device for device, label in devices.items() if label == LABEL]
        return next(iter([*ours, *devices]))
    if wanted not in devices:
        found = ", ".join(f"{device} ({label})" for device, label in devices.items())
        raise DeviceError(f"{wanted} is no virtual camera", f"these are: {found}")
    return wanted


def _is_fed(device: str, root: Path) -> bool:
    """Whether some program writes to it; the module then calls its state "capture"."""
    state = root / "sys/devices/virtual/video4linux" / Path(device).name / "state"
    return state.is_file() and state.read_text().strip() == "capture"


def _exclusive(module: Path, index: int) -> bool:
    """Whether the device looks like a camera only while it is fed, as browsers demand."""
    try:
        flags = (module / "parameters/exclusive_caps").read_text().strip().split(",")
    except OSError:
        return True
    return index < len(flags) and flags[index] == "Y"
