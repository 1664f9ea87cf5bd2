"""`rtstyle demo`, on a smaller clip than the real one."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rtstyle import cli
from rtstyle.capture import demo as demo_source


def run_demo(*options: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["rtstyle", "demo", *options])
        small = partial(demo_source.DemoSource, 192, 108, num_frames=8)
        patch.setattr(demo_source, "DemoSource", small)
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("with spaces") / "demo"
    assert run_demo("--out", str(out), "--quiet") == 0
    return out


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_it_leaves_a_clip_its_painting_and_a_sheet(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "clip.mp4",
        "painted.mp4",
        "sheet.jpg",
    ]
    before, after = frames(folder / "clip.mp4"), frames(folder / "painted.mp4")
    assert len(before) == len(after) == 8
    assert before[0].shape == after[0].shape == (108, 192, 3)
    change = np.abs(before[0].astype(int) - after[0]).mean()
    assert change > 10, "the painting looks like the clip"
    with Image.open(folder / "sheet.jpg") as sheet:
        assert sheet.width > 4 * 192 and sheet.height > 2 * 108


def test_it_replaces_nothing_unasked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run_demo("--out", str(folder)) == 4
    assert "clip.mp4" in capsys.readouterr().err
    assert times == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_it_says_where_everything_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo("--out", str(folder), "--overwrite", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said.pop("schema") == 1
    assert {name: Path(path).is_file() for name, path in said.items()} == {
        "clip": True,
        "painted": True,
        "sheet": True,
    }


def test_an_unwritable_folder_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run_demo("--out", str(tmp_path / "file" / "demo")) == 4
    assert capsys.readouterr().err.startswith("error: cannot make the folder")


def test_a_wrong_style_leaves_nothing_in_the_way_of_the_next_try(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_demo("--out", str(tmp_path), "--style", "nosuch") == 6
    assert "nosuch" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_sheet_that_exists_is_told_before_anything_is_painted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sheet.jpg").write_text("mine")
    assert run_demo("--out", str(tmp_path)) == 4
    assert "sheet.jpg exists" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
