"""The wheel, in an environment with nothing but what it asks for, does what the checkout does.

The environment is a venv whose packages are links to those of this one: just the closure of the
wheel's requirements. What is used and not declared is missed there, and torch is absent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from rtstyle.capture.demo import DemoSource
from rtstyle.sink.video import VideoSink

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"rtstyle": "rtstyle", "engines": "rtstyle/engines", "train": "rtstyle/train"}
"""Where each room of the checkout lies in the wheel."""

LEFT_OUT = ("engines/research/", "engines/checkpoints/", "engines/build.py")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and paths of POSIX systems")


def call(command: list[str | Path], folder: Path) -> str:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))
    }
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    call(build, out)
    (built,) = out.glob("rtstyle-*.whl")
    return built


def requirements(wheel: Path) -> set[str]:
    """Names of everything that `pip install WHEEL` would bring."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    prefix = "Requires-Dist: "
    asked = [line.removeprefix(prefix) for line in text.splitlines() if line.startswith(prefix)]
    found: set[str] = set()
    while asked:
        requirement = Requirement(asked.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and (
            requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ):
            found.add(name)
            asked += metadata.requires(name) or []
    return found


def link_package(name: str, site_packages: Path) -> None:
    distribution = metadata.distribution(name)
    tops = {Path(file).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    for top in tops:
        link = site_packages / top
        if not link.exists():
            link.symlink_to(Path(str(distribution.locate_file(top))))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a venv that holds the wheel and its requirements."""
    home = tmp_path_factory.mktemp("env") / "with spaces"
    call([sys.executable, "-m", "venv", "--without-pip", home], home.parent)
    (site_packages,) = home.glob("lib/python*/site-packages")
    for name in requirements(wheel):
        link_package(name, site_packages)
    interpreter = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", interpreter, "--disable-pip-version-check"]
    call([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel], home.parent)
    return interpreter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somewhere else, with a photo and a clip."""
    here = tmp_path_factory.mktemp("elsewhere")
    frames = list(DemoSource(192, 108, num_frames=4))
    Image.fromarray(np.asarray(frames[0].pixels)).save(here / "photo.png")
    sink = VideoSink(here / "clip.mp4")
    for frame in frames:
        sink.write(frame)
    sink.close()
    return here


def checkout_files() -> Iterator[tuple[str, str]]:
    """Each file that belongs into the wheel, as in the checkout and as in the wheel."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS]
    for name in call(list(listed), ROOT).splitlines():
        room, _, rest = name.partition("/")
        if not name.startswith(LEFT_OUT) and not name.endswith(".plan") and (ROOT / name).is_file():
            yield name, f"{ROOMS[room]}/{rest}"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_every_file_of_the_checkout_is_inside_and_research_is_not(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {target for _, target in checkout_files()}
    assert {"rtstyle/engines/fast.onnx", "rtstyle/engines/fast.styles"} <= expected
    assert "rtstyle/face/models/face_detection_short_range.tflite" in expected
    assert "rtstyle/train/__main__.py" in expected
    assert inside == expected


def test_licences_travel_along(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist() if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE"} <= names


def test_the_wheel_runs_without_torch_and_not_from_the_checkout(python: Path, folder: Path) -> None:
    code = (
        "import importlib.util as u, rtstyle, rtstyle.shelf as s, json\n"
        "print(json.dumps([rtstyle.__file__, str(s.shelf_folder()), bool(u.find_spec('torch')),"
        " bool(u.find_spec('rtstyle.train'))]))"
    )
    package, shelf, has_torch, has_train = json.loads(call([python, "-c", code], folder))
    assert Path(package).is_relative_to(python.parent.parent)
    assert Path(shelf).is_relative_to(python.parent.parent)
    assert not has_torch
    assert has_train


def test_its_commands_work_from_another_folder(python: Path, folder: Path) -> None:
    command = python.with_name("rtstyle")
    checkout = [sys.executable, "-m", "rtstyle"]
    assert call([command, "--version"], folder) == call([*checkout, "--version"], ROOT)
    assert call([command, "--help"], folder).count("\n") > 10
    styles = call([command, "styles", "--json"], folder)
    assert styles == call([*checkout, "styles", "--json"], ROOT)
    call([command, "image", "photo.png", "painted.png"], folder)
    call([*checkout, "image", str(folder / "photo.png"), str(folder / "same.png")], ROOT)
    with Image.open(folder / "painted.png") as ours, Image.open(folder / "same.png") as same:
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(same))
    report = json.loads(call([command, "video", "clip.mp4", "painted.mp4", "--json"], folder))
    assert report["frames"] == 4
    assert (folder / "painted.mp4").stat().st_size > 0


def test_its_doctor_finds_nothing_broken(python: Path, folder: Path) -> None:
    said = json.loads(call([python.with_name("rtstyle"), "doctor", "--json"], folder))
    assert said["usable"]
    faces = [finding for finding in said["findings"] if finding["topic"] == "faces"]
    assert [finding["level"] for finding in faces] == ["ok"], faces
