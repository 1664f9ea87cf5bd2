"""`rtstyle styles`: list the styles, see them all on photos, keep some of one's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.shelf import DEFAULT_GENERATOR, generator_option

from . import styling

if TYPE_CHECKING:
    from rtstyle.style import Style, StyleBank

SCHEMA = 1
CELL_PX, CELL_OF_TWO_PX = 300, 220
"""Height of a photo on the sheet, and of each of two, one above the other."""
PAINTED_PX = 360
"""Height at which photos are painted for it: small, so that brush strokes are seen on the sheet."""
SHEET_QUALITY = 75
"""Of a JPEG: many pictures at once, to be looked at and sent."""
NUM_LIKE = 5
"""So many styles are listed as alike; --json has them all."""

app = typer.Typer()


@app.callback(invoke_without_command=True)
def styles(
    context: typer.Context,
    sheet: Annotated[
        list[Path] | None,
        typer.Option(
            help="Render every style on this photo; give it twice for two, as squares.",
            metavar="PHOTO",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="List the styles that suit this photo best.", metavar="PHOTO"),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where --sheet is written.")
    ] = Path("styles.png"),
    columns: Annotated[int, typer.Option(help="Pictures in a row of the sheet.", min=1)] = 3,
    generator: styling.GeneratorOption = DEFAULT_GENERATOR,
    backend: styling.BackendOption = "auto",
    overwrite: styling.OverwriteOption = False,
    as_json: styling.JSONOption = False,
) -> None:
    """List the styles; with --sheet, see all of them on a photo of yours; --like: which suit it."""
    if context.invoked_subcommand is not None:
        return
    if sheet:
        write_sheet(sheet, output, columns, generator, backend, overwrite=overwrite)
        if as_json:
            facts = {"schema": SCHEMA, "generator": generator, "sheet": str(output)}
            print(json.dumps(facts, indent=2))
        return
    if like is not None:
        list_like(like, generator, as_json=as_json)
        return
    from rtstyle.api import styles_of

    bank = styles_of(generator)
    if as_json:
        keys = ("name", "title", "author", "year", "licence")
        entries = [{key: getattr(style, key) for key in keys} for style in bank]
        print(json.dumps({"schema": SCHEMA, "generator": generator, "styles": entries}, indent=2))
        return
    print_styles(bank)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A .style file (see: rtstyle train style).")],
    name: Annotated[str | None, typer.Option(help="Name to give it.")] = None,
    generator: styling.GeneratorOption = DEFAULT_GENERATOR,
    overwrite: styling.OverwriteOption = False,
) -> None:
    """Keep a style of your own: its name then works like that of any other style."""
    from rtstyle.own_styles import add_style
    from rtstyle.shelf import find_generator
    from rtstyle.style import load_styles

    shelf = load_styles(find_generator(generator).styles)
    added = add_style(file, shelf, name, overwrite=overwrite)
    use = f"--style {added.stem}{generator_option(generator)}"
    print(f"{added}\nuse it with: {use}", file=sys.stderr)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of a style that you added.")]) -> None:
    """Remove a style that you added."""
    from rtstyle.own_styles import remove_style

    print(f"removed {remove_style(name)}", file=sys.stderr)


def print_styles(bank: StyleBank) -> None:
    """A line for each style."""
    width = max(len(name) for name in bank.names)
    for style in bank:
        print(f"{style.name:<{width}}  {facts_of(style)}")


def facts_of(style: Style) -> str:
    """Title, painter and year."""
    from rtstyle.style import ORIGINAL

    known = ", ".join(fact for fact in (style.title, style.author, style.year) if fact)
    if known:
        return known
    if not len(style.vector):
        return "the one style of this generator"
    return "the picture as it is" if style.name == ORIGINAL else "a style of your own"


def list_like(photo: Path, generator: str, *, as_json: bool) -> None:
    """The styles that suit a photo best, with scores of which all sum to 1."""
    from rtstyle.api import styles_like
    from rtstyle.capture.images import read_image
    from rtstyle.shelf import find_generator
    from rtstyle.style import load_styles

    ranked = styles_like(read_image(photo), generator)
    if as_json:
        scores = [{"name": name, "score": round(score, 4)} for name, score in ranked]
        print(json.dumps({"schema": SCHEMA, "generator": generator, "styles": scores}, indent=2))
        return
    bank = load_styles(find_generator(generator).styles)
    width = max(len(name) for name, _ in ranked)
    for name, score in ranked[:NUM_LIKE]:
        print(f"{score:.2f}  {name:<{width}}  {facts_of(bank[name])}")


def write_sheet(
    photos: list[Path], output: Path, columns: int, generator: str, backend: str, *, overwrite: bool
) -> None:
    """Render the photos and every style on them, with captions, into one picture."""
    import numpy as np

    from rtstyle.capture.images import read_image
    from rtstyle.contact_sheet import contact_sheet, middle_square
    from rtstyle.controls import Controls
    from rtstyle.frame import Frame
    from rtstyle.pipeline import paint_pixels
    from rtstyle.sink.images import check_image_output, write_image
    from rtstyle.sizes import processing_size, resize
    from rtstyle.style import ORIGINAL

    check_image_output(output, overwrite=overwrite)
    pictures = [read_image(photo) for photo in photos]
    if len(pictures) > 1:
        pictures = [middle_square(picture) for picture in pictures]
    height, _ = processing_size(pictures[0].shape[0], pictures[0].shape[1], PAINTED_PX)
    pictures = [resize(p, height, round(p.shape[1] * height / p.shape[0])) for p in pictures]
    engine, bank, _ = styling.load_painter(generator, backend, None)
    cells = [("photo", np.vstack(pictures))]
    for name in bank.names:
        if name != ORIGINAL:
            controls = Controls(((name, 1.0),))
            painted = [paint_pixels(engine, bank, picture, controls) for picture in pictures]
            cells.append((name, np.vstack(painted)))
    cell_px = CELL_PX if len(pictures) == 1 else CELL_OF_TWO_PX * len(pictures)
    sheet = contact_sheet(cells, columns, cell_px)
    write_image(output, Frame.still(sheet), SHEET_QUALITY)
    print(output, file=sys.stderr)
