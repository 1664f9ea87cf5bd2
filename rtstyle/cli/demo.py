"""`rtstyle demo`: what rtstyle does, on a clip that it brings along."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.errors import SinkError

from . import styling
from .video import DecodingOptions, EncodingOptions, video

if TYPE_CHECKING:
    from rtstyle.frame import Pixels

SCHEMA = 1


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "rtstyle-demo"
    ),
    style: styling.StyleOption = None,
    overwrite: styling.OverwriteOption = False,
    quiet: styling.QuietOption = False,
    as_json: styling.JSONOption = False,
) -> None:
    """Paint a clip of five seconds, made here of four photos, and say where it is."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot make the folder {out}", error.strerror or str(error)) from error
    made = {name: out / name for name in ("clip.mp4", "painted.mp4", "sheet.jpg")}
    clip, painted, sheet = made.values()
    there = next((path for path in made.values() if path.exists()), None)
    if there is not None and not overwrite:
        raise SinkError(f"{there} exists already", fix="add --overwrite to replace it")
    make_clip(clip, overwrite)
    if not quiet:
        print(f"painting {clip}", file=sys.stderr)
    look, options = styling.MovingLook(style=style), styling.RunOptions(quiet=quiet)
    decoding, encoding = DecodingOptions(), EncodingOptions()
    try:
        video(str(clip), painted, look, decoding, encoding, options, overwrite=overwrite)
    except BaseException:
        clip.unlink(missing_ok=True)  # or it would be in the way of the next try
        raise
    make_sheet(clip, painted, sheet)
    if as_json:
        files = {path.stem: str(path) for path in made.values()}
        print(json.dumps({"schema": SCHEMA, **files}, indent=2))
        return
    for label, path in zip(("source", "painted", "contact sheet"), made.values(), strict=True):
        print(f"{label:<14} {path.resolve()}")


def make_clip(path: Path, overwrite: bool) -> None:
    """Write the clip that is painted.

    Raises:
        SinkError: it cannot be written, or exists.
    """
    from rtstyle.capture.demo import DemoSource
    from rtstyle.sink.video import VideoSink, VideoSinkOptions

    source = DemoSource()
    sink = VideoSink(path, VideoSinkOptions(overwrite=overwrite, rate=source.info.rate))
    try:
        for frame in source:
            sink.write(frame)
        sink.close()
    except BaseException:
        sink.abort()
        raise


def make_sheet(clip: Path, painted: Path, path: Path) -> None:
    """Write a sheet with one moment of each shot, before and after.

    Raises:
        SinkError: it cannot be written.
    """
    from PIL import Image

    from rtstyle.capture.demo import SHOTS, DemoSource
    from rtstyle.contact_sheet import contact_sheet

    num_frames = DemoSource().info.num_frames or 0
    middles = [num_frames * (2 * i + 1) // (2 * len(SHOTS)) for i in range(len(SHOTS))]
    cells = [*frames_at(clip, middles), *frames_at(painted, middles)]
    picture = Image.fromarray(contact_sheet(cells, columns=len(SHOTS)))
    try:
        picture.save(path, quality=90)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SinkError(f"cannot write {path}", error.strerror or str(error)) from error


def frames_at(path: Path, indices: list[int]) -> list[tuple[str, Pixels]]:
    """Caption and pixels of the frames with these indices."""
    from rtstyle.capture import open_source

    source = open_source(str(path))
    try:
        return [
            (f"{path.stem}, {frame.pts_seconds:.1f} s", frame.pixels)
            for frame in source
            if frame.index in indices
        ]
    finally:
        source.close()
