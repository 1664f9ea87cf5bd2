"""How far a training is, on stderr: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..domains.recipe import DomainRecipe
    from ..loop import Report
    from ..recipe import Recipe

LINE_EVERY_STEPS = 50


def progress_bar(*, quiet: bool = False) -> Progress:
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


def text(terms: dict[str, float]) -> str:
    """Loss terms in one line."""
    return "  ".join(f"{name} {value:.3f}" for name, value in terms.items())


@contextmanager
def step_report(
    plan: Recipe | DomainRecipe, completed: int, *, quiet: bool = False
) -> Iterator[Report]:
    """What the loop of a training reports its steps to; `completed` are done already."""
    if completed >= plan.steps and not quiet:
        done = f"{plan.name}: all {plan.steps} steps are done; --steps with more goes on"
        print(done, file=sys.stderr)
    with progress_bar(quiet=quiet) as bar:
        task = bar.add_task(plan.name, total=plan.steps, completed=completed, terms="")

        def report(step: int, terms: dict[str, float], seconds: float) -> None:
            bar.update(task, completed=step, terms=text(terms))
            if not sys.stderr.isatty() and (step % LINE_EVERY_STEPS == 0 or step <= 3):
                line = f"step {step}  {seconds:.2f} s  {text(terms)}"
                print(line, file=sys.stderr, flush=True)

        yield report
