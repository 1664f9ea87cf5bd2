"""What a live window needs from the run that it shows; the windows themselves know nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..controls import Controls
from ..frame import Frame, Pixels


@dataclass(frozen=True)
class Overlay:
    """What to write over the picture now: lines of figures and of help, one notice, a red dot."""

    figures: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    notice: str = ""
    is_recording: bool = False


def original_to_split(frame: Frame, controls: Controls) -> Pixels | None:
    """What lies left of the split; None without one, and over a picture laid out otherwise.

    The last frame from before the key S may still show both, side by side.
    """
    original = frame.original if controls.compare == "split" else None
    return original if original is not None and original.shape == frame.pixels.shape else None


class WindowHost(Protocol):
    """The live run, as a window sees it; every method may be called from the main thread only.

    `press` takes names of keys: "a" to "z", "1" to "9", "left", "right", "up", "down", "space",
    "escape". `shown` is to be called when a person can see a frame. `size_hw` is the camera's
    size in pixels, `thumbnails` those painted so far, `numbered_styles` those of the keys 1 to 9.
    """

    @property
    def controls(self) -> Controls: ...

    @property
    def style(self) -> str: ...

    @property
    def style_names(self) -> tuple[str, ...]: ...

    @property
    def numbered_styles(self) -> tuple[str, ...]: ...

    @property
    def thumbnails(self) -> Mapping[str, Pixels]: ...

    @property
    def size_hw(self) -> tuple[int, int]: ...

    @property
    def has_ended(self) -> bool: ...

    def press(self, key: str) -> bool: ...

    def set(self, **changes: Any) -> None: ...

    def choose_style(self, name: str) -> None: ...

    def overlay(self) -> Overlay: ...

    def shown(self, frame: Frame) -> None: ...

    def stop(self) -> None: ...
