"""How far a training is, on stderr: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

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
