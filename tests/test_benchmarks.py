"""Benchmarks that take long or need other machines: what they run, and that results are kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import damaged, gpu, latency, latency_truth, measure, saved_work, soak


def run_main(monkeypatch: pytest.MonkeyPatch, module: Any, *options: object) -> None:
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, options)])
    module.main()


def test_results_of_hours_are_written_into_folders_that_are_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*_: object) -> dict[str, Any]:
        return {"verdict": {"is": "good"}}

    monkeypatch.setattr(latency, "measure", found)
    monkeypatch.setattr(latency_truth, "measure", found)
    monkeypatch.setattr(soak, "soak", found)
    for module in (latency, latency_truth, soak):
        out = tmp_path / module.__name__ / "deep" / "result.json"
        run_main(monkeypatch, module, "--out", out)
        assert json.loads(out.read_text())["verdict"] == {"is": "good"}


def test_saved_work_writes_into_a_new_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_work, "read", lambda *_: [np.zeros((48, 64, 3), np.uint8)] * 3)
    out = tmp_path / "new" / "saved.json"
    run_main(monkeypatch, saved_work, "a.mp4", "--out", out)
    assert json.loads(out.read_text())["clips"]["a.mp4"]["frames"] == 3


def test_numbers_of_frames_that_would_come_again_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_main(monkeypatch, latency_truth, "--seconds", "150", "--out", tmp_path / "r.json")
    assert "numbers begin again" in capsys.readouterr().err


def stand_in(backend: str) -> gpu.Contender:
    return gpu.Contender(backend, lambda pixels: pixels, list, {}, lambda: None)


def measure_gpu(monkeypatch: pytest.MonkeyPatch, out: Path, *options: object) -> dict[str, Any]:
    monkeypatch.setattr(
        gpu, "contenders_for", lambda backends, *_: [stand_in(name) for name in backends]
    )
    monkeypatch.setattr(gpu, "make_clip", lambda path, *_: path)
    short = ("--sizes", "360p", "--frames", 1, "--rounds", 1, "--out", out)
    run_main(monkeypatch, gpu, "--backends", "openvino", "tensorrt", *short, *options)
    return json.loads(out.read_text())


def test_clips_are_painted_on_the_card_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run_command(command: list[object], folder: Path) -> measure.Run:
        commands.append([str(part) for part in command])
        facts = {"frames_per_second": 9.0, "stage_ms": {}, "backend": "x"}
        return measure.Run(1.0, 1.0, json.dumps(facts))

    monkeypatch.setattr(gpu, "run_command", run_command)
    measure_gpu(monkeypatch, tmp_path / "gpu.json", "--gpu", 1)
    assert len(commands) == 4
    assert all(c[c.index("--gpu") + 1] == "1" and "video" in c for c in commands)


def test_a_clip_that_fails_does_not_cost_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_command(command: list[object], folder: Path) -> measure.Run:
        if "tensorrt" in command:
            raise RuntimeError("it failed:\nerror: out of memory")
        facts = {"frames_per_second": 9.0, "stage_ms": {}, "backend": "x"}
        return measure.Run(1.0, 1.0, json.dumps(facts))

    monkeypatch.setattr(gpu, "run_command", run_command)
    found = measure_gpu(monkeypatch, tmp_path / "gpu.json")
    assert set(found["sizes"]["360p"]["engines"]) == {"openvino", "tensorrt"}
    assert set(found["sizes"]["360p"]["delivered"]) == {"openvino"}
    assert found["left_out"] == {"tensorrt, 360p clip": "error: out of memory"}


@pytest.mark.parametrize("is_left", [False, True])
def test_a_hidden_file_left_behind_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_left: bool
) -> None:
    def run_command(arguments: list[str], log: Path, _: float) -> tuple[int, float, float]:
        log.write_text("")
        if is_left:
            (log.parent / ".out.mkv.12.part").write_bytes(b"")
        return 0, 0.1, 50.0

    monkeypatch.setattr(damaged, "CLIPS", {"mp4": None})
    monkeypatch.setattr(damaged, "run_command", run_command)
    monkeypatch.setattr(damaged, "make_clip", lambda path, _: path.write_bytes(bytes(99)) and path)
    out = tmp_path / "damaged.json"
    with pytest.raises(SystemExit) as ended:
        run_main(monkeypatch, damaged, "--count", 2, "--out", out)
    assert bool(ended.value.code) == is_left
    assert json.loads(out.read_text())["left_behind"] == [".out.mkv.12.part"] * is_left
