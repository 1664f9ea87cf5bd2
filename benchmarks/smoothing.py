"""How long smoothing a 720p frame takes, on one core and on two.

    python -m benchmarks.smoothing --data ../shared/data

Clips scaled to 1280x720 are followed and painted once, and smoothed again and again, by turns on as
many cores as asked for, each time from the first frame to the last. Milliseconds are those of the
median frame; `moved` is the share of the picture's tiles in which something moved.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2

from benchmarks.flicker_clips import EXCERPTS
from benchmarks.machine import RESULTS, machine_facts
from benchmarks.measure import spread, write_result
from rtstyle import temporal
from rtstyle.api import load
from rtstyle.controls import DEFAULT_SMOOTH
from rtstyle.frame import Motion, Pixels
from rtstyle.motion import analyse
from rtstyle.temporal import smoothed

STYLE = "starry-night"
SIZE_HW = 720, 1280
NUM_FRAMES = 40


def frames(path: Path, first: int) -> Iterator[Pixels]:
    """Frames of a clip from one on, scaled."""
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first + NUM_FRAMES:
                break
            if index >= first:
                yield cv2.resize(frame.to_ndarray(format="rgb24"), SIZE_HW[::-1])  # type: ignore[misc]


def followed(pictures: list[Pixels]) -> list[Motion | None]:
    """What moved in each frame."""
    seen, found = None, []
    for pixels in pictures:
        motion, seen = analyse(pixels, seen)
        found.append(motion)
    return found


def frame_ms(paintings: list[Pixels], motions: list[Motion | None], num_cores: int) -> float:
    """Milliseconds of the median frame that is smoothed at all."""
    temporal.CORES = num_cores
    past, took = None, []
    with ThreadPoolExecutor(num_cores) as threads:
        for painting, motion in zip(paintings, motions, strict=True):
            started = time.perf_counter()
            past = smoothed(painting, motion, past, DEFAULT_SMOOTH, each=threads.map)
            if motion is not None and not motion.is_cut:
                took.append(1e3 * (time.perf_counter() - started))
    return statistics.median(took)


def measure(folder: Path, cores: list[int], num_rounds: int) -> list[dict[str, Any]]:
    """One row for each clip: milliseconds a frame on each number of cores, over the rounds."""
    engine, bank = load("fast")
    style, rows = bank.mix(((STYLE, 1.0),)), []
    for name, first in EXCERPTS.items():
        pictures = list(frames(folder / name, first))
        motions = followed(pictures)
        paintings = [engine.stylize(pixels, style) for pixels in pictures]
        took = [
            {num: frame_ms(paintings, motions, num) for num in cores} for _ in range(num_rounds + 1)
        ][1:]
        moved = statistics.mean(1 - motion.still.mean() for motion in motions if motion is not None)
        ms = {str(num): spread([each[num] for each in took]) for num in cores}
        rows.append({"clip": Path(name).stem, "moved": round(float(moved), 2), "ms": ms})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with `clips/open`")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "smoothing.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = measure(options.data / "clips/open", options.cores, options.rounds)
    write_result(options.out, {"machine": machine_facts(), "style": STYLE, "rows": rows})


if __name__ == "__main__":
    main()
