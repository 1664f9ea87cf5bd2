"""How far a compilation is, and the way to stop it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

SAY_EVERY_SECONDS = 5.0


class BuildWatch:
    """How far a build is, readable from any thread, and the way to stop it.

    `fraction` runs from 0 to 1 and never falls. TensorRT reports nested phases of steps; each phase
    is counted as a part of its parent's current step.
    """

    def __init__(self, on_progress: Callable[[BuildWatch], None] | None = None) -> None:
        self.cancelled = threading.Event()
        self.fraction = 0.0
        self._on_progress = on_progress
        self._started_at_seconds = time.monotonic()
        self._phases: dict[str, tuple[str | None, int]] = {}
        self._done: dict[str, int] = {}

    @property
    def remaining_seconds(self) -> float | None:
        """Estimate from the progress so far; None while there is too little of it."""
        if self.fraction < 0.05:
            return None
        elapsed = time.monotonic() - self._started_at_seconds
        return elapsed * (1 - self.fraction) / self.fraction

    @property
    def text(self) -> str:
        """How far it is, for people."""
        if not 0 < self.fraction < 1:
            return "loading"
        left = self.remaining_seconds
        return f"compiling, {self.fraction:.0%}" + (f", {left:.0f} s left" if left else "")

    def start(self) -> None:
        """A new build begins."""
        self._phases.clear()
        self._done.clear()
        self.fraction, self._started_at_seconds = 0.0, time.monotonic()

    def phase_start(self, name: str, parent: str | None, num_steps: int) -> None:
        self._phases[name], self._done[name] = (parent, max(1, num_steps)), 0

    def step_complete(self, name: str, step: int) -> bool:
        """Take a step; False asks TensorRT to stop."""
        self._done[name] = step + 1
        self._update()
        return not self.cancelled.is_set()

    def phase_finish(self, name: str) -> None:
        if name in self._phases and self._phases[name][0] is None:
            self.fraction = 1.0
        self._phases.pop(name, None)
        self._done.pop(name, None)

    def _update(self) -> None:
        phases = dict(self._phases)  # other build threads may enter phases meanwhile
        tops = [name for name, (parent, _) in phases.items() if parent not in phases]
        now = max((self._share(name, phases) for name in tops), default=0.0)
        if now > self.fraction:
            self.fraction = now
            if self._on_progress is not None:
                self._on_progress(self)

    def _share(self, name: str, phases: dict[str, tuple[str | None, int]]) -> float:
        children = [child for child, (parent, _) in phases.items() if parent == name]
        inside = max((self._share(child, phases) for child in children), default=0.0)
        return min(1.0, (self._done.get(name, 0) + inside) / phases[name][1])


class Announcer:
    """Tells whoever waits for a build how long it will take, every few seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._said_at_seconds = float("-inf")

    def __call__(self, watch: BuildWatch) -> None:
        now = time.monotonic()
        if now - self._said_at_seconds >= SAY_EVERY_SECONDS:
            self._said_at_seconds = now
            logger.warning("%s, once for this size and GPU: %s", self._what, watch.text)
