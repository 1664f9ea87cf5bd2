"""Is the age that rtstyle states the truth? Compares it with the pixels in the X server's memory.

    python -m benchmarks.latency_truth --seconds 20

A webcam whose frames carry their number is shown in a real Qt window on an Xvfb, whose screen is
a file in memory. That file is looked at all the time: when a new number appears in it, the frame is
on the screen. The difference to the moment at which the window said `shown` is the error.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency import WatchedSession
from benchmarks.machine import RESULTS, machine_facts
from benchmarks.measure import write_result
from benchmarks.webcam import BITS, BLOCK_PX, RATE, BenchmarkWebcam, read_number
from rtstyle.capture.steady import SteadySource
from rtstyle.controls import Controls
from rtstyle.desk import Desk
from rtstyle.frame import Frame
from rtstyle.inference.identity import IdentityEngine
from rtstyle.keyboard import Keyboard
from rtstyle.pipeline import Pipeline
from rtstyle.style import Style, StyleBank
from rtstyle.takes import Takes

LOOK_SECONDS = 0.0005
XWD_WORDS = 25
START_SECONDS = 10
"""The webcam runs before the window is there, for less than that."""


class NumberedSession(WatchedSession):
    """Notes the number that the webcam gave a frame: the window shows it."""

    def shown(self, frame: Frame) -> None:
        super().shown(frame)
        row = frame.pixels[BLOCK_PX // 2].mean(axis=1)
        number, (_, age, now) = read_number(row), self.log[-1]
        self.log[-1] = (number, age, now)


class Screen:
    """The memory of an Xvfb started with `-fbdir`: (height, width, 4) bytes, blue first."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        words = struct.unpack(f">{XWD_WORDS}I", self._memory[: 4 * XWD_WORDS])
        header_bytes, width, height, line_bytes, num_colors = (
            words[0], words[4], words[5], words[12], words[19],
        )  # fmt: skip
        start = header_bytes + 12 * num_colors
        flat = np.frombuffer(self._memory, np.uint8, height * line_bytes, start)
        self.pixels = flat.reshape(height, line_bytes // 4, 4)[:, :width]

    def number(self) -> int:
        """The number in the upper left corner of the window, which is the screen's."""
        return read_number(self.pixels[BLOCK_PX // 2, :, 1])


@contextmanager
def x_server() -> Iterator[Screen]:
    """An Xvfb of our own, large enough for the window; sets DISPLAY."""
    with tempfile.TemporaryDirectory() as folder:
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-fbdir", folder, "-nolisten", "tcp"]
        command += ["-screen", "0", "2000x1400x24"]
        server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        try:
            yield Screen(Path(folder) / "Xvfb_screen0")
        finally:
            server.terminate()
            server.wait(10)


def watch(screen: Screen, seen: dict[int, float], stop: threading.Event) -> None:
    """Note when each number first stands on the screen."""
    while not stop.wait(LOOK_SECONDS):
        seen.setdefault(screen.number(), time.monotonic())


def measure(seconds: float) -> dict[str, Any]:
    """Run the window for so long; errors in milliseconds, positive where we said it too early."""
    from rtstyle.sink.window_qt import QtWindow

    style = Style("identity", np.zeros(1, np.float32), "")
    session = NumberedSession(
        SteadySource(BenchmarkWebcam),
        Pipeline(IdentityEngine(), StyleBank("", {"identity": style})),
        Desk(Controls((("identity", 1.0),), smooth=0.0), ["identity"]),
    )
    session.log = []
    seen: dict[int, float] = {}
    stop = threading.Event()
    with x_server() as screen:
        window = QtWindow(Keyboard(session, Takes(session, Path())))
        window.desktop.move(0, 0)
        session.add_sink(window)
        watcher = threading.Thread(target=watch, args=(screen, seen, stop), name="watcher")
        timer = threading.Timer(seconds, session.stop)
        session.start()
        watcher.start()
        timer.start()
        window.run()
        stop.set()
        watcher.join()
        session.remove_sink(window)
        session.close()
    return _compared(session.log, seen)


def _compared(log: list[tuple[int, float, float]], seen: dict[int, float]) -> dict[str, Any]:
    said = {number: (at, age) for number, age, at in log[15:]}
    both = sorted(set(said) & set(seen))
    errors_ms = 1000 * np.array([seen[number] - said[number][0] for number in both])
    stated_ms = 1000 * np.array([said[number][1] for number in both])
    quantiles = {"p50": 50, "p95": 95, "p99": 99}
    return {
        "num_said": len(said),
        "num_seen": len(both),
        "error_ms": {n: round(float(np.percentile(errors_ms, q)), 2) for n, q in quantiles.items()},
        "stated_ms": {
            n: round(float(np.percentile(stated_ms, q)), 2) for n, q in quantiles.items()
        },
        "true_ms": {
            n: round(float(np.percentile(stated_ms + errors_ms, q)), 2)
            for n, q in quantiles.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path, default=RESULTS / "latency_truth.json")
    options = parser.parse_args()
    most_seconds = 2**BITS // RATE - START_SECONDS
    if options.seconds > most_seconds:
        parser.error(f"--seconds must be {most_seconds} or less: then the numbers begin again")
    machine = machine_facts()
    result = {"machine": machine, "seconds": options.seconds, **measure(options.seconds)}
    write_result(options.out, result)
    print(json.dumps({name: result[name] for name in result if name != "machine"}, indent=2))


if __name__ == "__main__":
    main()
