"""How a live session is doing: what overlays show and `--json` prints."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from .latency import AgeMeter, Ages, RateMeter
from .stage_times import StageTimes

REFRESH_SECONDS = 0.5


@dataclass(frozen=True)
class Status:
    """Replaced whole twice a second.

    `num_dropped` frames were displaced by newer ones before they were painted, `dropped_later` by a
    slow sink, by what was not done with them ("not drawn", "not recorded"). Rates are frames a
    second, None until known; `ages` is of the last 300 frames shown; `stage_ms` is per painted
    frame of the last half second. `size_px` is the height at which frames are painted,
    `is_pinned` that it was asked for, `num_size_changes` how often the governor moved it.
    """

    num_captured: int = 0
    num_painted: int = 0
    num_dropped: int = 0
    dropped_later: dict[str, int] = field(default_factory=dict)
    num_losses: int = 0
    camera_rate: float | None = None
    painted_rate: float | None = None
    ages: Ages = field(default_factory=Ages)
    stage_ms: dict[str, float] = field(default_factory=dict)
    size_px: int = 0
    is_pinned: bool = False
    num_size_changes: int = 0
    backend: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        facts = asdict(self)
        facts["stage_ms"] = {name: round(ms, 2) for name, ms in self.stage_ms.items()}
        for name in ("camera_rate", "painted_rate"):
            facts[name] = None if facts[name] is None else round(facts[name], 2)
        return facts


class Figures:
    """What the threads of a session count; each field has one writer."""

    def __init__(self, times: StageTimes) -> None:
        self.ages = AgeMeter()
        self.camera_rate, self.painted_rate = RateMeter(), RateMeter()
        self.num_captured = self.num_painted = 0
        self._times = times
        self._refreshed_at_seconds = 0.0
        self._seconds_before: dict[str, float] = {}
        self._painted_before = 0

    def is_due(self) -> bool:
        """Whether half a second has gone since this last said so."""
        now = time.monotonic()
        due = now - self._refreshed_at_seconds >= REFRESH_SECONDS
        if due:
            self._refreshed_at_seconds = now
        return due

    def stage_ms(self) -> dict[str, float]:
        """Milliseconds of each stage per painted frame since the last call."""
        num_frames = max(1, self.num_painted - self._painted_before)
        seconds = dict(self._times.seconds)
        stages = {
            name: 1000 * (total - self._seconds_before.get(name, 0.0)) / num_frames
            for name, total in seconds.items()
        }
        self._painted_before, self._seconds_before = self.num_painted, seconds
        return stages
