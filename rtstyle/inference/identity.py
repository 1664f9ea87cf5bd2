"""An engine that paints nothing: for tests, and to measure what everything else costs."""

from __future__ import annotations

from ..frame import Pixels
from ..style import Style
from . import EngineInfo, GeneratorInfo


class IdentityEngine:
    """Returns a copy of every picture."""

    def __init__(self) -> None:
        generator = GeneratorInfo("identity", 0, 1, "none", "", "Apache-2.0")
        self.info = EngineInfo("identity", "CPU", "uint8", generator)

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        return pixels.copy()

    def prepare(self, height: int, width: int) -> None:
        pass

    def close(self) -> None:
        pass
