"""What README.md tells people to type exists: commands and options, targets, modules, API."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import typer

import rtstyle.cli
import train.cli
from tests.media import Clip, make_clip

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """Lines of the shell blocks, without comments."""
    lines = "\n".join(blocks("sh")).splitlines()
    return [line for line in (each.split(" #")[0].strip() for each in lines) if line]


def spoken() -> list[str]:
    """What stands as code within the text."""
    prose = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]


@cache
def programs() -> dict[str, Any]:
    return {
        "rtstyle": typer.main.get_command(rtstyle.cli.app),
        "python -m train": typer.main.get_command(train.cli.app),
    }


def find_command(line: str) -> tuple[Any, list[str]]:
    """The command that a line calls, and the words after it."""
    program = next(name for name in programs() if line.startswith(name))
    command, words = programs()[program], shlex.split(line.removeprefix(program))
    while hasattr(command, "commands") and words:
        words = parsed(command, words)
        if not words or words[0] not in command.commands:
            break
        name, *words = words
        is_train = program == "rtstyle" and name == "train"
        command = programs()["python -m train"] if is_train else command.commands[name]
    return command, words


def parsed(command: Any, words: list[str]) -> list[str]:
    """The words that are no options; an option that the command lacks raises."""
    context = command.make_context(command.name, [], resilient_parsing=True)
    return command.make_parser(context).parse_args(list(words))[1]


def options_of(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for inner in getattr(command, "commands", {}).values():
        yield from options_of(inner)


OURS = [line for line in shell_lines() if line.startswith(("rtstyle ", "python -m train "))]


def test_there_is_something_to_check() -> None:
    assert len(OURS) > 15 and len(blocks("python")) >= 2


@pytest.mark.parametrize("line", OURS)
def test_every_command_line_can_be_parsed(line: str) -> None:
    command, words = find_command(line)
    command.make_context(command.name, words).close()


@pytest.mark.parametrize("code", [code for code in spoken() if code.startswith("rtstyle ")])
def test_every_command_in_the_text_has_the_options_it_is_told_with(code: str) -> None:
    command, words = find_command(code)
    rest = parsed(command, words)
    assert not (hasattr(command, "commands") and rest), f"no command {rest[0]}"


@pytest.mark.parametrize("code", [code for code in spoken() if code.startswith("--")])
def test_every_option_in_the_text_exists(code: str) -> None:
    known = {option for program in programs().values() for option in options_of(program)}
    assert set(re.findall(r"--[a-z][a-z-]*", code)) <= known


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make ")])
def test_every_target_is_in_the_makefile(line: str) -> None:
    assert f"\n{line.split()[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", sorted(set(re.findall(r"\bbenchmarks\.\w+", TEXT))))
def test_every_benchmark_exists(module: str) -> None:
    assert find_spec(module) is not None


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^):]+)\)", TEXT))))
def test_every_picture_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_the_python_snippets_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(Path("in.mp4"), Clip(num_frames=3))
    names: dict[str, Any] = {"pixels": np.full((40, 60, 3), 90, np.uint8)}
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
    assert names["painted"].shape == (40, 60, 3)
    with av.open("out.mp4") as container:
        assert len(list(container.decode(video=0))) == 3
    assert capsys.readouterr().out


def test_every_figure_has_its_file() -> None:
    folder = ROOT / "benchmarks"
    named = set(re.findall(r"results/\w+\.json", TEXT + (folder / "README.md").read_text("utf-8")))
    assert named
    assert not [name for name in named if not (folder / name).exists()]
