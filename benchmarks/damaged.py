"""Damaged files through the whole command: no crash, no hang, little memory, known exit codes.

    python -m benchmarks.damaged --count 500 --seed 0

Each file is painted by `rtstyle video` in a forked process, with the engine that changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from tests.media import Clip, damaged, make_clip

from .machine import RESULTS, machine_facts
from .measure import write_result

KNOWN_CODES = {0, 2, 3, 4, 7}
LIMIT_SECONDS = 10.0
LIMIT_MB = 500.0

SOUND = ("eng",)
CLIPS = {
    "mp4": Clip(num_frames=40, audio=SOUND, subtitles=SOUND, options={"bf": "2"}),
    "mkv": Clip(num_frames=40, audio=SOUND, subtitles=SOUND, chapters=(("a", 0, 1),)),
    "webm": Clip(
        num_frames=40, codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}
    ),
    "ts": Clip(num_frames=40, audio=SOUND),
    "avi": Clip(num_frames=40, codec="mpeg4", audio=SOUND, audio_codec="mp3"),
    "gif": Clip(num_frames=20, codec="gif", pix_fmt="rgb8", rate=Fraction(10)),
}


@dataclass(frozen=True)
class Run:
    """What a run of the command came to."""

    name: str
    exit_code: int
    seconds: float
    memory_mb: float
    message: str

    @property
    def is_wrong(self) -> bool:
        return (
            self.exit_code not in KNOWN_CODES
            or self.seconds > LIMIT_SECONDS
            or self.memory_mb > LIMIT_MB
            or "Traceback" in self.message
        )


def run_command(arguments: list[str], log: Path, limit_seconds: float) -> tuple[int, float, float]:
    """Run `rtstyle` in a forked process: exit code (negative: signal), seconds, peak MB."""
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        become_command(arguments, log)
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        seconds = time.monotonic() - started
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code, seconds, usage.ru_maxrss / 1024
        if seconds > 2 * limit_seconds:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def become_command(arguments: list[str], log: Path) -> None:
    """In the child: never returns."""
    code = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.argv = ["rtstyle", *arguments]
        from rtstyle.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def damaged_runs(count: int, seed: int, folder: Path) -> tuple[list[Run], list[str]]:
    """Paint `count` damaged files, evenly over the containers; also what was left behind."""
    whole = {kind: make_clip(folder / f"whole.{kind}", clip) for kind, clip in CLIPS.items()}
    runs = []
    for number in range(count):
        # Six containers and six kinds of damage: let every pair come up.
        kind = list(CLIPS)[(number + number // len(CLIPS)) % len(CLIPS)]
        source = folder / f"{seed + number}.{kind}"
        source.write_bytes(damaged(whole[kind].read_bytes(), seed + number))
        target, log = folder / "out.mkv", folder / "log"
        arguments = ["video", str(source), str(target), "--backend", "identity", "--quiet"]
        figures = run_command(arguments, log, LIMIT_SECONDS)
        run = Run(source.name, *figures, log.read_text(errors="replace"))
        runs.append(run)
        if run.is_wrong:
            print(f"WRONG: {run}", file=sys.stderr)
        for left in (source, target, folder / "out.partial.mkv"):
            left.unlink(missing_ok=True)
    return runs, sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def main() -> None:
    """Run, summarise, write the result; exit 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "damaged.json")
    options = parser.parse_args()
    import rtstyle.runner
    import rtstyle.sink.video  # noqa: F401  (loaded once, before the forks)

    with tempfile.TemporaryDirectory() as folder:
        runs, leftovers = damaged_runs(options.count, options.seed, Path(folder))
    wrong = [asdict(run) for run in runs if run.is_wrong]
    result = {
        "machine": machine_facts(),
        "count": len(runs),
        "seed": options.seed,
        "exit_codes": dict(sorted(Counter(run.exit_code for run in runs).items())),
        "slowest_seconds": round(max(run.seconds for run in runs), 2),
        "most_memory_mb": round(max(run.memory_mb for run in runs)),
        "wrong": wrong,
        "left_behind": leftovers,
    }
    print(json.dumps(result, indent=2))
    write_result(options.out, result)
    raise SystemExit(bool(wrong or leftovers))


if __name__ == "__main__":
    main()
