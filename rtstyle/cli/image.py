"""`rtstyle image`: pictures and folders of pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rtstyle.errors import SinkError, UsageError

from . import choosing, styling
from .progress import ProgressReport
from .video import DAMAGED_EXIT_CODE

SCHEMA = 1


def image(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of them.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A picture, or a folder.")],
    look: styling.Look,
    options: styling.RunOptions,
    compare: styling.CompareOption = False,
    overwrite: styling.OverwriteOption = False,
) -> None:
    """Paint a picture, or every picture of a folder."""
    from dataclasses import replace

    from rtstyle.capture.images import ImageSource
    from rtstyle.face import FaceOptions
    from rtstyle.pipeline import StillsPipeline
    from rtstyle.runner import run
    from rtstyle.sink.images import ImageSink

    quiet = options.quiet
    controls = look.controls(smooth=0, compare="side-by-side" if compare else "off")
    face_options = FaceOptions(look.face_range)  # type: ignore[arg-type]
    opened = ImageSource(source)
    outputs = output_paths(source, output, opened.files)
    sink = ImageSink(outputs, overwrite=overwrite)
    engine, bank, chosen = styling.load_painter(options.generator, options.backend, look.asked)
    chooser: choosing.Chooser | None = None
    with ProgressReport(source.name, opened.info.duration_seconds, 0.0, quiet=quiet) as progress:
        pipeline = StillsPipeline(engine, bank, face_options)
        if chosen == styling.AUTO_STYLE:
            chooser = choosing.Chooser(options.generator, bank)
            pipeline.choose_mix = lambda frame: chooser.choose(
                [frame.pixels], opened.files[frame.index].name
            )
        report = run(opened, pipeline, sink, replace(controls, mix=chosen), progress)
    if options.as_json:
        facts = {
            "schema": SCHEMA,
            "outputs": [str(path) for path in sink.written],
            "damage": report.damage,
            # Of several pictures each may have its own: `styles` is in their order.
            "style": dict.fromkeys(chooser.names, 1.0) if chooser else dict(chosen),
            **({"styles": chooser.names} if chooser else {}),
            "backend": engine.info.backend,
            "precision": engine.info.precision,
            "seconds": round(report.elapsed_seconds, 3),
        }
        print(json.dumps(facts, indent=2))
    if not quiet:
        remarks = [f"note: {remark}" for remark in pipeline.people.remarks]
        for line in [*(chooser.lines if chooser else []), *remarks]:
            print(line, file=sys.stderr)
        what = str(outputs[0]) if len(outputs) == 1 else f"{output}: {report.num_frames} pictures"
        print(f"{what} ({report.elapsed_seconds:.1f} s)", file=sys.stderr)
    if report.damage:
        print(f"error: not all pictures were painted\n{report.damage}", file=sys.stderr)
        raise typer.Exit(DAMAGED_EXIT_CODE)


def output_paths(source: Path, output: Path, files: list[Path]) -> list[Path]:
    """Where each picture goes; a folder as output is made where it is missing.

    Raises:
        UsageError: a folder cannot go into one picture, or input and output are the same.
        SinkError: the folder cannot be made.
    """
    from rtstyle.capture import IMAGE_SUFFIXES

    if source.is_dir():
        if output.suffix.lower() in IMAGE_SUFFIXES and not output.is_dir():
            raise UsageError(f"{source} is a folder, so OUT must be one too: {output}")
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = error.strerror or ""
            raise SinkError(f"the folder {output} cannot be made", why) from error
        paths = [output / file.name for file in files]
    else:
        paths = [output / source.name if output.is_dir() else output]
    for file, path in zip(files, paths, strict=True):
        if path.exists() and path.samefile(file):
            raise UsageError(f"input and output are the same file: {path}")
    return paths
