"""Where frames go: video files, pictures, a window, a virtual camera, nowhere."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..frame import Frame


class Sink(Protocol):
    """Takes composited frames in order, from one thread.

    Exactly one of `close` and `abort` is called at the end. `close` completes the output and puts
    it under its name; `abort` leaves nothing behind, or with `keep_partial` what was written so
    far, playable, under a name that says so. `SinkError` is raised when writing fails.
    """

    def write(self, frame: Frame) -> None: ...

    def close(self) -> None: ...

    def abort(self, *, keep_partial: bool = False) -> None: ...


@runtime_checkable
class DroppingSink(Sink, Protocol):
    """A sink of a live run: when it is too slow, the newest frame wins; `drops` says what is lost.

    For example "not drawn" or "not recorded".
    """

    drops: str

    @property
    def num_dropped(self) -> int: ...
