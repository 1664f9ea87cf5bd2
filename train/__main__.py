"""`python -m train`: the command line of training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .errors import TrainError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def commands() -> None:
    """Train and export rtstyle's generators."""


DataOption = Annotated[Path, typer.Option(help="Folder that a recipe's paths start from.")]
FeaturesOption = Annotated[
    Path | None, typer.Option(help="File with VGG16's weights (torchvision's names).")
]


@app.command()
def perceptual(
    recipe: Annotated[Path, typer.Argument(help="TOML recipe, see train/recipes/.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log and sheets.")],
    data: DataOption = Path("../shared/data"),
    features: FeaturesOption = None,
    download_features: Annotated[
        bool, typer.Option(help="Allow torchvision to fetch VGG16's weights (528 MB).")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
    steps: Annotated[int | None, typer.Option(help="Replace the recipe's number of steps.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Train one generator on a bank of styles with perceptual losses."""
    from dataclasses import replace

    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

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
    console = Console(stderr=True)
    bar = Progress(
        TextColumn(plan.name),
        BarColumn(),
        MofNCompleteColumn(),
        Remaining(),
        TextColumn("{task.fields[terms]}"),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(plan.name, total=plan.steps, completed=run.step, terms="")

        def report(step: int, terms: dict[str, float], seconds: float) -> None:
            text = "  ".join(f"{name} {value:.3f}" for name, value in terms.items())
            bar.update(task, completed=step, terms=text)
            if not console.is_terminal and (step % 50 == 0 or step <= 3):
                print(f"step {step}  {seconds:.2f} s  {text}", file=sys.stderr, flush=True)

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


def main() -> None:
    """Run the command line; errors a user can mend are printed without a traceback."""
    try:
        app()
    except TrainError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
