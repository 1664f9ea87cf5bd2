"""How fast `rtstyle video` delivers: `python -m benchmarks.throughput`.

Delivered frames per second are those of the whole command, its start included, from file to file.
Beside them stands what each part costs alone in the same run (`parts.py`). Everything that is
compared runs in turns, so that a busy machine slows all alike; of repeats the median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtstyle.api import load
from rtstyle.controls import Controls

from .machine import RESULTS, load_average, machine_facts
from .measure import RTSTYLE, Run, make_clip, repeat_clip, run_command, spread, write_result
from .parts import AROUND, ISSUE_PARTS, measure_parts

SCHEMA = 1
SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
SMALLER_PX = 540
MEMORY_FRAMES = (300, 3000)
SHORT_REPEATS = 5


@dataclass(frozen=True)
class Plan:
    """What to measure: sizes by name, frames of each clip, rounds, the style, where to work."""

    sizes: Sequence[str]
    num_frames: int
    rounds: int
    style: str
    work: Path


@dataclass
class Samples:
    """What repeated measurements of one size gave."""

    full: list[Run] = field(default_factory=list)
    smaller: list[Run] = field(default_factory=list)
    wall_ms: list[dict[str, float]] = field(default_factory=list)
    cpu_ms: list[dict[str, float]] = field(default_factory=list)


def paint(clip: Path, plan: Plan, *options: str) -> Run:
    """One run of `rtstyle video` as a user would start it."""
    command = [*RTSTYLE, "video", clip, plan.work / "painted.mp4", "--style", plan.style]
    return run_command([*command, "--overwrite", "--quiet", "--json", *options], plan.work)


def measure_size(name: str, plan: Plan) -> dict[str, Any]:
    """Whole command and parts at one size, in turns."""
    width, height = SIZES[name]
    clip = make_clip(plan.work / f"{name}.mp4", width, height, plan.num_frames)
    engine, bank = load()
    controls = Controls(((plan.style, 1.0),))
    samples = Samples()
    for number in range(plan.rounds):
        print(f"{name}: round {number + 1} of {plan.rounds}", file=sys.stderr)
        samples.full.append(paint(clip, plan))
        wall, cpu = measure_parts(clip, plan.work, engine, bank, controls)
        samples.wall_ms.append(wall)
        samples.cpu_ms.append(cpu)
        if height > SMALLER_PX:
            samples.smaller.append(paint(clip, plan, "--size", str(SMALLER_PX)))
    engine.close()
    return summary(samples, plan.num_frames)


def summary(samples: Samples, num_frames: int) -> dict[str, Any]:
    """Medians; ratios are taken within each round first."""
    reports = [json.loads(run.output) for run in samples.full]
    # A frame's cost while frames flow, as the run itself clocked it: without Python's start.
    delivered_ms = [1000 / report["frames_per_second"] for report in reports]
    sums = [sum(wall[name] for name in ISSUE_PARTS) for wall in samples.wall_ms]
    found: dict[str, Any] = {
        "delivered_fps": spread([num_frames / run.wall_seconds for run in samples.full]),
        "running_fps": spread([1000 / ms for ms in delivered_ms]),
        "cpu_ms_per_frame": spread([1000 * run.cpu_seconds / num_frames for run in samples.full]),
        "stage_ms": _medians([report["stage_ms"] for report in reports]),
        "parts_alone_ms": _medians(samples.wall_ms),
        "parts_alone_cpu_ms": _medians(samples.cpu_ms),
        "frame_ms": spread(delivered_ms),
        "sum_of_parts_ms": spread(sums),
        "frame_over_sum_of_parts": spread(
            [frame / total for frame, total in zip(delivered_ms, sums, strict=True)], 3
        ),
        "frame_over_sum_with_pipeline": spread(
            [
                frame / (total + wall[AROUND])
                for frame, total, wall in zip(delivered_ms, sums, samples.wall_ms, strict=True)
            ],
            3,
        ),
        "backend": reports[0]["backend"],
        "precision": reports[0]["precision"],
    }
    if samples.smaller:
        pairs = zip(samples.full, samples.smaller, strict=True)
        found[f"size_{SMALLER_PX}_speedup"] = spread(
            [full.wall_seconds / smaller.wall_seconds for full, smaller in pairs], 3
        )
    return found


def measure_starts(plan: Plan) -> dict[str, Any]:
    """Seconds from the command to its first frame in a complete file, and to the help text."""
    clip = make_clip(plan.work / "one.mp4", *SIZES["720p"], num_frames=1)
    paint(clip, plan)
    first = [paint(clip, plan) for _ in range(SHORT_REPEATS)]
    helped = [run_command([*RTSTYLE, "--help"], plan.work) for _ in range(SHORT_REPEATS)]
    return {
        "first_frame_seconds": spread([run.wall_seconds for run in first]),
        "first_frame_cpu_seconds": spread([run.cpu_seconds for run in first]),
        "help_seconds": spread([run.wall_seconds for run in helped], 3),
        "help_cpu_seconds": spread([run.cpu_seconds for run in helped], 3),
    }


def measure_memory(plan: Plan) -> dict[str, Any]:
    """Megabytes early and late in one long run at 720p."""
    clip = make_clip(plan.work / "short.mp4", *SIZES["720p"], num_frames=150)
    long = repeat_clip(clip, plan.work / "long.mp4", MEMORY_FRAMES[-1] // 150 + 1)
    numbers = [str(number) for number in MEMORY_FRAMES]
    print(f"memory: {MEMORY_FRAMES[-1]} frames", file=sys.stderr)
    command = [sys.executable, "-m", "benchmarks.memory", long, plan.work / "long_out.mp4"]
    found = json.loads(run_command([*command, *numbers], plan.work).output)
    early, late = (found[number] for number in numbers)
    return {"mb_at_frame": found, "growth_mb": round(late - early, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--frames", type=int, default=300, help="length of each clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--style", default="starry-night")
    parser.add_argument("--no-memory", action="store_true", help="skip the long run (minutes)")
    parser.add_argument("--out", type=Path, default=RESULTS / "throughput.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rtstyle-throughput-") as folder:
        plan = Plan(options.sizes, options.frames, options.rounds, options.style, Path(folder))
        result = {
            "schema": SCHEMA,
            "machine": machine_facts(),
            "clip": {"frames": plan.num_frames, "rate": 30, "codec": "H.264, crf 18"},
            "style": plan.style,
            "rounds": plan.rounds,
            "starts": measure_starts(plan),
            "sizes": {name: measure_size(name, plan) for name in plan.sizes},
        }
        if not options.no_memory:
            result["memory"] = measure_memory(plan)
    result["load_average_after"] = load_average()
    write_result(options.out, result)


def _medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(row[name] for row in rows), 2) for name in rows[0]}


if __name__ == "__main__":
    main()
