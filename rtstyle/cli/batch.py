"""`rtstyle batch`: many videos into one folder, one process each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from rtstyle.errors import SinkError, SourceError, UsageError

from . import styling
from .grouped import as_arguments
from .video import DecodingOptions, EncodingOptions, stream_notes

SCHEMA = 1
VIDEO_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts"),
    *(".mts", ".m2ts", ".3gp", ".mpg", ".mpeg", ".vob", ".flv", ".ogv", ".wmv", ".gif"),
}
"""What is taken from a folder; of these, `WRITABLE` can be written, the others become mp4."""
WRITABLE = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts"}
FOUND_IN = Path(__file__).resolve().parents[2]
"""The folder in which Python finds the package."""
COMMON_FAILURES = (2, 6)
"""Exit codes for wrong options, models or styles: the next file would fail likewise."""


@dataclass(frozen=True)
class Job:
    """One file to paint."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job; `state` is "done", "skipped", "failed" or "not started".

    `style` names what it was painted with, `notes` are what its output lacks or does otherwise.
    """

    source: str
    output: str
    state: str
    exit_code: int = 0
    error: str = ""
    style: str = ""
    notes: tuple[str, ...] = ()


def batch(
    sources: Annotated[
        list[Path], typer.Argument(metavar="IN...", help="Video files, or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    look: styling.MovingLook,
    decoding: DecodingOptions,
    encoding: EncodingOptions,
    options: styling.RunOptions,
    workers: Annotated[int, typer.Option("--workers", help="Files at the same time.", min=1)] = 1,
    overwrite: styling.OverwriteOption = False,
) -> None:
    """Paint many videos. What is in the folder already is skipped, so run it again to go on."""
    jobs = plan(sources, out)
    arguments = as_arguments(look, decoding, encoding, replace(options, quiet=True, as_json=False))
    if overwrite:
        arguments.append("--overwrite")
    runs = Runs(arguments, len(jobs), skip_existing=not overwrite, quiet=options.quiet)
    with interruptible(runs), ThreadPoolExecutor(workers, "batch") as pool:
        outcomes = list(pool.map(runs.run, jobs))
    conclude(outcomes, runs.signal_number, as_json=options.as_json, quiet=options.quiet)


def plan(sources: Sequence[Path], out: Path) -> list[Job]:
    """Inputs, folders replaced by the videos in them, and where each result goes.

    Raises:
        SourceError: an input does not exist, or a folder holds no video.
        SinkError: `out` cannot be made.
        UsageError: a result would replace its input, or two results have one name.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"the folder {out} cannot be made", error.strerror or "") from error
    jobs: dict[Path, Job] = {}
    for source in (path for given in sources for path in _videos(given)):
        suffix = source.suffix if source.suffix.lower() in WRITABLE else ".mp4"
        job = Job(source, out / f"{source.stem}{suffix}")
        if job.output in jobs:
            raise UsageError(
                f"two inputs would be written as {job.output}",
                f"{jobs[job.output].source} and {source}",
                "run one batch for each, with another --out",
            )
        if job.output.exists() and job.output.samefile(source):
            raise UsageError(
                f"{out} is the folder of the input {source.name}", fix="choose another"
            )
        jobs[job.output] = job
    return list(jobs.values())


class Runs:
    """Runs jobs as processes of their own, from several threads; a crash costs one file."""

    def __init__(
        self, arguments: Sequence[str], num_jobs: int, *, skip_existing: bool, quiet: bool
    ) -> None:
        self._arguments, self._num_jobs = list(arguments), num_jobs
        self._skip_existing, self._quiet = skip_existing, quiet
        self._stop = threading.Event()
        self._processes: set[subprocess.Popen[str]] = set()
        self._num_ended = 0
        self.signal_number = 0

    def run(self, job: Job) -> Outcome:
        """Paint one file, unless it is there already or the batch has been stopped."""
        if self._stop.is_set():
            return Outcome(str(job.source), str(job.output), "not started")
        if self._skip_existing and job.output.exists():
            outcome = Outcome(str(job.source), str(job.output), "skipped")
        else:
            outcome = self._paint(job)
        self._num_ended += 1
        if not self._quiet:
            text = outcome.error.partition("\n")[0].removeprefix("error: ") or outcome.output
            text += f" (style {outcome.style})" if outcome.style else ""
            line = (
                f"[{self._num_ended}/{self._num_jobs}] {job.source.name}: {outcome.state}: {text}"
            )
            print("\n  note: ".join([line, *outcome.notes]), file=sys.stderr)
        return outcome

    def interrupt(self, number: int, _stack: object = None) -> None:
        """Start nothing more and pass the signal on; each running file ends as a partial one."""
        self.signal_number = number
        self._stop.set()
        for process in list(self._processes):
            process.send_signal(number)

    def _paint(self, job: Job) -> Outcome:
        # -P: no file beside the videos may stand in for a module of Python's. A checkout that was
        # never installed, though, is found in the current folder only.
        safely = [] if Path.cwd() == FOUND_IN else ["-P"]
        command = [sys.executable, *safely, "-m", "rtstyle", "video", "--json", *self._arguments]
        command += ["--", str(job.source.absolute()), str(job.output.absolute())]
        # Its own session: Ctrl-C in a terminal must reach it once, through `interrupt`.
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip
        self._processes.add(process)
        if self._stop.is_set():
            process.send_signal(self.signal_number)
        output, error = process.communicate()
        self._processes.discard(process)
        if process.returncode == 0:
            for warning in error.splitlines():
                print(f"{job.source.name}: {warning}", file=sys.stderr)
            facts = json.loads(output)
            style, notes = "+".join(facts["style"]), facts["notices"]
            notes = (*notes, *stream_notes(facts["streams"]))
            return Outcome(str(job.source), str(job.output), "done", style=style, notes=notes)
        if process.returncode in COMMON_FAILURES:
            self._stop.set()
        code = process.returncode if process.returncode > 0 else 1
        what = error.strip() or f"the process ended with {process.returncode}"
        return Outcome(str(job.source), str(job.output), "failed", code, what)


@contextmanager
def interruptible(runs: Runs) -> Iterator[None]:
    """Hand SIGINT and SIGTERM to `runs` inside the block."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, runs.interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def conclude(
    outcomes: Sequence[Outcome], signal_number: int, *, as_json: bool, quiet: bool
) -> None:
    """Tell what was done and what failed; exit with the code of the first failure."""
    if as_json:
        print(
            json.dumps({"schema": SCHEMA, "files": [asdict(each) for each in outcomes]}, indent=2)
        )
    counts = {
        state: sum(each.state == state for each in outcomes)
        for state in ("done", "skipped", "failed", "not started")
    }
    if not quiet:
        print(", ".join(f"{num} {state}" for state, num in counts.items() if num), file=sys.stderr)
    failed = [each for each in outcomes if each.state == "failed"]
    for each in failed:
        print(f"failed with {each.exit_code}: {each.source}", file=sys.stderr)
        print(textwrap.indent(each.error.removeprefix("error: "), "  "), file=sys.stderr)
    if signal_number:
        raise typer.Exit(128 + signal_number)
    if failed:
        raise typer.Exit(failed[0].exit_code)


def _videos(path: Path) -> list[Path]:
    if not path.exists():
        raise SourceError(f"no such file or folder: {path}")
    if not path.is_dir():
        return [path]
    videos = (each for each in path.iterdir() if each.suffix.lower() in VIDEO_SUFFIXES)
    found = sorted(each for each in videos if each.is_file() and not each.name.startswith("."))
    if not found:
        raise SourceError(f"{path} holds no video")
    return found
