"""`rtstyle doctor`: what this machine has, what rtstyle makes of it, and what to mend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from . import styling

if TYPE_CHECKING:
    from rtstyle.finding import Finding

SCHEMA = 1
UNUSABLE_EXIT_CODE = 6
COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(as_json: styling.JSONOption = False) -> None:
    """Look at this machine: what works, what would be taken and why, what to mend."""
    from dataclasses import asdict

    from rtstyle import __version__
    from rtstyle.doctor import examine, is_usable

    findings = examine()
    usable = is_usable(findings)
    if as_json:
        facts = {
            "schema": SCHEMA,
            "version": __version__,
            "usable": usable,
            "findings": [asdict(finding) for finding in findings],
        }
        print(json.dumps(facts, indent=2))
    else:
        show(findings)
    if not usable:
        raise typer.Exit(UNUSABLE_EXIT_CODE)


def show(findings: list[Finding]) -> None:
    """One line each: level, topic, text; under it the command that mends."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(finding.topic) for finding in findings)
    for finding in findings:
        line = Text(f"{finding.level:<5}", style=COLORS[finding.level])
        line.append(f"{finding.topic:<{width}}  {finding.text}", style="default")
        console.print(line)
        if finding.fix:
            console.print(Text(f"{'':<{width + 7}}{finding.fix}", style="bold"))
