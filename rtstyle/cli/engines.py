"""`rtstyle engines`: compile engines for NVIDIA GPUs ahead of time, list them, clean up."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.errors import UsageError

from . import styling

if TYPE_CHECKING:
    from rtstyle.inference.plan_cache import CachedPlan

SCHEMA = 1

app = typer.Typer(
    help="Engines for NVIDIA GPUs: compile them ahead of time, list them, clean up.",
    no_args_is_help=True,
)

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", help="Folder with plans.", show_default="the cache folder"),
]


@app.command()
def build(
    more_gpus: Annotated[
        list[str] | None, typer.Argument(metavar="[GPU]...", help="Further GPUs.")
    ] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option("--gpu", help="Compute capabilities, like: --gpu sm86 sm89 sm120."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the plans.")] = Path("plans"),
    size: Annotated[
        list[str] | None,
        typer.Option("--size", help="Size of the pictures to be painted, like 1280x720."),
    ] = None,
    generator: Annotated[
        list[str] | None,
        typer.Option("--generator", help="Generator of the shelf.", show_default="all of them"),
    ] = None,
    as_json: styling.JSONOption = False,
) -> None:
    """Compile the shelf ahead of time with TensorRT-RTX; no GPU is needed to do so.

    To use the plans, name their folder: RTSTYLE_ENGINES=DIR. A plan is code: use only your own.
    """
    from rtstyle.inference.shelf_plans import DEFAULT_SIZES_HW, ShelfOrder, build_shelf

    targets = _targets([*(gpu or ()), *(more_gpus or ())])
    sizes = [_size_hw(text) for text in size] if size else DEFAULT_SIZES_HW
    order = ShelfOrder(targets, out, sizes, generator or ())
    plans = build_shelf(order, lambda plan: print(f"compiled {plan.path}", file=sys.stderr))
    _show(plans, as_json=as_json)


@app.command("list")
def list_plans(folder: FolderOption = None, as_json: styling.JSONOption = False) -> None:
    """List the compiled engines and what they were compiled for."""
    from rtstyle.inference.plan_cache import PlanCache

    _show(PlanCache(folder).plans(), as_json=as_json)


@app.command()
def clean(as_json: styling.JSONOption = False) -> None:
    """Remove all compiled engines from the cache folder; they are compiled again when needed."""
    from rtstyle.inference.plan_cache import PlanCache

    cache = PlanCache()
    num_plans, num_bytes = cache.clean()
    if as_json:
        facts = {"num_plans": num_plans, "num_bytes": num_bytes, "folder": str(cache.folder)}
        print(json.dumps({"schema": SCHEMA, **facts}, indent=2))
        return
    print(f"removed {num_plans} engines ({num_bytes / 2**20:.1f} MiB) from {cache.folder}")


def _show(plans: list[CachedPlan], *, as_json: bool) -> None:
    if as_json:
        entries = [
            {"path": str(plan.path), "num_bytes": plan.size_bytes, **plan.facts} for plan in plans
        ]
        print(json.dumps({"schema": SCHEMA, "plans": entries}, indent=2))
        return
    for plan in plans:
        facts = plan.facts
        gpu = facts.get("gpu") or facts.get("compute_capability")
        print(
            f"{facts.get('generator')}  {facts.get('width_px')}x{facts.get('height_px')}  {gpu}  "
            f"{facts.get('library')} {facts.get('library_version')}  "
            f"{plan.size_bytes / 2**20:.1f} MiB  {plan.path}"
        )
    if not plans:
        print("no compiled engines", file=sys.stderr)


def _targets(texts: list[str]) -> list[str]:
    targets = [part.lower() for text in texts for part in text.replace(",", " ").split()]
    if not targets or not all(re.fullmatch(r"sm\d{2,3}", target) for target in targets):
        raise UsageError(
            f"--gpu takes compute capabilities, got '{' '.join(texts)}'",
            fix="for example: --gpu sm86 sm89 sm120 (RTX 30, 40 and 50)",
        )
    return list(dict.fromkeys(targets))


def _size_hw(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text.strip().lower())
    if match is None:
        raise UsageError(f"cannot read the size '{text}'", fix="for example: --size 1280x720")
    return int(match[2]), int(match[1])
