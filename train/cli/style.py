"""`rtstyle train style`: a style of one's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rtstyle.shelf import DEFAULT_GENERATOR, generator_option

from .options import DownloadOption, FeaturesOption, ThreadsOption
from .progress import LINE_EVERY_STEPS, progress_bar, text

if TYPE_CHECKING:
    from ..own_style import FitProgress

SCHEMA = 1


def style(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE...", help="A painting, or several to be fused into one style."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The .style file.", show_default="PICTURE.style"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the style.", show_default="the file's")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the picture.")] = "",
    author: Annotated[str, typer.Option(help="Who painted it.")] = "",
    year: Annotated[str, typer.Option(help="When.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the picture.")] = "",
    fuse: Annotated[
        Literal["mixture", "kmeans", "mean"],
        typer.Option(help="How several pictures are fused: what they share, or their mean."),
    ] = "mixture",
    photos: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with photos of yours to practise on, besides those we ship."),
    ] = None,
    generator: Annotated[str, typer.Option(help="Generator of the shelf.")] = (DEFAULT_GENERATOR),
    steps: Annotated[int, typer.Option(help="Steps to make.", min=1)] = 600,
    minutes: Annotated[float, typer.Option(help="Stop after so many minutes.", min=0.01)] = 9.0,
    features: FeaturesOption = None,
    download_features: DownloadOption = False,
    threads: ThreadsOption = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace an output that exists.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object.")
    ] = False,
) -> None:
    """Make a style of your own from a painting, or from several of one painter.

    A preview beside the .style file is refreshed as it goes; Ctrl-C keeps what is learned so far.
    """
    import torch

    from ..own_style import FitOptions
    from ..style_order import StyleOrder, make_style, name_from

    if threads:
        torch.set_num_threads(threads)
    out = out or Path(pictures[0].stem + ".style")
    facts = {"title": title, "author": author, "year": year, "licence": licence}
    order = StyleOrder(
        pictures,
        out,
        name or name_from(out),
        facts,
        generator=generator,
        photos=photos or [],
        fusion=fuse,
        features=features,
        download_features=download_features,
        overwrite=overwrite,
        fit=FitOptions(steps=steps, max_seconds=60 * minutes),
    )
    with progress_bar(quiet=quiet) as bar:
        task = bar.add_task(order.name, total=1.0, terms=f"preview: {order.preview}")

        def report(progress: FitProgress) -> None:
            bar.update(task, completed=progress.share, terms=text(progress.terms))
            often = progress.step == 1 or progress.step % LINE_EVERY_STEPS == 0
            if often and not quiet and not sys.stderr.isatty():
                line = f"{order.name}: {progress.share:.0%}, {text(progress.terms)}"
                print(line, file=sys.stderr, flush=True)

        made = make_style(order, report)
    if as_json:
        result = {
            "schema": SCHEMA,
            "style": order.name,
            "path": str(made.path),
            "preview": str(order.preview),
            "started_from": made.start,
            "steps": made.last.step,
            "seconds": round(made.last.elapsed_seconds, 1),
            "losses": made.last.terms,
        }
        print(json.dumps(result, indent=2))
    if not quiet:
        with_it = quote(str(made.path)) + generator_option(generator)
        print(
            f"{made.path} ({made.last.step} steps, {made.last.elapsed_seconds:.0f} s)\n"
            f"use it: rtstyle video IN OUT --style {with_it}\n"
            f"keep it: rtstyle styles add {with_it}",
            file=sys.stderr,
        )
    if made.was_interrupted:
        raise KeyboardInterrupt
