"""`python -m train perceptual`: a bank of styles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Course, Means
from .progress import step_report


def perceptual(
    recipe: Annotated[Path, typer.Argument(help="TOML recipe, see train/recipes/.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, log and sheets.")],
    means: Means,
    course: Course,
    start_from: Annotated[
        Path | None, typer.Option(help="Begin with the weights of another run's checkpoint.")
    ] = None,
) -> None:
    """Train one generator on a bank of styles with perceptual losses."""
    from dataclasses import replace

    import torch

    from ..devices import best_device
    from ..features import load_features
    from ..loop import Paths, train
    from ..perceptual import PerceptualRun
    from ..recipe import load_recipe

    plan = load_recipe(recipe)
    if course.steps is not None:
        plan = replace(plan, steps=course.steps)
    if means.threads:
        torch.set_num_threads(means.threads)
    device = best_device()
    vgg = load_features(means.features, download=means.download_features)
    run = PerceptualRun(plan, Paths(means.data, out), vgg, device)
    if course.resume:
        run.resume()
    elif start_from:
        run.start_from(start_from)
    with step_report(plan, run.step) as report:
        train(run, report)
