"""Options that several commands of training have."""

from __future__ import annotations

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
        "--download-features", help="Allow torchvision to fetch VGG16's weights (528 MB)."
    ),
]
ThreadsOption = Annotated[int, typer.Option(help="CPU threads; 0 leaves the choice to torch.")]
