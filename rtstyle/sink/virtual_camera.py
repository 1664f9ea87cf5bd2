"""The virtual camera: painted frames as the camera of a call (the only user of pyvirtualcam)."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..devices import users_of
from ..errors import DeviceError
from ..frame import Frame, Pixels
from ..handoff import Latest
from .loopback import find_loopback
from .readers import ReaderWatch

SIZE_MULTIPLE = 8
"""Widths that are no multiple of this arrive skewed or green in some programs."""
CARD_SECONDS = 2.0
CHECK_SECONDS = 0.5
STILL_RATE = 2.0


@dataclass(frozen=True)
class VirtualCameraOptions:
    """`device` is a device file (Linux) or None for the usual one; `rate` frames a second.

    `backend` is a name that pyvirtualcam knows, None for the system's. `on_sent` is called when a
    new frame has been handed over, `on_watched` when programs begin or cease to read.
    """

    width: int
    height: int
    rate: float = 30.0
    device: str | None = None
    backend: str | None = None
    on_sent: Callable[[Frame], None] = lambda frame: None
    on_watched: Callable[[bool], None] = lambda is_watched: None


class VirtualCamera:
    """A sink that sends at a fixed pace, whatever comes in.

    Without a new frame it repeats the last one, after two seconds a card that says so. While
    nobody reads the device (known on Linux only), it slowly sends a card: a call must not begin
    with the last picture of the one before.

    Raises:
        DeviceError: no device, busy, forbidden; from `write` once the device has vanished.
    """

    drops = "not sent"

    def __init__(self, options: VirtualCameraOptions) -> None:
        self.options = options
        self.warning = ""
        device = options.device
        if options.backend is None and sys.platform.startswith("linux"):
            loopback = find_loopback(device)
            device, self.warning = loopback.device, loopback.warning
        self.width = options.width - options.width % SIZE_MULTIPLE
        self.height = options.height - options.height % SIZE_MULTIPLE
        self._camera = _opened(self.width, self.height, device, options)
        self.device: str = self._camera.device
        self._is_file = os.path.exists(self.device)
        self._watch = _watch(self.device) if self._is_file else None
        self._is_watched = True
        self.num_sent = 0
        self._frames: Latest[Frame] = Latest()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="virtual camera")
        self._thread.start()

    def write(self, frame: Frame) -> None:
        self._frames.offer(frame)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        if self._watch is not None:
            self._watch.close()
        if self._frames.error is not None:
            raise self._frames.error

    def abort(self, *, keep_partial: bool = False) -> None:
        self._stopping.set()
        self._thread.join()
        if self._watch is not None:
            self._watch.close()

    @property
    def num_dropped(self) -> int:
        """Frames that newer ones displaced before they were sent."""
        return self._frames.num_dropped

    @property
    def error(self) -> BaseException | None:
        """Why it has ceased to send, if it has."""
        return self._frames.error

    def _run(self) -> None:
        try:
            self._send_until_stopped()
        except DeviceError as error:
            self._frames.stop(error)
        except Exception as error:
            self._frames.stop(DeviceError(f"the virtual camera {self.device} failed", str(error)))
        finally:
            self._camera.close()

    def _send_until_stopped(self) -> None:
        pixels = starts = card("the camera starts", self.height, self.width)
        away = card("the camera is away", self.height, self.width)
        last_seconds = next_seconds = checked_seconds = time.monotonic()
        while not self._stopping.wait(max(0.0, next_seconds - time.monotonic())):
            now = time.monotonic()
            frame = self._frames.take()
            if not self._is_watched:
                frame, pixels, last_seconds = None, starts, now
            elif frame is not None:
                pixels, last_seconds = self._fitted(frame.pixels), now
            self._camera.send(away if now - last_seconds > CARD_SECONDS else pixels)
            self.num_sent += 1
            if frame is not None:
                self.options.on_sent(frame)
            if now - checked_seconds > CHECK_SECONDS:
                checked_seconds = now
                self._check()
            period_seconds = 1 / (self.options.rate if self._is_watched else STILL_RATE)
            # Behind by more than a frame, time starts afresh: catching up would only stutter.
            next_seconds = max(next_seconds + period_seconds, now)

    def _check(self) -> None:
        """Notice a vanished device, which pyvirtualcam never tells, and whether anyone reads."""
        if self._is_file and not os.path.exists(self.device):
            raise DeviceError(
                f"the virtual camera {self.device} has vanished",
                "its module was unloaded",
                "load it again and start rtstyle camera again",
            )
        is_watched = self._watch is None or self._watch.is_read
        if is_watched != self._is_watched:
            self._is_watched = is_watched
            self.options.on_watched(is_watched)

    def _fitted(self, pixels: Pixels) -> Pixels:
        """The middle of the picture, at the size of the device."""
        top, left = (pixels.shape[0] - self.height) // 2, (pixels.shape[1] - self.width) // 2
        if top < 0 or left < 0:
            return cv2.resize(pixels, (self.width, self.height))  # type: ignore[return-value]
        middle = pixels[top : top + self.height, left : left + self.width]
        return np.ascontiguousarray(middle)


def card(text: str, height: int, width: int) -> Pixels:
    """A dark picture with one line of text in the middle: (height, width, 3) uint8 RGB."""
    pixels = np.full((height, width, 3), (22, 24, 27), np.uint8)
    scale = width / 900
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(2 * scale))
    (text_width, text_height), _ = cv2.getTextSize(text, font, scale, thickness)
    place = (width - text_width) // 2, (height + text_height) // 2
    cv2.putText(pixels, text, place, font, scale, (230, 230, 230), thickness, cv2.LINE_AA)
    return pixels


def _opened(width: int, height: int, device: str | None, options: VirtualCameraOptions) -> Any:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise DeviceError(
            "the virtual camera needs the package pyvirtualcam",
            str(error),
            "run: pip install 'rtstyle[vcam]'",
        ) from error
    try:
        return pyvirtualcam.Camera(
            width, height, options.rate, device=device, backend=options.backend
        )
    except (RuntimeError, ValueError, KeyError) as error:
        raise DeviceError(
            f"the virtual camera {device or ''} cannot be opened".replace("  ", " "),
            " ".join(str(error).split())[:200],
            _fix(),
        ) from error


def _fix() -> str:
    if sys.platform == "darwin":
        return "install OBS 30 or newer and start its virtual camera once"
    if sys.platform == "win32":
        return "install OBS; its virtual camera serves one program at a time"
    return "close programs that feed it; rtstyle cameras lists what is there"


def _watch(device: str) -> ReaderWatch | None:
    from pathlib import Path

    try:
        return ReaderWatch(device, len(users_of(Path(device))))
    except OSError:
        return None
