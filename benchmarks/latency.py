"""Camera-to-screen latency: age of frames and its growth, beside identity, and slowed down.

    python -m benchmarks.latency --seconds 60 --rounds 3

Every run is a whole live session with a Qt window (drawn offscreen where there is no display) and
a webcam of 1280x720 at 30 frames a second. Rounds are interleaved. With `--slow` busy loops take
three quarters of the processor, which makes the machine four times slower.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import RESULTS, machine_facts
from benchmarks.measure import write_result
from benchmarks.webcam import BenchmarkWebcam
from rtstyle.api import load
from rtstyle.capture.steady import SteadySource
from rtstyle.controls import DEFAULT_SMOOTH, Controls
from rtstyle.desk import Desk
from rtstyle.face import FaceOptions
from rtstyle.frame import Frame
from rtstyle.inference import Engine
from rtstyle.inference.identity import IdentityEngine
from rtstyle.keyboard import Keyboard
from rtstyle.live import Session
from rtstyle.pipeline import Pipeline
from rtstyle.style import StyleBank
from rtstyle.takes import Takes

PERIOD_SECONDS = 1 / 30
SHARE_TO_REACH = 0.99
FPS_TO_REACH = 15.0
GROWTH_TO_REACH_MS = 1000 * PERIOD_SECONDS
"""An age that ends less than one frame period above its start does not grow."""


@dataclass(frozen=True)
class Shown:
    """One frame that was drawn: its number, age in seconds, and when, seconds from the start."""

    number: int
    age_seconds: float
    at_seconds: float


class WatchedSession(Session):
    """Notes every frame that is shown: its number, its age, and when."""

    log: list[tuple[int, float, float]]

    def shown(self, frame: Frame) -> None:
        super().shown(frame)
        now = time.monotonic()
        self.log.append((frame.index, now - frame.captured_at_seconds, now))


def run(
    engine: Engine, bank: StyleBank, seconds: float, warm_up_seconds: float, smooth: float
) -> dict[str, Any]:
    """One live session; frames of the warm-up are left out."""
    from rtstyle.sink.window_qt import QtWindow

    style = next(name for name in bank.names if name != "original")
    session = WatchedSession(
        SteadySource(BenchmarkWebcam),
        Pipeline(engine, bank, FaceOptions(live=True)),
        Desk(Controls(((style, 1.0),), smooth=smooth), bank.names),
        draws_split=True,
    )
    session.log = []
    window = QtWindow(Keyboard(session, Takes(session, Path())))
    session.add_sink(window)
    session.start()
    timer = threading.Timer(warm_up_seconds + seconds, session.stop)
    timer.start()
    started = time.monotonic()
    window.run()
    timer.join()
    session.remove_sink(window)
    session.close()
    status = session.final_status()
    begin = started + warm_up_seconds
    shown = [Shown(number, age, at - begin) for number, age, at in session.log if at >= begin]
    return {"shown": shown, "status": asdict(status), "seconds": seconds}


def figures(outcome: dict[str, Any], reference_ms: float | None) -> dict[str, Any]:
    """What is reported of one run; ages in milliseconds.

    `growth_ms` is the median age of the last fifth less that of the first. `share_in_time` are the
    shown frames that are no older than the reference (identity's median) and two periods.
    """
    shown: list[Shown] = outcome["shown"]
    ages_ms = 1000 * np.array([frame.age_seconds for frame in shown])
    fifth = max(1, len(shown) // 5)
    found = {
        "num_shown": len(shown),
        "shown_per_second": len(shown) / outcome["seconds"],
        "p50_ms": float(np.percentile(ages_ms, 50)),
        "p95_ms": float(np.percentile(ages_ms, 95)),
        "p99_ms": float(np.percentile(ages_ms, 99)),
        "growth_ms": float(np.median(ages_ms[-fifth:]) - np.median(ages_ms[:fifth])),
        "size_px": outcome["status"]["size_px"],
        "num_size_changes": outcome["status"]["num_size_changes"],
        "stage_ms": outcome["status"]["stage_ms"],
    }
    if reference_ms is not None:
        limit_ms = reference_ms + 2000 * PERIOD_SECONDS
        found["share_in_time"] = float((ages_ms <= limit_ms).mean())
    return {
        key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()
    }


@contextmanager
def busy_loops(num_processes: int) -> Iterator[None]:
    """So many processes that want a core each, for the length of the block."""
    processes = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(num_processes)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _burn() -> None:
    while True:
        sum(range(10_000))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rounds: identity and the generator, and once the generator on a slowed machine."""
    engine, bank = load(options.generator, options.backend)
    rows: dict[str, list[dict[str, Any]]] = {"identity": [], "painted": []}
    for _ in range(options.rounds):
        outcome = run(IdentityEngine(), bank, options.seconds, options.warm_up, options.smooth)
        rows["identity"].append(figures(outcome, None))
        reference_ms = rows["identity"][-1]["p50_ms"]
        outcome = run(engine, bank, options.seconds, options.warm_up, options.smooth)
        rows["painted"].append(figures(outcome, reference_ms))
        print(json.dumps({name: row[-1] for name, row in rows.items()}), flush=True)
    if options.slow:
        with busy_loops(3 * len(os.sched_getaffinity(0))):
            outcome = run(engine, bank, options.seconds, options.warm_up + 5, options.smooth)
        rows["painted, 4 times slower"] = [figures(outcome, None)]
        print(json.dumps(rows["painted, 4 times slower"][-1]), flush=True)
    return {"rows": rows, "verdict": verdict(rows)}


def verdict(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The promises, by the median of the rounds."""
    painted = rows["painted"]
    share = statistics.median(row["share_in_time"] for row in painted)
    growth_ms = statistics.median(row["growth_ms"] for row in painted)
    found: dict[str, Any] = {
        "share_in_time": share,
        "in_time": share >= SHARE_TO_REACH,
        "growth_ms": growth_ms,
        "does_not_grow": growth_ms < GROWTH_TO_REACH_MS,
    }
    for row in rows.get("painted, 4 times slower", []):
        found["slowed_fps"] = row["shown_per_second"]
        found["slowed_is_fast_enough"] = row["shown_per_second"] >= FPS_TO_REACH
        found["slowed_does_not_grow"] = row["growth_ms"] < GROWTH_TO_REACH_MS
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="measured, per run")
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds left out of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", action="store_true", help="also on a machine 4 times slower")
    parser.add_argument("--smooth", type=float, default=DEFAULT_SMOOTH)
    parser.add_argument("--generator", default="fast")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--out", type=Path, default=RESULTS / "latency.json")
    options = parser.parse_args()
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    before = machine_facts()
    found = measure(options)
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    result = {"settings": settings, "machine": before, **found}
    write_result(options.out, result)
    print(json.dumps(found["verdict"], indent=2))


if __name__ == "__main__":
    main()
