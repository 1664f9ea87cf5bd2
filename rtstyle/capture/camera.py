"""A webcam, through OpenCV: asked for MJPEG, a size and a rate; its true rate is measured."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

# Read when OpenCV is loaded: how long a read waits for a camera that gives nothing.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

import cv2

from ..devices import users_of
from ..errors import DeviceError
from ..frame import Frame
from . import SourceInfo
from .cameras import Camera

MISSES = 10
"""Reads without a picture in a row that make a camera lost."""
MISS_WAIT_SECONDS = 0.03
CLOCK_SECONDS = 2.0


@dataclass(frozen=True)
class CameraMode:
    """What to ask a camera for; it gives the nearest it has."""

    width: int = 1280
    height: int = 720
    rate: int = 30


class CameraSource:
    """Pictures of one camera, from the first that it delivers.

    Raises:
        DeviceError: busy, forbidden, or (while iterating) lost.
    """

    damage: str | None = None
    notices: tuple[str, ...] = ()

    def __init__(self, camera: Camera, mode: CameraMode) -> None:
        self.camera = camera
        self._closed = False
        self._lock = threading.Lock()
        self._capture = _opened(camera, mode)
        first = self._next()
        if first is None:
            self.close()
            raise _refused(camera)
        self._first: Frame | None = first
        told_rate = self._capture.get(cv2.CAP_PROP_FPS)
        rate = Fraction(told_rate).limit_denominator(1001) if 1 <= told_rate <= 1000 else None
        self.info = SourceInfo(camera.name, first.width, first.height, rate, is_live=True)

    def __iter__(self) -> Iterator[Frame]:
        first, self._first = self._first, None
        if first is not None:
            yield first
        while (frame := self._next()) is not None:
            yield frame
        if not self._closed:
            raise DeviceError(f"the camera '{self.camera.name}' is lost")

    def close(self) -> None:
        """At once; while a read is under way, its thread lets go of the camera after it."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._capture.release()
            self._lock.release()

    def _next(self) -> Frame | None:
        """The next picture; None once the camera is closed or lost."""
        for _ in range(MISSES):
            frame = self._read()
            if self._closed:
                self.close()
                return None
            if frame is not None:
                return frame
            time.sleep(MISS_WAIT_SECONDS)
        return None

    def _read(self) -> Frame | None:
        with self._lock:
            if self._closed:
                return None
            read, bgr = self._capture.read()
            captured_at_seconds = self._captured_at_seconds()
        if not read or bgr is None:
            return None
        pixels: Any = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        return Frame(pixels, 0, 0, Fraction(1, 30), captured_at_seconds)

    def _captured_at_seconds(self) -> float:
        """The driver's stamp where it is on our clock (V4L2 is); so buffering counts as age."""
        now = time.monotonic()
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return stamp if now - CLOCK_SECONDS < stamp <= now else now


def _opened(camera: Camera, mode: CameraMode) -> cv2.VideoCapture:
    mjpeg = cv2.VideoWriter.fourcc(*"MJPG")
    wishes = [
        # The format comes first: without MJPEG many cameras give 720p at 5 to 10 frames a second.
        (cv2.CAP_PROP_FOURCC, mjpeg),
        (cv2.CAP_PROP_FRAME_WIDTH, mode.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, mode.height),
        (cv2.CAP_PROP_FPS, mode.rate),
    ]
    if sys.platform == "win32":
        # DirectShow fixes the format when it opens.
        parameters = [int(value) for wish in wishes for value in wish]
        capture = cv2.VideoCapture(camera.index, cv2.CAP_DSHOW, parameters)
    elif sys.platform == "darwin":
        capture = cv2.VideoCapture(camera.index, cv2.CAP_AVFOUNDATION)
    else:
        capture = cv2.VideoCapture(camera.index, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise _refused(camera)
    for wish in wishes:
        capture.set(*wish)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _refused(camera: Camera) -> DeviceError:
    """Why a camera that is there gives no pictures, as far as the system tells."""
    what = f"the camera '{camera.name}' ({camera.device}) gives no pictures"
    device = Path(camera.device)
    if sys.platform == "darwin":
        fix = "allow the terminal to use it: System Settings, Privacy & Security, Camera"
        return DeviceError(what, "it is in use, or the system forbids it", fix)
    if device.exists() and not os.access(device, os.R_OK | os.W_OK):
        fix = "run: sudo usermod -aG video $USER   and log in again"
        return DeviceError(what, "you may not read it", fix)
    users = users_of(device)
    if users:
        return DeviceError(what, f"it is in use by {', '.join(users)}", f"close {users[0]}")
    fix = "close other programs that show it (calls, browsers), or unplug it and plug it in again"
    return DeviceError(what, "it is probably in use", fix)
