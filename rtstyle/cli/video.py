"""`rtstyle video`: a clip in, a painted clip out."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtstyle.errors import SourceError, UsageError

from . import choosing, styling
from .progress import ProgressReport

if TYPE_CHECKING:
    from rtstyle.runner import Report

SCHEMA = 1
DAMAGED_EXIT_CODE = 7


@dataclass(frozen=True)
class DecodingOptions:
    """How the input is decoded (see `grouped`)."""

    hwaccel: Annotated[
        str, typer.Option(help="Decode with an NVIDIA GPU: none, auto (where it works), cuda.")
    ] = "none"


@dataclass(frozen=True)
class EncodingOptions:
    """How the result is encoded (see `grouped`)."""

    codec: Annotated[
        str, typer.Option(help="Video encoder, like libx264, libx265, libsvtav1, h264_nvenc.")
    ] = "auto"
    crf: Annotated[
        int | None, typer.Option(help="Quality: lower is better.", show_default="18 for H.264")
    ] = None
    preset: Annotated[
        str | None, typer.Option(help="Speed of the encoder.", show_default="a quick one for H.264")
    ] = None


def video(
    source: Annotated[str, typer.Argument(metavar="IN", help="Video file, or a URL.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Video file to write.")],
    look: styling.MovingLook,
    decoding: DecodingOptions,
    encoding: EncodingOptions,
    options: styling.RunOptions,
    start: Annotated[
        str | None, typer.Option(help="Begin here: seconds, or HH:MM:SS.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Stop here: seconds, or HH:MM:SS.", show_default=False)
    ] = None,
    compare: styling.CompareOption = False,
    overwrite: styling.OverwriteOption = False,
) -> None:
    """Paint a video; sound, timestamps and everything else stay as they are."""
    from rtstyle.capture import open_source
    from rtstyle.capture.video import VideoSourceOptions
    from rtstyle.face import FaceOptions
    from rtstyle.inference import GpuOptions
    from rtstyle.pipeline import Pipeline
    from rtstyle.runner import run
    from rtstyle.sink.video import VideoSink, VideoSinkOptions, check_output
    from rtstyle.sizes import processing_size

    quiet = options.quiet
    controls = look.controls(compare="side-by-side" if compare else "off")
    face_options = FaceOptions(look.face_range)  # type: ignore[arg-type]
    start_seconds, end_seconds = parse_time(start, "--start"), parse_time(end, "--end")
    refuse_picture(Path(source))
    check_output(output, Path(source), overwrite)
    engine, bank, chosen = styling.load_painter(
        options.generator, options.backend, look.asked, follow="first"
    )
    decoded = VideoSourceOptions(
        start_seconds, end_seconds, gpu=GpuOptions.from_environment().gpu, **asdict(decoding)
    )
    opened = open_source(source, decoded)
    if chosen == styling.AUTO_STYLE:
        chooser = choosing.Chooser(options.generator, bank)
        chosen = chooser.choose(choosing.opening(open_source(source, decoded)), Path(source).name)
        if not quiet:
            print(chooser.lines[-1], file=sys.stderr)
    controls = replace(controls, mix=chosen)
    # Here Ctrl-C still ends the command, in the middle of a compilation if need be.
    engine.prepare(*processing_size(opened.info.height, opened.info.width, look.size))
    sink = VideoSink(
        output,
        VideoSinkOptions(
            source_path=opened.info.path,
            overwrite=overwrite,
            rate=opened.info.rate,
            start_seconds=start_seconds,
            end_seconds=end_seconds,
            **asdict(encoding),
        ),
    )
    begin_seconds = getattr(opened, "begin_seconds", 0.0)
    progress = ProgressReport(output.name, opened.info.duration_seconds, begin_seconds, quiet=quiet)
    with interruptible() as interruption, progress:
        pipeline = Pipeline(engine, bank, face_options)
        report = run(opened, pipeline, sink, controls, progress, interruption.stop)
    written = interruption.keep_or_discard(sink.written_path)
    result = {
        "input": source,
        "output": None if written is None else str(written),
        "style": dict(chosen),
        "strength": look.strength,
        "backend": engine.info.backend,
        "precision": engine.info.precision,
        "streams": [asdict(stream) for stream in sink.report],
        "notices": [*opened.notices, *sink.notices, *pipeline.people.remarks],
    }
    finish(report, result, interruption, as_json=options.as_json, quiet=quiet)


def refuse_picture(path: Path) -> None:
    """What is no video is told before anything is loaded.

    Raises:
        SourceError: a folder or a picture.
    """
    from rtstyle.capture import IMAGE_SUFFIXES

    if path.is_dir():
        fix = "for all videos in it: rtstyle batch; for pictures: rtstyle image"
        raise SourceError(f"{path} is a folder, not a video", fix=fix)
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        raise SourceError(f"{path} is a picture, not a video", fix="for pictures: rtstyle image")


class Interruption:
    """What a signal asked for: the first one keeps a partial output, a second one discards it."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.exit_code = 0
        self._discard = False

    def handle(self, number: int, _stack: object) -> None:
        self._discard = self.stop.is_set()
        self.exit_code = 128 + number
        self.stop.set()

    def keep_or_discard(self, path: Path | None) -> Path | None:
        """Remove the partial output after a second signal; what is left of it."""
        if self._discard and path is not None:
            path.unlink(missing_ok=True)
            return None
        return path


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn SIGINT and SIGTERM into an `Interruption` inside the block."""
    interruption = Interruption()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interruption.handle) for number in numbers]
    try:
        yield interruption
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def finish(
    report: Report,
    result: dict[str, Any],
    interruption: Interruption,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what was done, and exit with the code that tells it."""
    if as_json:
        facts = {
            "schema": SCHEMA,
            **result,
            "frames": report.num_frames,
            "seconds": round(report.elapsed_seconds, 3),
            "frames_per_second": round(report.frames_per_second, 2),
            "stage_ms": {name: round(ms, 2) for name, ms in report.stage_ms.items()},
            "interrupted": report.interrupted,
            "damage": report.damage,
        }
        print(json.dumps(facts, indent=2))
    kept = result["output"] or "nothing kept"
    if not quiet:
        for line in [*result["notices"], *stream_notes(result["streams"])]:
            print(f"note: {line}", file=sys.stderr)
        print(
            f"{kept}: {report.num_frames} frames in {report.elapsed_seconds:.1f} s, "
            f"{report.frames_per_second:.1f} fps ({result['backend']}, {result['precision']}; "
            f"slowest: {report.slowest_stage})",
            file=sys.stderr,
        )
    if report.interrupted:
        print(f"interrupted; the part that was done: {kept}", file=sys.stderr)
        raise typer.Exit(interruption.exit_code)
    if report.damage:
        print(
            f"error: the input is damaged or incomplete\n{report.damage}\n"
            f"the part that could be read: {kept}",
            file=sys.stderr,
        )
        raise typer.Exit(DAMAGED_EXIT_CODE)


def stream_notes(streams: list[dict[str, Any]]) -> list[str]:
    """A line for every stream that the output could not take as it was."""
    return [
        f"{stream['kind']} stream {stream['index']} ({stream['codec']}): {stream['note']}"
        for stream in streams
        if stream["note"]
    ]


def parse_time(text: str | None, option: str) -> float | None:
    """Seconds from "83.5" or "1:23.5" or "0:01:23.5".

    Raises:
        UsageError: no time.
    """
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = [-1.0]
    seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    if min(parts) < 0 or not seconds < float("inf"):
        raise UsageError(f"{option} is no time: '{text}'", fix="for example: 83.5, or 1:23.5")
    return seconds
