"""Groups of options: typer sees each field, the command gets the group, batch passes it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from rtstyle.cli.grouped import as_arguments, grouped


@dataclass(frozen=True)
class Paint:
    colour: Annotated[str, typer.Option("--colour", "-c", help="Which.")] = "red"
    coat_count: Annotated[int, typer.Option(help="How many.", min=1)] = 1
    is_glossy: Annotated[bool, typer.Option("--is-glossy")] = False
    primer: Annotated[str | None, typer.Option()] = None


@dataclass(frozen=True)
class Varnish(Paint):
    colour: Annotated[str, typer.Option("--colour", help="Another.")] = "clear"


def run(*arguments: str) -> tuple[str, Paint, bool]:
    seen: list[tuple[str, Paint, bool]] = []

    def command(wall: str, paint: Varnish, dry: Annotated[bool, typer.Option("--dry")]) -> None:
        """Paint a wall."""
        seen.append((wall, paint, dry))

    app = typer.Typer()
    app.command()(grouped(command))
    result = CliRunner().invoke(app, ["north", "--dry", *arguments])
    assert result.exit_code == 0, result.output
    return seen[0]


def test_the_command_gets_its_group_with_defaults_of_the_subclass() -> None:
    assert run() == ("north", Varnish(), True)
    assert Varnish().colour == "clear"


def test_every_field_is_an_option() -> None:
    options = ["--colour", "blue", "--coat-count", "3", "--is-glossy", "--primer", "chalk"]
    assert run(*options)[1] == Varnish("blue", 3, True, "chalk")


@pytest.mark.parametrize(
    "paint", [Varnish(), Varnish("blue", 2), Varnish(is_glossy=True, primer="a b=c")]
)
def test_a_group_passed_on_as_words_comes_out_the_same(paint: Varnish) -> None:
    assert run(*as_arguments(paint))[1] == paint


def test_help_tells_every_option_with_its_default() -> None:
    app = typer.Typer(rich_markup_mode=None)

    def command(paint: Varnish) -> None:
        """Paint a wall."""

    app.command()(grouped(command))
    text = CliRunner().invoke(app, ["--help"]).output
    assert "Paint a wall." in text
    for words in ("--colour", "Another.", "clear", "--coat-count", "--is-glossy", "--primer"):
        assert words in text
