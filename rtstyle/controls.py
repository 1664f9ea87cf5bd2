"""`Controls`: every setting that may change while frames flow; replaced whole, read each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .errors import UsageError

Region = Literal["frame", "face", "background", "person"]
Compare = Literal["off", "side-by-side", "split", "before"]

DEFAULT_SIZE_PX = 720
DEFAULT_SMOOTH = 0.8


@dataclass(frozen=True)
class Controls:
    """What the pipeline paints, and how.

    `mix` are pairs of style name and share (any positive scale). `strength` 0 gives the source
    exactly, 1 the whole style. `size_px` is the height at which frames are painted (None: the
    source's, at most `DEFAULT_SIZE_PX`; the brush is in pixels, so it is part of the look).
    `region` is what is painted; `face_strength` 0 leaves faces real, `face_detail` paints them once
    more by themselves, at most `max_faces`, the largest.
    `smooth` 0 to 1 is the smoothing over time. `split` 0 to 1 places the line of `compare="split"`.
    """

    mix: tuple[tuple[str, float], ...]
    strength: float = 1.0
    size_px: int | None = None
    keep_colors: bool = False
    compare: Compare = "off"
    split: float = 0.5
    region: Region = "frame"
    smooth: float = DEFAULT_SMOOTH
    face_strength: float = 1.0
    face_detail: bool = False
    max_faces: int = 4

    def __post_init__(self) -> None:
        if not self.mix or any(share < 0 for _, share in self.mix) or not self.total_share > 0:
            raise UsageError(
                "a mix needs at least one style with a share above 0",
                fix="for example: --mix starry-night:0.6,mosaic:0.4",
            )
        for name in ("strength", "smooth", "split", "face_strength"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} must lie between 0 and 1, got {value:g}")
        if self.region not in get_args(Region):
            raise UsageError(
                f"unknown region '{self.region}'", fix=f"one of: {', '.join(get_args(Region))}"
            )
        if self.max_faces < 1:
            raise UsageError(f"--max-faces must be at least 1, got {self.max_faces}")
        if self.size_px is not None and not 64 <= self.size_px <= 4320:
            raise UsageError(f"--size must lie between 64 and 4320 pixels, got {self.size_px}")

    @property
    def total_share(self) -> float:
        return sum(share for _, share in self.mix)
