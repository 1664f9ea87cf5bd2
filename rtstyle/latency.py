"""Measured figures of a live run: the age of frames when they are shown, and rates."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

BIN_MS = 0.5
LAST_BIN = 20_000
RECENT = 300


@dataclass(frozen=True)
class Ages:
    """Percentiles of the age of frames, capture to shown, in milliseconds; 0 without frames."""

    count: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0

    def __str__(self) -> str:
        return f"{self.p50_ms:.0f} / {self.p95_ms:.0f} / {self.p99_ms:.0f} ms"


class AgeMeter:
    """Collects ages in bins of 0.5 ms up to 10 s, so that a week costs as much as a minute.

    May be fed and read from different threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bins = [0] * (LAST_BIN + 1)
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, age_seconds: float) -> None:
        """Count one frame that was shown `age_seconds` after its capture."""
        age_ms = max(0.0, 1000 * age_seconds)
        with self._lock:
            self._bins[min(LAST_BIN, int(age_ms / BIN_MS))] += 1
            self._recent.append(age_ms)

    def recent(self) -> Ages:
        """Of the last 300 frames; what an overlay shows."""
        with self._lock:
            ages = sorted(self._recent)
        if not ages:
            return Ages()
        p50, p95, p99 = (ages[min(len(ages) - 1, int(q * len(ages)))] for q in (0.5, 0.95, 0.99))
        return Ages(len(ages), p50, p95, p99)

    def total(self) -> Ages:
        """Of all frames, to half a millisecond."""
        with self._lock:
            bins = list(self._bins)
        count = sum(bins)
        if not count:
            return Ages()
        p50, p95, p99 = (_quantile_ms(bins, q * count) for q in (0.5, 0.95, 0.99))
        return Ages(count, p50, p95, p99)


def _quantile_ms(bins: list[int], rank: float) -> float:
    seen = 0
    for index, count in enumerate(bins):
        seen += count
        if seen >= rank:
            return (index + 0.5) * BIN_MS
    return LAST_BIN * BIN_MS


class RateMeter:
    """Events a second over the last few seconds, from their own times."""

    def __init__(self, num_events: int = 60) -> None:
        self._times: deque[float] = deque(maxlen=num_events)

    def add(self, at_seconds: float) -> None:
        """Count an event."""
        self._times.append(at_seconds)

    def clear(self) -> None:
        """Forget the past, after a gap that is none of the rate's business."""
        self._times.clear()

    @property
    def per_second(self) -> float | None:
        """None until there are ten events."""
        times = list(self._times)
        if len(times) < 10 or times[-1] <= times[0]:
            return None
        return (len(times) - 1) / (times[-1] - times[0])
