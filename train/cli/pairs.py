"""`python -m train pairs`: faces and their paintings, made by optimisation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Means
from .progress import progress_bar

if TYPE_CHECKING:
    from ..domains.pairs import Progress


def pairs(
    recipe: Annotated[Path, typer.Argument(help="TOML recipe, see train/recipes/domains/.")],
    out: Annotated[Path, typer.Option(help="Folder for the pairs; what is there is kept.")],
    means: Means,
) -> None:
    """Paint faces in the style of pictures, pixel by pixel: pairs for the domain networks.

    Run it again to go on after a stop.
    """
    import torch

    from ..devices import best_device
    from ..domains.pairs import load_pairs_recipe, make_pairs
    from ..features import load_features

    plan = load_pairs_recipe(recipe)
    if means.threads:
        torch.set_num_threads(means.threads)
    device = best_device()
    network = load_features(means.features, download=means.download_features).to(device)
    with progress_bar() as bar:
        task = bar.add_task(plan.name, total=None, terms="")

        def report(progress: Progress) -> None:
            line = (
                f"{progress.done} of {progress.total} pairs, similarity {progress.similarity:.2f}"
            )
            bar.update(task, completed=progress.done, total=progress.total, terms=line)
            if not sys.stderr.isatty():
                print(line, file=sys.stderr, flush=True)

        faces = make_pairs(plan, means.data, out, network, report)
    passed_over = out / "skipped.txt"
    passed_over.write_text("".join(f"{reason}\n" for reason in faces.skipped))
    print(
        f"{out}: {len(faces)} faces in {len(plan.styles)} styles; "
        f"{len(faces.skipped)} files passed over, see {passed_over}"
    )
