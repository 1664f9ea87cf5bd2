"""Timestamps that files lack or give wrongly."""

from __future__ import annotations

from fractions import Fraction

JUMP_SECONDS = Fraction(1, 2)
"""A clock that falls back by more than this was set anew: two recordings were joined. The file sink
has the same rule for sound, so that both stay together."""


class FrameClock:
    """Gives every frame a timestamp later than the last one's; right ones are left alone.

    Args:
        time_base: seconds per unit.
        rate: frames per second, to fill in what is missing.
        counted: ignore the file's timestamps (AVI with B-frames has only decoding order) and
            count frames at `rate`.
    """

    def __init__(self, time_base: Fraction, rate: Fraction, *, counted: bool = False) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (rate * time_base)))
        self._exact_step = 1 / (rate * time_base)
        self._counted = counted
        self._num_frames = 0
        self._last: int | None = None
        self._shift = 0
        self.num_repaired = 0

    def __call__(self, pts: int | None) -> int:
        """The timestamp to use for a frame whose own is `pts` (None: it has none)."""
        if self._counted:
            pts = round(self._num_frames * self._exact_step)
        elif pts is None or (self._last is not None and pts + self._shift <= self._last):
            pts = self._repair(pts)
        else:
            pts += self._shift
        self._num_frames += 1
        self._last = pts
        return pts

    def _repair(self, pts: int | None) -> int:
        self.num_repaired += 1
        if self._last is None:
            return 0
        following = self._last + self._step
        if pts is not None and (self._last - pts - self._shift) * self._time_base > JUMP_SECONDS:
            self._shift = following - pts
        return following
