"""Small pictures of every style, painted from what the camera sees, a few per second."""

from __future__ import annotations

import logging

from .errors import RtstyleError
from .frame import Frame, Pixels
from .governor import Compiler
from .inference import Engine
from .sizes import resize
from .style import StyleBank

logger = logging.getLogger(__name__)

HEIGHT_PX = 160
"""At this height they are painted: smaller, and a brush stroke would fill the picture."""
FIRST_FRAME = 15
"""A camera needs some frames to find its exposure."""
EVERY_FRAMES = 4


class Thumbnails:
    """Painted between frames by the processing thread, one at a time: an engine has one user.

    `made` (style name -> (H, W, 3) uint8 RGB) only grows; read it from any thread.
    """

    def __init__(self, engine: Engine, bank: StyleBank) -> None:
        self.made: dict[str, Pixels] = {}
        self.compiler = Compiler(engine)
        self._engine, self._bank = engine, bank
        self._waiting = list(bank.names)
        self._small: Pixels | None = None
        self._num_frames = 0

    def step(self, frame: Frame) -> None:
        """Paint the next one from `frame`, if it is time for one."""
        self._num_frames += 1
        late_enough = self._num_frames >= FIRST_FRAME and self._num_frames % EVERY_FRAMES == 0
        if not self._waiting or not late_enough:
            return
        width = max(1, round(frame.width * HEIGHT_PX / frame.height))
        if not self.compiler.is_ready(HEIGHT_PX, width):
            return
        if self._small is None:
            source = frame.pixels if frame.original is None else frame.original
            self._small = resize(source, HEIGHT_PX, width)
        name = self._waiting.pop(0)
        try:
            self.made[name] = self._engine.stylize(self._small, self._bank[name])
        except RtstyleError as error:
            logger.warning("no thumbnails: %s", error.what)
            self._waiting.clear()
