"""Options that several commands of training have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[Path, typer.Option(help="Folder that a recipe's paths start from.")]
FeaturesOption = Annotated[
    Path | None, typer.Option(help="File with VGG16's weights (torchvision's names).")
]
DownloadOption = Annotated[
    bool,
    typer.Option(
        "--download-features",
        help="Allow torchvision to fetch VGG16's weights (528 MB; VGG19: 548).",
    ),
]
ThreadsOption = Annotated[
    int, typer.Option(help="CPU threads; 0 leaves the choice to torch.", min=0)
]


@dataclass(frozen=True)
class Means:
    """What a training works with (see `rtstyle.cli.grouped`)."""

    data: DataOption = Path("../shared/data")
    features: FeaturesOption = None
    download_features: DownloadOption = False
    threads: ThreadsOption = 0


@dataclass(frozen=True)
class Course:
    """From where to where a training goes."""

    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in --out.")] = False
    steps: Annotated[
        int | None, typer.Option(help="Replace the recipe's number of steps.", min=1)
    ] = None
