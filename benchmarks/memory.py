"""Memory of one long run: `python -m benchmarks.memory CLIP OUT FRAME…` prints it as JSON.

A process of its own, so that nothing but the run is in its memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rtstyle.api import load
from rtstyle.capture.video import VideoSource
from rtstyle.controls import Controls
from rtstyle.pipeline import Pipeline
from rtstyle.runner import Progress, run
from rtstyle.sink.video import VideoSink, VideoSinkOptions


def resident_mb() -> float:
    """Megabytes of this process that are in memory (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1e6


def memory_at(clip: Path, output: Path, frames: list[int]) -> dict[int, float]:
    """Megabytes in use when the frames with these numbers have been painted."""
    found: dict[int, float] = {}

    def note(progress: Progress) -> None:
        if progress.num_frames in frames:
            found[progress.num_frames] = round(resident_mb(), 1)

    engine, bank = load(ahead=True)
    controls = Controls(((bank.names[0], 1.0),))
    sink = VideoSink(output, VideoSinkOptions(source_path=clip, overwrite=True))
    run(VideoSource(clip), Pipeline(engine, bank), sink, controls, note)
    return found


if __name__ == "__main__":
    clip, output, *numbers = sys.argv[1:]
    print(json.dumps(memory_at(Path(clip), Path(output), [int(number) for number in numbers])))
