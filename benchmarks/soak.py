"""A long live run with losses of the camera and a restless user: memory, age, threads, handles.

    python -m benchmarks.soak --minutes 30 --losses 100

A whole session with a Qt window (offscreen where there is no display), the benchmark webcam that is
unplugged so many times, and a key every two seconds; a recording is begun and ended now and then.
Time in which the whole process stands still (SIGSTOP, a laptop asleep) does not count as run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import RESULTS, machine_facts
from benchmarks.measure import write_result
from benchmarks.webcam import BenchmarkWebcam
from rtstyle.api import load
from rtstyle.capture.steady import SteadySource
from rtstyle.controls import Controls
from rtstyle.desk import Desk
from rtstyle.errors import DeviceError
from rtstyle.face import FaceOptions
from rtstyle.frame import Frame
from rtstyle.keyboard import Keyboard
from rtstyle.live import Session
from rtstyle.pipeline import Pipeline
from rtstyle.takes import Takes

KEYS = ("2", "right", "m", "down", "i", "s", "s", "3", "up", "h", "h", "t", "i", "m", "t", "t", "r")
KEY_SECONDS = 2.0
SAMPLE_SECONDS = 5.0
STANDSTILL_SECONDS = 5.0
WARM_UP_SHARE = 0.2
REOPENED_SECONDS = 0.5
"""How long a source waits before it opens a lost camera again."""


class RunClock:
    """Seconds that the process has run for, by the calls of `tick`; long pauses are left out."""

    def __init__(self) -> None:
        self.seconds = self.stood_still_seconds = 0.0
        self._last_seconds = time.monotonic()

    def tick(self) -> float:
        """Count the time since the last call, unless it is too long to have been run."""
        now = time.monotonic()
        passed, self._last_seconds = now - self._last_seconds, now
        if passed < STANDSTILL_SECONDS:
            self.seconds += passed
        else:
            self.stood_still_seconds += passed
        return self.seconds


class FailingWebcam(BenchmarkWebcam):
    """Unplugged after it has run for so many seconds."""

    def __init__(self, seconds: float, width: int, height: int, rate: Fraction) -> None:
        super().__init__(width, height, rate)
        self._seconds = seconds

    def __iter__(self) -> Iterator[Frame]:
        clock = RunClock()
        for frame in super().__iter__():
            if clock.tick() > self._seconds:
                raise DeviceError("the benchmark webcam is unplugged")
            yield frame


def sample(keyboard: Keyboard, at_seconds: float) -> dict[str, float]:
    """The state of this process and of the session."""
    session = keyboard.session
    fields = Path("/proc/self/statm").read_text().split()
    ages = session.figures.ages.recent()
    return {
        "at_seconds": round(at_seconds, 1),
        "memory_mib": round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
        "num_threads": len(list(Path("/proc/self/task").iterdir())),
        "num_handles": len(list(Path("/proc/self/fd").iterdir())),
        "age_p50_ms": round(ages.p50_ms, 1),
        "age_p99_ms": round(ages.p99_ms, 1),
        "num_losses": session.source.num_losses,
        "num_painted": session.figures.num_painted,
        "is_recording": keyboard.takes.is_recording,
    }


def disturb(
    keyboard: Keyboard, seconds: float, samples: list[dict[str, float]], clock: RunClock
) -> None:
    """Press keys and take samples for so long, then end the session."""
    session = keyboard.session
    next_sample = 0.0
    keys = itertools.cycle(KEYS)
    while clock.tick() < seconds and not session.ended.wait(KEY_SECONDS):
        keyboard.press(next(keys))
        if clock.seconds >= next_sample:
            samples.append(sample(keyboard, clock.seconds))
            print(json.dumps(samples[-1]), flush=True)
            next_sample = clock.seconds + SAMPLE_SECONDS
    session.stop()


def soak(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole run: samples, the final status, and how long the process stood still."""
    from rtstyle.sink.window_qt import QtWindow

    seconds = 60 * options.minutes
    engine, bank = load(options.generator, options.backend)
    gap_seconds = max(1.0, seconds / (options.losses + 1) - REOPENED_SECONDS)
    width, height = map(int, options.camera_size.split("x"))
    session = Session(
        SteadySource(lambda: FailingWebcam(gap_seconds, width, height, Fraction(options.rate))),
        Pipeline(engine, bank, FaceOptions(live=True)),
        Desk(Controls(((bank.names[-1], 1.0),)), bank.names),
        draws_split=True,
    )
    keyboard = Keyboard(session, Takes(session, folder))
    window = QtWindow(keyboard)
    session.add_sink(window)
    samples: list[dict[str, float]] = []
    clock = RunClock()
    disturber = threading.Thread(
        target=disturb, args=(keyboard, seconds, samples, clock), name="disturber"
    )
    session.start()
    disturber.start()
    window.run()
    disturber.join()
    keyboard.takes.close()
    session.remove_sink(window)
    session.close()
    return {
        "ran_seconds": round(clock.seconds, 1),
        "stood_still_seconds": round(clock.stood_still_seconds, 1),
        "num_recordings": len(keyboard.takes.recordings),
        "verdict": verdict(samples),
        "status": session.final_status().as_json(),
        "samples": samples,
    }


def verdict(samples: list[dict[str, float]]) -> dict[str, Any]:
    """What grew after the warm-up, by a line through the samples or by first and last third.

    Samples taken while a recording runs are left out: it has threads and a file of its own.
    """
    kept = [row for row in samples[int(WARM_UP_SHARE * len(samples)) :] if not row["is_recording"]]
    hours = np.array([row["at_seconds"] for row in kept]) / 3600
    slope = np.polyfit(hours, [row["memory_mib"] for row in kept], 1)[0] if len(kept) > 2 else 0
    third = max(1, len(kept) // 3)

    def change(name: str) -> float:
        values = [row[name] for row in kept]
        return round(float(np.median(values[-third:]) - np.median(values[:third])), 1)

    return {
        "memory_mib_per_hour": round(float(slope), 1),
        "memory_mib_change": change("memory_mib"),
        "num_threads_change": change("num_threads"),
        "num_handles_change": change("num_handles"),
        "age_p50_ms_change": change("age_p50_ms"),
        "age_p99_ms_change": change("age_p99_ms"),
        "num_losses": samples[-1]["num_losses"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--losses", type=int, default=100, help="how often the camera is unplugged")
    parser.add_argument("--camera-size", default="1280x720")
    parser.add_argument("--rate", type=int, default=30, help="of the camera, frames a second")
    parser.add_argument("--remark", default="", help="to be kept with the result")
    parser.add_argument("--generator", default="fast")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--out", type=Path, default=RESULTS / "soak.json")
    options = parser.parse_args()
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    machine = machine_facts()
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    with tempfile.TemporaryDirectory() as folder:
        found = soak(options, Path(folder))
    result = {"settings": settings, "machine": machine, **found}
    write_result(options.out, result)
    print(json.dumps(result["verdict"], indent=2))


if __name__ == "__main__":
    main()
