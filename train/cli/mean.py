"""`python -m train mean`: one bank from several states of its training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mean(
    checkpoints: Annotated[
        list[Path], typer.Argument(help="States of one run, or of runs with the same beginning.")
    ],
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")],
) -> None:
    """Average the weights of several states of a training: steadier than any of them."""
    from ..checkpoint import load_checkpoint, save_checkpoint
    from ..checkpoint import mean as mean_of

    save_checkpoint(out, mean_of([load_checkpoint(path) for path in checkpoints]))
    print(f"{out}: the mean of {len(checkpoints)} checkpoints")
