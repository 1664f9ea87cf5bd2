"""Opens what `--camera` names: a camera, or a stand-in for one."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

from ..errors import DeviceError, SourceError
from . import Source
from .camera import CameraMode, CameraSource
from .cameras import Camera, find_again, find_camera, list_cameras
from .paced import PacedSource
from .steady import SteadySource
from .stream import SCHEMES, StreamSource
from .synthetic import SyntheticSource
from .video import VideoSource

SYNTHETIC = "synthetic"
STAND_INS = "or go without: --camera film.mp4, --camera http://…, --camera synthetic"


def open_live(wanted: str | None, mode: CameraMode, exclude: str | None = None) -> SteadySource:
    """A live source that survives losses.

    Args:
        wanted: a camera's number, device file, name or a part of it; a video file (played at its
            own pace, again and again); a URL; "synthetic"; None for the first camera.
        mode: what to ask a camera for.
        exclude: a device file that is no camera for us, being our own output.

    Raises:
        DeviceError: no such camera, or it is busy or forbidden; names the cameras there are.
        SourceError: the file or URL cannot be read.
    """
    if wanted == SYNTHETIC:
        rate = Fraction(mode.rate)
        endless = partial(SyntheticSource, mode.width, mode.height, rate, num_frames=None)
        return SteadySource(partial(PacedSource, endless))
    if wanted is not None and wanted.lower().startswith(SCHEMES):
        return SteadySource(partial(StreamSource, wanted))
    if wanted is not None and Path(wanted).is_file():
        return SteadySource(partial(PacedSource, partial(VideoSource, Path(wanted))))
    cameras = list_cameras(exclude)
    camera = _chosen(wanted, cameras)
    others = [other for other in cameras if other != camera]

    def open_camera() -> Source:
        present = find_again(camera, others, list_cameras(exclude))
        if present is None:
            what = f"the camera '{camera.name}' is away"
            raise DeviceError(what, "it is unplugged or switched off", "plug it in again")
        return CameraSource(present, mode)

    return SteadySource(open_camera)


def _chosen(wanted: str | None, cameras: list[Camera]) -> Camera:
    if wanted is None and cameras:
        return cameras[0]
    camera = find_camera(wanted, cameras) if wanted is not None else None
    if camera is not None:
        return camera
    if wanted and _looks_like_a_path(Path(wanted)):
        raise _no_file(Path(wanted))
    if not cameras:
        what = "no camera found" if wanted is None else f"no camera or file called '{wanted}'"
        raise DeviceError(what, "no camera is plugged in, or it is switched off", STAND_INS)
    found = ", ".join(str(camera) for camera in cameras)
    raise DeviceError(
        f"no camera or file called '{wanted}'", f"the cameras are: {found}", STAND_INS
    )


def _looks_like_a_path(path: Path) -> bool:
    return bool(path.suffix) or len(path.parts) > 1 or path.is_dir()


def _no_file(path: Path) -> DeviceError | SourceError:
    """What was named like a file or a device, but is neither."""
    if path.is_relative_to("/dev"):
        fix = "rtstyle cameras lists those that are there"
        return DeviceError(
            f"there is no camera {path}", "it is unplugged, or has another name", fix
        )
    if path.is_dir():
        return SourceError(f"{path} is a folder", fix="name a video file")
    return SourceError(f"{path} does not exist", fix="name a video file, a camera or a URL")
