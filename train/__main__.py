"""The command line of training: `python -m train` in a checkout, `rtstyle train` everywhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rtstyle.errors import RtstyleError

from .errors import missing_extra

if TYPE_CHECKING:
    from rich.progress import Progress

    from .own_style import FitProgress

SCHEMA = 1
LINE_EVERY_STEPS = 50

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def commands() -> None:
    """Make styles of your own; train and export rtstyle's generators."""


DataOption = Annotated[Path, typer.Option(help="Folder that a recipe's paths start from.")]
FeaturesOption = Annotated[
    Path | None, typer.Option(help="File with VGG16's weights (torchvision's names).")
]


DownloadOption = Annotated[
    bool,
    typer.Option(
        "--download-features", help="Allow torchvision to fetch VGG16's weights (528 MB)."
    ),
]
ThreadsOption = Annotated[int, typer.Option(help="CPU threads; 0 leaves the choice to torch.")]


@app.command()
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
    generator: Annotated[str, typer.Option(help="Generator of the shelf.")] = "fast",
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

    from .own_style import FitOptions
    from .style_order import StyleOrder, make_style, name_from

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
    with _bar(quiet=quiet) as bar:
        task = bar.add_task(order.name, total=1.0, terms=f"preview: {order.preview}")

        def report(progress: FitProgress) -> None:
            bar.update(task, completed=progress.share, terms=_text(progress.terms))
            often = progress.step == 1 or progress.step % LINE_EVERY_STEPS == 0
            if often and not quiet and not sys.stderr.isatty():
                line = f"{order.name}: {progress.share:.0%}, {_text(progress.terms)}"
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
        print(
            f"{made.path} ({made.last.step} steps, {made.last.elapsed_seconds:.0f} s)\n"
            f"use it: rtstyle video IN OUT --style {made.path}\n"
            f"keep it: rtstyle styles add {made.path}",
            file=sys.stderr,
        )
    if made.was_interrupted:
        raise KeyboardInterrupt


@app.command()
def perceptual(
    recipe: Annotated[Path, typer.Argument(help="TOML recipe, see train/recipes/.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log and sheets.")],
    data: DataOption = Path("../shared/data"),
    features: FeaturesOption = None,
    download_features: DownloadOption = False,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
    steps: Annotated[int | None, typer.Option(help="Replace the recipe's number of steps.")] = None,
    threads: ThreadsOption = 0,
) -> None:
    """Train one generator on a bank of styles with perceptual losses."""
    from dataclasses import replace

    import torch

    from .features import load_features
    from .perceptual import Paths, PerceptualRun, train
    from .recipe import load_recipe

    plan = load_recipe(recipe)
    if steps is not None:
        plan = replace(plan, steps=steps)
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = PerceptualRun(
        plan, Paths(data, out), load_features(features, download=download_features), device
    )
    if resume:
        run.resume()
    with _bar() as bar:
        task = bar.add_task(plan.name, total=plan.steps, completed=run.step, terms="")

        def report(step: int, terms: dict[str, float], seconds: float) -> None:
            bar.update(task, completed=step, terms=_text(terms))
            if not sys.stderr.isatty() and (step % LINE_EVERY_STEPS == 0 or step <= 3):
                line = f"step {step}  {seconds:.2f} s  {_text(terms)}"
                print(line, file=sys.stderr, flush=True)

        train(run, report)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.safetensors of a training run.")],
    photo: Annotated[Path, typer.Option(help="Photo on which torch and the graphs are compared.")],
    out: Annotated[Path, typer.Option(help="The shelf.")] = Path("engines"),
    name: Annotated[str, typer.Option(help="Name of the generator on the shelf.")] = "fast",
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0",
) -> None:
    """Write a trained bank to the shelf: ONNX graphs, styles and card."""
    from .data import load_picture
    from .export import export as write

    result = write(checkpoint, out, name, load_picture(photo, short_side=512), licence)
    print(
        f"{out / name}.onnx: within {result.max_difference} of 255 of torch; "
        f"float16 {result.fp16_psnr_db:.1f} dB"
    )


def run(arguments: Sequence[str] | None, program: str, *, is_whole_program: bool = False) -> None:
    """Run a command; without arguments, the one of the process.

    Raises:
        RtstyleError: anything that a user can mend.
    """
    try:
        app(arguments, prog_name=program, standalone_mode=is_whole_program)
    except ModuleNotFoundError as error:
        if explained := missing_extra(error):
            raise explained from None
        raise


def main() -> None:
    """`python -m train`; errors that a user can mend are printed without a traceback."""
    try:
        run(None, "python -m train", is_whole_program=True)
    except RtstyleError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _bar(*, quiet: bool = False) -> Progress:
    """Progress on a terminal; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def _text(terms: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in terms.items())


if __name__ == "__main__":
    main()
