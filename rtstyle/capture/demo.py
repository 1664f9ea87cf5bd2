"""The clip of `rtstyle demo`: a camera that travels over four photos, one of them with a face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..frame import Frame, Pixels
from . import SourceInfo

PHOTOS = Path(__file__).resolve().parent.parent / "photos"


@dataclass(frozen=True)
class View:
    """Where the camera looks: centre and width of the picture seen, as shares of the photo's."""

    center_x: float
    center_y: float
    width: float


@dataclass(frozen=True)
class Shot:
    """The camera travels over one photo from one view to another."""

    photo: str
    start: View
    end: View


SHOTS = (
    Shot("astronaut", View(0.50, 0.31, 0.95), View(0.46, 0.24, 0.62)),
    Shot("coffee", View(0.38, 0.55, 0.66), View(0.58, 0.45, 0.74)),
    Shot("chelsea", View(0.55, 0.50, 0.92), View(0.48, 0.42, 0.60)),
    Shot("rocket", View(0.50, 0.62, 0.60), View(0.50, 0.44, 0.76)),
)


class DemoSource:
    """`SHOTS` one after the other with hard cuts, each of the same length, with a hand's sway.

    The same index always gives the same picture. The photos are in the public domain (NOTICE).
    """

    def __init__(
        self,
        width: int = 1280,
        height: int = 720,
        rate: Fraction = Fraction(30),
        num_frames: int = 150,
    ) -> None:
        duration = float(num_frames / rate)
        self.info = SourceInfo("demo", width, height, rate, num_frames, duration)
        self._num_frames, self._tick = num_frames, 1 / rate
        self.damage: str | None = None
        self.notices: list[str] = []
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._num_frames):
            if self._closed:
                return
            yield Frame(self._draw(index), index, index, self._tick)

    def close(self) -> None:
        self._closed = True

    def _draw(self, index: int) -> Pixels:
        position = index * len(SHOTS) / self._num_frames
        shot = SHOTS[int(position)]
        view = _view(shot, position % 1, index * float(self._tick))
        return _look(_photo(shot.photo), view, self.info.height, self.info.width)


def _view(shot: Shot, progress: float, seconds: float) -> View:
    """The view at `progress` 0 to 1 of a shot: even travel and a slow, small sway."""
    sway_x, sway_y = 0.006 * np.sin(2.1 * seconds), 0.005 * np.sin(2.9 * seconds + 1)
    start, end = shot.start, shot.end
    return View(
        start.center_x + (end.center_x - start.center_x) * progress + sway_x,
        start.center_y + (end.center_y - start.center_y) * progress + sway_y,
        start.width * (end.width / start.width) ** progress,
    )


def _look(photo: Pixels, view: View, height: int, width: int) -> Pixels:
    """The part of `photo` that `view` sees, (height, width, 3); mirrored beyond its border."""
    scale = view.width * photo.shape[1] / width
    left = view.center_x * photo.shape[1] - scale * width / 2
    top = view.center_y * photo.shape[0] - scale * height / 2
    to_photo = np.array([[scale, 0, left], [0, scale, top]])
    return cv2.warpAffine(  # type: ignore[return-value]
        photo,
        to_photo,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )


@cache
def _photo(name: str) -> Pixels:
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        return np.ascontiguousarray(image.convert("RGB"))
