"""A long live run with losses of the camera and a restless user: memory, age, threads, handles.

    python -m benchmarks.soak --minutes 30 --losses 100

A whole session with a Qt window (offscreen where there is no display), the benchmark webcam that is
unplugged so many times, and a key every two seconds; a recording is begun and ended now and then.
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
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import RESULTS, machine_facts
from benchmarks.webcam import BenchmarkWebcam
from rtstyle.api import load
from rtstyle.capture.steady import SteadySource
from rtstyle.controls import Controls
from rtstyle.desk import Desk
from rtstyle.errors import DeviceError
from rtstyle.frame import Frame
from rtstyle.keyboard import Keyboard
from rtstyle.live import Session
from rtstyle.pipeline import Pipeline
from rtstyle.takes import Takes

KEYS = ("2", "right", "m", "down", "i", "s", "s", "3", "up", "h", "h", "t", "i", "m", "t", "t", "r")
KEY_SECONDS = 2.0
SAMPLE_SECONDS = 5.0
WARM_UP_SHARE = 0.2


class FailingWebcam(BenchmarkWebcam):
    """Unplugged after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def __iter__(self) -> Iterator[Frame]:
        end = time.monotonic() + self._seconds
        for frame in super().__iter__():
            if time.monotonic() > end:
                raise DeviceError("the benchmark webcam is unplugged")
            yield frame


def sample(session: Session, started: float) -> dict[str, float]:
    """The state of this process and of the session."""
    fields = Path("/proc/self/statm").read_text().split()
    ages = session.figures.ages.recent()
    return {
        "at_seconds": round(time.monotonic() - started, 1),
        "memory_mib": round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
        "num_threads": len(list(Path("/proc/self/task").iterdir())),
        "num_handles": len(list(Path("/proc/self/fd").iterdir())),
        "age_p50_ms": round(ages.p50_ms, 1),
        "age_p99_ms": round(ages.p99_ms, 1),
        "num_losses": session.source.num_losses,
        "num_painted": session.figures.num_painted,
    }


def disturb(keyboard: Keyboard, samples: list[dict[str, float]], stop: threading.Event) -> None:
    """Press keys and take samples until told to stop."""
    started = next_sample = time.monotonic()
    keys = itertools.cycle(KEYS)
    while not stop.wait(KEY_SECONDS):
        keyboard.press(next(keys))
        if time.monotonic() >= next_sample:
            samples.append(sample(keyboard.session, started))
            print(json.dumps(samples[-1]), flush=True)
            next_sample += SAMPLE_SECONDS


def soak(
    options: argparse.Namespace, folder: Path
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """The whole run; returns samples and the final status."""
    from rtstyle.sink.window_qt import QtWindow

    seconds = 60 * options.minutes
    engine, bank = load(options.generator, options.backend)
    gap_seconds = seconds / (options.losses + 1)
    session = Session(
        SteadySource(lambda: FailingWebcam(max(1.0, gap_seconds - 0.5))),
        Pipeline(engine, bank),
        Desk(Controls(((bank.names[-1], 1.0),)), bank.names),
        draws_split=True,
    )
    keyboard = Keyboard(session, Takes(session, folder))
    window = QtWindow(keyboard)
    session.add_sink(window)
    samples: list[dict[str, float]] = []
    stop = threading.Event()
    disturber = threading.Thread(target=disturb, args=(keyboard, samples, stop), name="disturber")
    timer = threading.Timer(seconds, session.stop)
    session.start()
    disturber.start()
    timer.start()
    window.run()
    stop.set()
    disturber.join()
    timer.cancel()
    keyboard.takes.close()
    session.remove_sink(window)
    session.close()
    return samples, session.final_status().as_json()


def verdict(samples: list[dict[str, float]]) -> dict[str, Any]:
    """What grew after the warm-up, by a line through the samples or by first and last third."""
    kept = samples[int(WARM_UP_SHARE * len(samples)) :]
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
    parser.add_argument("--generator", default="fast")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--out", type=Path, default=RESULTS / "soak.json")
    options = parser.parse_args()
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    machine = machine_facts()
    with tempfile.TemporaryDirectory() as folder:
        samples, status = soak(options, Path(folder))
    result = {
        "machine": machine,
        "minutes": options.minutes,
        "losses": options.losses,
        "verdict": verdict(samples),
        "status": status,
        "samples": samples,
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["verdict"], indent=2))


if __name__ == "__main__":
    main()
