"""`rtstyle styles`: list the styles, or see them all on a photo."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import styling

SCHEMA = 1


def styles(
    sheet: Annotated[
        Path | None, typer.Option(help="Render every style on this photo.", metavar="PHOTO")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where --sheet is written.")
    ] = Path("styles.png"),
    columns: Annotated[int, typer.Option(help="Pictures in a row of the sheet.", min=1)] = 3,
    generator: styling.GeneratorOption = "fast",
    backend: styling.BackendOption = "auto",
    overwrite: styling.OverwriteOption = False,
    as_json: styling.JSONOption = False,
) -> None:
    """List the styles; with --sheet, see all of them on a photo of yours."""
    if sheet is not None:
        write_sheet(sheet, output, columns, generator, backend, overwrite=overwrite)
        return
    from rtstyle.shelf import find_generator
    from rtstyle.style import load_styles

    bank = load_styles(find_generator(generator).styles)
    if as_json:
        keys = ("name", "title", "author", "year", "licence")
        entries = [{key: getattr(style, key) for key in keys} for style in bank]
        print(json.dumps({"schema": SCHEMA, "generator": generator, "styles": entries}, indent=2))
        return
    width = max(len(name) for name in bank.names)
    for style in bank:
        facts = ", ".join(fact for fact in (style.title, style.author, style.year) if fact)
        print(f"{style.name:<{width}}  {facts or 'the picture as it is'}")


def write_sheet(
    photo: Path, output: Path, columns: int, generator: str, backend: str, *, overwrite: bool
) -> None:
    """Render the photo and every style on it, with captions, into one picture."""
    from rtstyle.capture.images import read_image
    from rtstyle.contact_sheet import contact_sheet
    from rtstyle.controls import Controls
    from rtstyle.frame import Frame
    from rtstyle.pipeline import paint_pixels, processing_size, resize
    from rtstyle.sink.images import check_image_output, write_image
    from rtstyle.style import ORIGINAL

    check_image_output(output, overwrite=overwrite)
    pixels = read_image(photo)
    pixels = resize(pixels, *processing_size(pixels.shape[0], pixels.shape[1], None))
    engine, bank, _ = styling.load_painter(generator, backend, None)
    cells = [("photo", pixels)]
    for name in bank.names:
        if name != ORIGINAL:
            controls = Controls(((name, 1.0),))
            cells.append((name, paint_pixels(engine, bank, pixels, controls)))
    write_image(output, Frame.still(contact_sheet(cells, columns)))
    print(output, file=sys.stderr)
