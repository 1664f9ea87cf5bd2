"""The ways to pass values between threads. Both are bounded, and the only locks in rtstyle.

A producer calls `put` and at last `end`; a consumer iterates. `stop` may be called from anywhere:
the producer's next `put` raises `Stopped` and the consumer's iteration ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The other side has gone; raised by `put` so that a producer leaves its loop."""


class Handoff(Generic[T]):
    """A bounded queue of at most `capacity` values between two threads."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"{capacity = } must be at least 1")
        self.capacity = capacity
        self.num_dropped = 0
        self._values: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, value: T) -> None:
        """Hand a value over.

        Raises:
            Stopped: nobody will take it.
        """
        with self._changed:
            self._make_room()
            if self._stopped:
                raise Stopped
            self._values.append(value)
            self._changed.notify_all()

    def offer(self, value: T) -> None:
        """`put` for a sink whose reader is its own thread: that it has left is no fault.

        Raises:
            BaseException: what the reader failed with.
        """
        try:
            self.put(value)
        except Stopped:
            if self._error is not None:
                raise self._error from None

    def end(self, error: BaseException | None = None) -> None:
        """No more values will come; with `error`, the consumer raises it after the last value."""
        with self._changed:
            self._ended = True
            self._error = self._error or error
            self._changed.notify_all()

    def stop(self, error: BaseException | None = None) -> None:
        """Discard what is waiting and let both sides leave; `error` is why, where one is known."""
        with self._changed:
            self._stopped = True
            self._error = self._error or error
            self._values.clear()
            self._changed.notify_all()

    @property
    def error(self) -> BaseException | None:
        """What the side that ended or stopped the handoff failed with."""
        return self._error

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._values or self._ended or self._stopped)
                if self._stopped or not self._values:
                    if self._error is not None and not self._stopped:
                        raise self._error
                    return
                value = self._values.popleft()
                self._changed.notify_all()
            yield value

    def take(self, timeout_seconds: float = 0.0) -> T | None:
        """The oldest waiting value, or None once the time is over: for a reader with a clock.

        Raises:
            BaseException: what the producer ended with, once nothing is waiting.
        """
        with self._changed:
            if timeout_seconds > 0:
                self._changed.wait_for(
                    lambda: self._values or self._ended or self._stopped, timeout_seconds
                )
            if self._values:
                value = self._values.popleft()
                self._changed.notify_all()
                return value
            if self._error is not None and not self._stopped:
                raise self._error
            return None

    def _make_room(self) -> None:
        raise NotImplementedError


class Lossless(Handoff[T]):
    """For files: a full queue makes the producer wait."""

    def __init__(self, capacity: int = 4) -> None:
        super().__init__(capacity)

    def _make_room(self) -> None:
        self._changed.wait_for(lambda: len(self._values) < self.capacity or self._stopped)


class Latest(Handoff[T]):
    """For live use: the newest value wins; what it displaces is counted in `num_dropped`."""

    def __init__(self, capacity: int = 1) -> None:
        super().__init__(capacity)

    def _make_room(self) -> None:
        while len(self._values) >= self.capacity:
            self._values.popleft()
            self.num_dropped += 1
