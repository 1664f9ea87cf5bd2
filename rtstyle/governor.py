"""Chooses the processing size so that the camera's rate holds on this machine.

The cost of inference and of smoothing goes with the number of pixels, so one measured size predicts
the others; the rest of a frame's cost stays. Down goes quickly, in one step to the size that fits;
up needs room, patience, and more patience after a step that did not hold. The caller compiles the
next size before it is used.
"""

from __future__ import annotations

import logging
import statistics
import threading
from collections import deque

from .controls import DEFAULT_SIZE_PX
from .errors import RtstyleError
from .inference import Engine

logger = logging.getLogger(__name__)

HEIGHTS_PX = (720, 640, 576, 540, 480, 432, 384, 360, 320, 288, 240, 192, 160)
"""The last ones paint as with a broom; a picture that stutters is worse."""
FULL = 0.92
"""Share of the frame period above which a size is too slow."""
ROOM = 0.75
"""Predicted share of the period at which a size is taken."""
NEGLIGIBLE, LITTLE = 0.15, 0.35
"""Inference that takes this share of the period, or of all the rest, gains little from getting
smaller."""
WINDOW = 20
ENOUGH = 10
"""Frames on which a change is decided; only a `FEW` where a size takes `HOPELESS` periods."""
FEW, HOPELESS = 3, 3.0
PATIENCE_SECONDS = 4.0
MAX_PATIENCE_SECONDS = 120.0
HELD_SECONDS = 20.0
"""A step up that lasts this long has held."""
CLOSING_SECONDS = 1.0


class Governor:
    """Sizes for one stream of frames of `height` pixels at `rate` frames a second."""

    def __init__(self, height: int, rate: float, size_px: int | None = None) -> None:
        largest = min(height, DEFAULT_SIZE_PX)
        self.heights_px = sorted({largest, *(size for size in HEIGHTS_PX if size < largest)})
        self.size_px = size_px or largest
        self.period_seconds = 1 / rate
        self.num_changes = 0
        self.is_pinned = size_px is not None
        self._inference: deque[float] = deque(maxlen=WINDOW)
        self._rest: deque[float] = deque(maxlen=WINDOW)
        self._room_since_seconds: float | None = None
        self._patience_seconds = PATIENCE_SECONDS
        self._raised_at_seconds = float("-inf")

    def update(
        self, cost_seconds: float, inference_seconds: float, now_seconds: float
    ) -> int | None:
        """Take a frame's processing time, and the part of it that goes with the pixels painted.

        Returns the size to go to, None to stay; the caller compiles it and says `moved` once it
        paints at it.
        """
        self._inference.append(inference_seconds)
        self._rest.append(cost_seconds - inference_seconds)
        if self.is_pinned or len(self._rest) < FEW:
            return None
        cost = _high(self._inference), _high(self._rest)
        if len(self._rest) < ENOUGH and sum(cost) < HOPELESS * self.period_seconds:
            return None
        if sum(cost) > FULL * self.period_seconds:
            return self._smaller(*cost)
        return self._larger(*cost, now_seconds)

    def moved(self, size_px: int, now_seconds: float) -> None:
        """Frames are painted at `size_px` from now on."""
        if size_px > self.size_px:
            self._raised_at_seconds = now_seconds
        elif now_seconds - self._raised_at_seconds < HELD_SECONDS:
            self._patience_seconds = min(MAX_PATIENCE_SECONDS, 2 * self._patience_seconds)
        else:
            self._patience_seconds = PATIENCE_SECONDS
        self.size_px = size_px
        self.num_changes += 1
        self._inference.clear()
        self._rest.clear()
        self._room_since_seconds = None

    def set_rate(self, rate: float) -> None:
        """The camera's rate turned out to be another."""
        self.period_seconds = 1 / rate

    def _smaller(self, inference: float, rest: float) -> int | None:
        """The largest smaller size that is predicted to fit; where none is, what makes sense."""
        self._room_since_seconds = None
        budget = self._budget(self._scaled(inference, self.heights_px[0]), rest)
        if inference <= budget:
            return None
        sizes = [size for size in self.heights_px if size < self.size_px]
        fitting = [size for size in sizes if self._scaled(inference, size) <= budget]
        return max(fitting, default=min(sizes, default=None))

    def _budget(self, least: float, rest: float) -> float:
        """Seconds for inference, which takes `least` at the smallest size."""
        for share in (ROOM, FULL):
            if least + rest <= share * self.period_seconds:
                return share * self.period_seconds - rest
        # The rate cannot be held: a broad brush should at least buy something.
        return max(NEGLIGIBLE * self.period_seconds, LITTLE * rest)

    def _larger(self, inference: float, rest: float, now_seconds: float) -> int | None:
        """The largest size that is predicted to fit, once there was room for long enough."""
        budget = ROOM * self.period_seconds - rest
        sizes = [size for size in self.heights_px if size > self.size_px]
        fitting = [size for size in sizes if self._scaled(inference, size) <= budget]
        if not fitting:
            self._room_since_seconds = None
            return None
        if self._room_since_seconds is None:
            self._room_since_seconds = now_seconds
        waited = now_seconds - self._room_since_seconds
        return max(fitting) if waited >= self._patience_seconds else None

    def _scaled(self, inference: float, size_px: int) -> float:
        return inference * (size_px / self.size_px) ** 2


def _high(seconds: deque[float]) -> float:
    """The time that four of five frames keep."""
    return statistics.quantiles(seconds, n=5)[3]


class Compiler:
    """Compiles an engine for the next size while frames flow at the present one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ready_hw: tuple[int, int] | None = None
        self._failed: set[tuple[int, int]] = set()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def is_ready(self, height: int, width: int) -> bool:
        """Whether that size was the last to be compiled; if not, compile it in the background."""
        if self._thread is not None and self._thread.is_alive():
            return False
        if self._ready_hw == (height, width):
            return True
        if (height, width) in self._failed:
            return False
        self._thread = threading.Thread(
            target=self._prepare, args=(height, width), name="compile", daemon=True
        )
        self._thread.start()
        return False

    def join(self) -> None:
        """Wait for a compilation under way."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Wait for a compilation under way for a second, then break it off by closing the engine.

        GPUs compile for minutes; elsewhere the engine is left open.
        """
        if self._thread is not None:
            self._thread.join(CLOSING_SECONDS)
            if self._thread.is_alive():
                self._is_closed = True
                self._engine.close()
        self.join()

    def _prepare(self, height: int, width: int) -> None:
        try:
            self._engine.prepare(height, width)
            self._ready_hw = height, width
        except RtstyleError as error:
            self._failed.add((height, width))
            logger.log(logging.INFO if self._is_closed else logging.WARNING, "%s", error.what)
