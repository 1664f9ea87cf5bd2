"""Progress on stderr: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtstyle.runner import Progress

LINE_EVERY_SECONDS = 5.0


class ProgressReport(AbstractContextManager["ProgressReport"]):
    """Call it with each `Progress`.

    `duration_seconds` is that of all that is painted, None if unknown; it begins at
    `start_seconds` of the input's own clock.
    """

    def __init__(
        self, name: str, duration_seconds: float | None, start_seconds: float, *, quiet: bool
    ) -> None:
        self._name, self._duration, self._start = name, duration_seconds, start_seconds
        self._quiet = quiet
        self._said_at = time.monotonic()
        self._bar = None
        if not quiet and sys.stderr.isatty():
            self._bar = self._make_bar()

    def __enter__(self) -> ProgressReport:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        if self._quiet:
            return
        done_seconds = max(0.0, progress.pts_seconds - self._start)
        text = f"{progress.num_frames} frames, {progress.frames_per_second:.1f} fps"
        if progress.slowest_stage:
            text += f", slowest: {progress.slowest_stage}"
        if self._bar is not None:
            self._bar.update(self._task, completed=done_seconds, text=text)
        elif time.monotonic() - self._said_at >= LINE_EVERY_SECONDS:
            self._said_at = time.monotonic()
            print(f"{self._name}: {text}{self._eta(progress, done_seconds)}", file=sys.stderr)

    def _eta(self, progress: Progress, done_seconds: float) -> str:
        if not self._duration or done_seconds <= 0:
            return ""
        left = progress.elapsed_seconds * max(0.0, self._duration / done_seconds - 1)
        return f", {done_seconds / self._duration:.0%}, {left:.0f} s left"

    def _make_bar(self):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = bar.add_task(self._name, total=self._duration, text="")
        return bar
