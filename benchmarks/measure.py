"""How the benchmarks of whole commands measure: clips, runs, medians."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from rtstyle.capture.demo import DemoSource
from rtstyle.sink.video import VideoSink, VideoSinkOptions

RTSTYLE = (sys.executable, "-m", "rtstyle")
RATE = Fraction(30)


@dataclass(frozen=True)
class Run:
    """One run of a command, from its start to its end; `cpu_seconds` over all its threads."""

    wall_seconds: float
    cpu_seconds: float
    output: str


def run_command(command: Sequence[str | Path], folder: Path) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    result = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    wall_seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        raise RuntimeError(f"{command} failed:\n{result.stderr[-2000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_seconds, used, result.stdout)


def make_clip(path: Path, width: int, height: int, num_frames: int) -> Path:
    """Write the demo's clip, photos under a travelling camera, as H.264."""
    source = DemoSource(width, height, RATE, num_frames)
    sink = VideoSink(path, VideoSinkOptions(rate=RATE, overwrite=True))
    for frame in source:
        sink.write(frame)
    sink.close()
    return path


def repeat_clip(clip: Path, path: Path, times: int) -> Path:
    """Write the packets of `clip` several times over, one after the other."""
    with av.open(str(path), "w") as output:
        stream = None
        offset = 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                last = 0
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = (packet.pts or 0) + offset, packet.dts + offset
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    output.mux(packet)
                offset = last
    return path


def spread(values: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """Median, smallest and largest of repeated measurements, and how many there were."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "n": len(values),
    }


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path)
