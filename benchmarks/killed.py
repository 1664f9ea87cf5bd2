"""`kill -9` at random moments: never a half file under its name, and the next run clears up.

python -m benchmarks.killed --count 50 --seed 0
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from tests.media import Clip, make_clip, video_times

from .damaged import become_command, run_command
from .machine import RESULTS, machine_facts
from .measure import write_result

NUM_FRAMES = 150
LIMIT_SECONDS = 120.0


def main() -> None:
    """Run, summarise, write the result; exit 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "killed.json")
    options = parser.parse_args()
    import rtstyle.runner
    import rtstyle.sink.video  # noqa: F401  (loaded once, before the forks)

    rng = random.Random(options.seed)
    wrong: list[str] = []
    num_killed = num_stale = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_clip(folder / "in.mkv", Clip(num_frames=NUM_FRAMES, audio=("eng",)))
        target, log = folder / "out.mp4", folder / "log"
        command = ["video", str(source), str(target), "--backend", "identity", "--overwrite"]
        code, whole_seconds, _ = run_command(command, log, LIMIT_SECONDS)
        assert code == 0, log.read_text()
        for number in range(options.count):
            target.unlink(missing_ok=True)
            was_killed = _kill_after(rng.uniform(0, whole_seconds), command, log)
            num_killed += was_killed
            num_stale += bool(list(folder.glob(".*.part")))
            if target.exists() and len(video_times(target)) != NUM_FRAMES:
                wrong.append(f"run {number} left a half file under its name")
        run_command(command, log, LIMIT_SECONDS)
        wrong += [f"never cleared: {path.name}" for path in folder.glob(".*")]
    result = {
        "machine": machine_facts(),
        "count": options.count,
        "killed": num_killed,
        "left_a_hidden_file": num_stale,
        "wrong": wrong,
    }
    print(json.dumps(result, indent=2))
    write_result(options.out, result)
    raise SystemExit(bool(wrong))


def _kill_after(seconds: float, command: list[str], log: Path) -> bool:
    """Start the command and kill it; False if it had ended before."""
    pid = os.fork()
    if pid == 0:
        become_command(command, log)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
