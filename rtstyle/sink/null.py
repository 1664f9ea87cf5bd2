"""A sink that counts and forgets."""

from __future__ import annotations

from ..frame import Frame


class NullSink:
    """Discards every frame; for benchmarks and tests."""

    def __init__(self) -> None:
        self.num_frames = 0

    def write(self, frame: Frame) -> None:
        self.num_frames += 1

    def close(self) -> None:
        pass

    def abort(self, *, keep_partial: bool = False) -> None:
        pass
