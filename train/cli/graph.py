"""`python -m train graph`: which style of a bank is right for a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DataOption


def graph(
    recipe: Annotated[Path, typer.Argument(help="The TOML recipe that the bank was trained by.")],
    data: DataOption = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="The shelf.")] = Path("engines"),
    name: Annotated[str, typer.Option(help="Name of the generator on the shelf.")] = "fast",
) -> None:
    """Compute the graph of a bank's styles, by which `--style auto` chooses."""
    from rtstyle.style import load_styles
    from rtstyle.style_graph import save_graph

    from ..graph import build_graph, read_paintings, read_photos
    from ..recipe import load_recipe

    plan = load_recipe(recipe)
    bank = load_styles(out / f"{name}.styles")
    paintings = read_paintings(plan, data, bank.names)
    photos = read_photos(plan, data)
    made = build_graph(paintings, photos)
    path = out / f"{name}.graph"
    save_graph(path, made)
    path.chmod(0o644)
    print(f"{path}: {len(paintings)} styles, {len(photos)} photos, {len(made.nodes)} nodes")
