"""The values that travel through the pipeline. Checked once, on construction; never changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing import Self

Pixels = NDArray[np.uint8]
"""RGB picture, uint8, shape (H, W, 3), C-contiguous, in host memory."""

Mask = NDArray[np.float32]
"""Weights in [0, 1], float32, shape (H, W)."""

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function with each of some values, in order, as `map` does; or on several cores at once,
as that of a `ThreadPoolExecutor`."""

NEIGHBOURS = np.ones((3, 3), np.uint8)
"""A pixel (or tile) and the eight around it, as OpenCV wants to be told."""


def check_pixels(pixels: Pixels) -> None:
    """Raise TypeError or ValueError unless `pixels` is an RGB picture as `Pixels` describes."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be a uint8 array, got {getattr(pixels, 'dtype', pixels)!r}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"pixels must have shape (H, W, 3), got {pixels.shape}")
    if not pixels.flags.c_contiguous:
        raise ValueError("pixels must be C-contiguous")


@lru_cache(maxsize=4)
def positions(height: int, width: int) -> NDArray[np.float32]:
    """Of every pixel, (x, y): float32 (height, width, 2), not to be written to."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grid = np.stack([x, y], axis=-1)
    grid.setflags(write=False)
    return grid


def fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scaled to fit into another size and centred there on black; of that size, as it is."""
    if pixels.shape[:2] == (height, width):
        return pixels
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    inner = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    right, bottom = width - inner[0] - left, height - inner[1] - top
    border = cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(small, top, bottom, left, right, border)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Motion:
    """What moved between the last frame and this one; made by `rtstyle.motion`.

    `flow` (h, w, 2) float32 in pixels of its own small size: this frame at x was the last one at
    x + flow(x). `reliable` (h, w) tells how well that explains this frame. `still` (tiles_y,
    tiles_x) bool: tiles, evenly laid over the frame, in which nothing moved since they were last
    painted. `settling`, likewise: nothing moved now, but did lately, there or just beside.
    `is_cut`: the scene changed, nothing of the past applies.
    """

    flow: NDArray[np.float32]
    reliable: Mask
    still: NDArray[np.bool_]
    settling: NDArray[np.bool_]
    is_cut: bool = False


@dataclass(frozen=True, eq=False)
class Face:
    """A steadied face.

    `box` is (left, top, width, height) in pixels of the frame; `crop_to_frame` (2, 3) float64 maps
    pixels of the square, eye-aligned crop of `crop_px` to pixels of the frame; `alpha` in [0, 1]
    fades faces in and out.
    """

    box: tuple[float, float, float, float]
    crop_to_frame: NDArray[np.float64]
    crop_px: int
    alpha: float = 1.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture on its way from a source to the sinks.

    `pts` counts in units of `time_base` (seconds); `captured_at_seconds` is `time.monotonic()` at
    capture. `original` holds the pixels as captured once `pixels` are painted. `face_mask` and
    `person` weigh where faces and people are; smaller than the frame, they cover all of it, and
    None is not known.
    """

    pixels: Pixels
    index: int
    pts: int
    time_base: Fraction
    captured_at_seconds: float = field(default_factory=time.monotonic)
    original: Pixels | None = None
    motion: Motion | None = None
    faces: tuple[Face, ...] = ()
    face_mask: Mask | None = None
    person: Mask | None = None

    def __post_init__(self) -> None:
        check_pixels(self.pixels)
        if self.index < 0:
            raise ValueError(f"{self.index = } must be >= 0")
        if self.time_base <= 0:
            raise ValueError(f"{self.time_base = } must be > 0 seconds")

    @classmethod
    def still(cls, pixels: Pixels) -> Self:
        """A picture that belongs to no stream."""
        return cls(pixels, index=0, pts=0, time_base=Fraction(1))

    @property
    def height(self) -> int:
        """Pixels."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.pixels.shape[1]

    @property
    def pts_seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def painted(self, pixels: Pixels) -> Self:
        """The same moment with other pixels; the captured ones stay beside them as `original`."""
        original = self.pixels if self.original is None else self.original
        return replace(self, pixels=pixels, original=original)
