"""How long each stage of the pipeline takes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimes:
    """Seconds spent in each stage, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)

    @contextmanager
    def stage(self, name: str, *, counts: bool = True) -> Iterator[None]:
        """Add the time spent in the block to the stage; one block of a frame `counts` it."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started
            self.counts[name] += counts

    def slowest(self) -> tuple[float, str]:
        """Total seconds and name of the stage that took the longest."""
        return max(((total, name) for name, total in self.seconds.items()), default=(0.0, ""))

    def mean_ms(self) -> dict[str, float]:
        """Mean milliseconds of each stage."""
        return {
            name: 1000 * self.seconds[name] / count for name, count in self.counts.items() if count
        }
