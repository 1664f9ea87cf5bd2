"""`rtstyle engines`: plans for GPUs that are not here, what is listed, what is cleaned."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rtstyle import cli, shelf
from rtstyle.inference.plan_cache import PlanCache, PlanKey

KEY = PlanKey("fast", "ab" * 32, "tensorrt-rtx", "1.7.1", "sm86", 360, 640)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of a command line."""
    monkeypatch.setattr(sys, "argv", ["rtstyle", "engines", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlanCache:
    """The user's cache, in a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return PlanCache()


def test_the_shelf_is_compiled_for_gpus_that_are_not_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("tensorrt_rtx")
    out = tmp_path / "plans"
    options = ("--size", "160x90", "--generator", "fast", "--json")
    assert run(monkeypatch, "build", "--gpu", "sm86", "sm89", "--out", str(out), *options) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"] == 1
    assert [plan["compute_capability"] for plan in printed["plans"]] == ["sm86", "sm89"]
    assert {(plan["height_px"], plan["width_px"]) for plan in printed["plans"]} == {(96, 160)}
    for plan in printed["plans"]:
        assert Path(plan["path"]).stat().st_size == plan["num_bytes"] > 0
    assert run(monkeypatch, "list", "--folder", str(out)) == 0
    assert capsys.readouterr().out.count("tensorrt-rtx") == 2


def test_all_that_stands_on_the_shelf_is_compiled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("tensorrt_rtx")
    fast = shelf.find_generator("fast")
    for name in ("fast", "another"):
        copy = shelf.ShelvedGenerator(name, tmp_path)
        copy.onnx.write_bytes(fast.onnx.read_bytes())
        copy.onnx_fp16.write_bytes(fast.onnx_fp16.read_bytes())
    monkeypatch.setattr(shelf, "shelf_folder", lambda: tmp_path)
    out = tmp_path / "plans"
    options = ("--out", str(out), "--size", "64x64", "--json")
    assert run(monkeypatch, "build", "--gpu", "sm86", *options) == 0
    plans = json.loads(capsys.readouterr().out)["plans"]
    assert [plan["generator"] for plan in plans] == ["another", "fast"]
    assert len(list(out.glob("*.plan"))) == 2


def test_a_folder_that_cannot_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("tensorrt_rtx")
    (tmp_path / "file").write_text("in the way")
    out = str(tmp_path / "file" / "plans")
    assert run(monkeypatch, "build", "--gpu", "sm86", "--out", out, "--size", "64x64") == 4
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("build",),
        ("build", "--gpu", "rtx3090"),
        ("build", "--gpu", "sm86", "--size", "big"),
        ("build", "--gpu", "sm86", "--size", "1x1"),
    ],
)
def test_wrong_options_are_usage_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert "for example: --" in capsys.readouterr().err


def test_a_generator_that_is_not_on_the_shelf_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("tensorrt_rtx")
    options = ("--out", str(tmp_path), "--generator", "fest")
    assert run(monkeypatch, "build", "--gpu", "sm86", *options) == 6
    assert "did you mean 'fast'" in capsys.readouterr().err


def test_listing_an_empty_cache(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "list") == 0
    printed = capsys.readouterr()
    assert printed.out == "" and "no compiled engines" in printed.err
    assert run(monkeypatch, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "plans": []}


@pytest.mark.parametrize("text", ["[]", "1", "null", '"fast"', "{", "\x00"])
def test_a_plan_whose_sidecar_is_damaged_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: PlanCache, text: str
) -> None:
    cache.store(KEY, b"plan")
    next(cache.folder.glob("*.plan.json")).write_text(text)
    assert run(monkeypatch, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["plans"] == []
    assert run(monkeypatch, "list") == 0
    assert "no compiled engines" in capsys.readouterr().err
    assert run(monkeypatch, "clean") == 0 and not list(cache.folder.iterdir())


def test_listing_and_cleaning_the_cache(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: PlanCache
) -> None:
    cache.store(KEY, bytes(2**20))
    assert run(monkeypatch, "list") == 0
    line = capsys.readouterr().out
    for word in ("fast", "640x360", "sm86", "tensorrt-rtx 1.7.1", "1.0 MiB"):
        assert word in line
    assert run(monkeypatch, "clean") == 0
    assert "removed 1 engines (1.0 MiB)" in capsys.readouterr().out
    assert run(monkeypatch, "clean", "--json") == 0
    assert json.loads(capsys.readouterr().out)["num_plans"] == 0
    assert cache.plans() == []
