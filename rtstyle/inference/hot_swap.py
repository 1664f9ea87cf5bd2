"""Paints at once with one engine, and goes over to a faster one when that is ready."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ..errors import RtstyleError
from ..frame import Pixels
from ..style import Style
from . import AheadEngine, Engine, EngineInfo, begin
from .build_watch import Announcer, BuildWatch

logger = logging.getLogger(__name__)

CLOSED = "closed"
SIGNAL_SECONDS = 0.2


class FastEngine(AheadEngine, Protocol):
    """An engine that says which sizes it paints without compiling first."""

    def is_prepared(self, height: int, width: int) -> bool: ...


class HotSwapEngine:
    """Two engines as one: `current` paints until the one from `load_fast` has the frame's size.

    A worker thread loads the fast engine and prepares it for the size of the frames that come, so
    the change falls between two frames and costs none. When the fast engine fails, at whatever
    point, the frame is painted by `current` and so are all after it; the user is told once.
    `info.status` says how things stand, for a window to show. With `waits`, a frame waits until the
    fast engine is ready for its size or refused it.

    `stylize` is called by one thread; `prepare`, `info` and `close` by any.
    """

    def __init__(
        self,
        current: Engine,
        name: str,
        load_fast: Callable[[BuildWatch], FastEngine],
        *,
        waits: bool = False,
    ) -> None:
        self._current, self._name, self._load_fast = current, name, load_fast
        self._waits = waits
        self._fast: FastEngine | None = None
        self._watch = BuildWatch(Announcer(f"{name} compiles") if waits else None)
        self._worker: threading.Thread | None = None
        self._worked = threading.Event()
        self._asked: tuple[int, int] | None = None
        self._refused: set[tuple[int, int]] = set()
        self._failure = ""
        self._is_fast = self._has_swapped = False
        self._preparing = threading.Lock()
        atexit.register(self.close)  # a build must not outlive the interpreter

    @property
    def info(self) -> EngineInfo:
        """Of the engine that painted the last frame."""
        fast = self._fast
        base = fast.info if self._is_fast and fast is not None else self._current.info
        return replace(base, status=self._status())

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        """(H, W, 3) uint8 RGB -> the same, painted by the faster engine that is ready.

        Raises:
            EngineError: `current` failed too.
        """
        return self.begin(pixels, style)()

    def begin(self, pixels: Pixels, style: Style) -> Callable[[], Pixels]:
        """Begin to paint with the fast engine if it is ready; call the result for the picture.

        A frame that fails on the way is painted by `current`, like all after it.
        """
        fast = self._ready(*pixels.shape[:2])
        if fast is None:
            return self._begin_slowly(pixels, style)
        try:
            painted = fast.begin(pixels, style)
        except Exception as error:  # whatever a driver raises, the stream goes on
            self._fail(fast, error)
            return self._begin_slowly(pixels, style)

        def finish() -> Pixels:
            try:
                result = painted()
            except Exception as error:
                self._fail(fast, error)
            else:
                self._is_fast = not self._failure
                if self._is_fast:
                    self._has_swapped = True
                    return result
            return self._begin_slowly(pixels, style)()

        return finish

    def _begin_slowly(self, pixels: Pixels, style: Style) -> Callable[[], Pixels]:
        painted = begin(self._current, pixels, style)

        def finish() -> Pixels:
            self._is_fast = False
            return painted()

        return finish

    def prepare(self, height: int, width: int) -> None:
        """Make `current` ready for a size; the fast engine follows with the next frame.

        With `waits`, and once the fast engine paints, it is ready too on return, or has refused the
        size: else a change of size would hand the picture back to `current`.
        """
        self._current.prepare(height, width)
        if self._has_swapped and not self._waits:
            with self._preparing:
                if not self._failure:
                    self._work(height, width)
            return
        self._asked = (height, width)
        if self._waits:
            self._ready(height, width)

    def close(self) -> None:
        """Stop a build under way, and close both engines."""
        atexit.unregister(self.close)
        self._failure = self._failure or CLOSED
        self._watch.cancelled.set()
        if self._worker is not None:
            self._worker.join()
        with self._preparing:
            if self._fast is not None:
                self._fast.close()
            self._current.close()

    def _ready(self, height: int, width: int) -> FastEngine | None:
        """The fast engine if it can paint this size at once; else have it made ready."""
        if self._failure:
            return None
        is_idle = self._worker is None or not self._worker.is_alive()
        fast = self._fast
        if fast is not None and fast.is_prepared(height, width):
            asked, self._asked = self._asked, None
            if asked is not None and is_idle and not fast.is_prepared(*asked):
                self._start_worker(asked)
            return fast
        if is_idle and (height, width) not in self._refused:
            worker = self._start_worker((height, width))
            if self._waits:
                # Python takes a thread for ended whose `join` Ctrl-C breaks off; `close` joins it.
                # A signal that comes just before a wait does not end it, hence the short ones.
                while not self._worked.wait(SIGNAL_SECONDS):
                    pass
                worker.join()
                return self._ready(height, width)
        return None

    def _start_worker(self, size: tuple[int, int]) -> threading.Thread:
        name = f"{self._name} {size[1]}x{size[0]}"
        self._worked.clear()
        self._worker = threading.Thread(target=self._work, args=size, name=name, daemon=True)
        self._worker.start()
        return self._worker

    def _work(self, height: int, width: int) -> None:
        try:
            if self._fast is None:
                fast = self._load_fast(self._watch)
                logger.info("%s is loaded (%s)", self._name, fast.info.device)
                self._fast = fast
            self._fast.prepare(height, width)
            logger.info("%s is ready for %dx%d", self._name, width, height)
        except Exception as error:
            self._refused.add((height, width))
            if self._fast is None:
                self._give_up("is not used", error)
            elif not self._failure:
                logger.warning(
                    "%s is not used for %dx%d: %s", self._name, width, height, _text(error)
                )
        finally:
            self._worked.set()

    def _fail(self, fast: FastEngine, error: Exception) -> None:
        self._give_up("failed while painting", error)
        fast.close()

    def _give_up(self, what: str, error: Exception) -> None:
        if not self._failure:
            self._failure = f"{self._name} {what}: {_text(error)}"
            logger.warning("%s; going on with %s", self._failure, self._current.info.backend)

    def _status(self) -> str:
        if self._failure:
            return self._failure.removeprefix(CLOSED)
        if self._is_fast or self._worker is None:
            return ""
        if self._worker.is_alive():
            return f"{self._name}: {self._watch.text}"
        return f"{self._name} is not used for this size" if self._refused else ""


def _text(error: Exception) -> str:
    return error.what if isinstance(error, RtstyleError) else f"{type(error).__name__}: {error}"
