"""`python -m train perceptual`: a bank of styles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DataOption, DownloadOption, FeaturesOption, ThreadsOption
from .progress import step_report


def perceptual(
    recipe: Annotated[Path, typer.Argument(help="TOML recipe, see train/recipes/.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log and sheets.")],
    data: DataOption = Path("../shared/data"),
    features: FeaturesOption = None,
    download_features: DownloadOption = False,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False,
    start_from: Annotated[
        Path | None, typer.Option(help="Begin with the weights of another run's checkpoint.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Replace the recipe's number of steps.")] = None,
    threads: ThreadsOption = 0,
) -> None:
    """Train one generator on a bank of styles with perceptual losses."""
    from dataclasses import replace

    import torch

    from ..features import load_features
    from ..loop import Paths, train
    from ..perceptual import PerceptualRun
    from ..recipe import load_recipe

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
    elif start_from:
        run.start_from(start_from)
    with step_report(plan, run.step) as report:
        train(run, report)
