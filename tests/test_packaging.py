"""The files around the code: Makefile, pins, licence."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
UNPINNED_EXTRAS = {"tensorrt", "tensorrt-rtx"}
"""Installed neither by `make demo` nor by `make test`."""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def direct_dependencies() -> Iterator[Requirement]:
    extras = project()["optional-dependencies"].items()
    wanted = [line for name, lines in extras if name not in UNPINNED_EXTRAS for line in lines]
    for line in [*project()["dependencies"], *wanted]:
        requirement = Requirement(line)
        if requirement.name != "rtstyle":
            yield requirement


def test_each_dependency_is_pinned_within_its_range_and_nothing_else_is() -> None:
    pinned, asked = pins(), list(direct_dependencies())
    assert set(pinned) == {canonicalize_name(requirement.name) for requirement in asked}
    for requirement in asked:
        version = pinned[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{requirement} is pinned to {version}"


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    # Inside another make, as in `make test`, it would be told to act as that one's part.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(("target", "extra"), [("demo", "."), ("test", "'.[test]'")])
def test_make_installs_then_runs_from_a_path_with_spaces(
    tmp_path: Path, target: str, extra: str
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    result = make(folder, "--dry-run", target)
    assert result.returncode == 0, result.stderr
    install = result.stdout.index(f"--constraint constraints.txt --editable {extra}\n")
    run = "rtstyle demo" if target == "demo" else "-m pytest"
    assert install < result.stdout.index(run)
    assert str(folder) not in result.stdout


def test_make_says_which_python_is_missing(tmp_path: Path) -> None:
    result = make(tmp_path, "demo", "CANDIDATES=python-of-nowhere")
    assert result.returncode != 0
    assert "no Python 3.11 or newer found" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_decides_by_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("exec make test")


def test_notice_names_every_photo_and_model_that_is_shipped() -> None:
    notice = (ROOT / "NOTICE").read_text()
    shipped = [*ROOT.glob("rtstyle/photos/*.jpg"), *ROOT.glob("rtstyle/face/models/*.tflite")]
    assert len(shipped) >= 7
    assert [path.name for path in shipped if path.name not in notice] == []
    assert "Apache License" in (ROOT / "LICENSE").read_text()
