"""`rtstyle doctor` finds what is there, names what mends, and exits 0 only where rtstyle works."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from rtstyle import cli, machine
from rtstyle.capture import hwaccel
from rtstyle.doctor import _survive, devices, engines, examine, installation, is_usable, media
from rtstyle.errors import EngineError
from rtstyle.finding import Finding
from rtstyle.inference import nvidia
from rtstyle.inference.nvidia import query_gpus
from rtstyle.machine import Machine, package_versions, this_machine
from rtstyle.sink import encoders


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return examine()


def of_topic(findings: list[Finding], topic: str) -> list[Finding]:
    return [finding for finding in findings if finding.topic == topic]


def test_every_check_reports_and_none_breaks(findings: list[Finding]) -> None:
    topics = {finding.topic for finding in findings}
    assert {"system", "processor", "opencv", "ffmpeg", "backend", "encoders", "cache"} <= topics
    assert not [finding for finding in findings if "the check itself failed" in finding.text]


def test_this_installation_is_usable(findings: list[Finding]) -> None:
    assert [finding for finding in findings if finding.level == "fail"] == []
    assert is_usable(findings)


def test_the_backend_taken_is_one_that_was_tried_and_timed(findings: list[Finding]) -> None:
    taken = of_topic(findings, "backend")[0].text.split()[0]
    tried = of_topic(findings, f"backend {taken}")
    if tried:
        assert re.search(r"\d+ ms for a 1280x720 picture", tried[0].text)
    else:
        assert taken.startswith("tensorrt")


def test_encoders_are_tried_not_believed() -> None:
    (found,) = media.encoders()
    working, _, missing = found.text.partition("not here")
    assert "libx264" in working
    if not query_gpus()[0]:
        assert "h264_nvenc" in missing


def test_a_missing_default_encoder_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "why_not", lambda name: "" if name == "libvpx-vp9" else "broken")
    assert [finding.level for finding in media.encoders()] == ["fail"]


@pytest.mark.parametrize(
    ("reason", "words"), [("", "--hwaccel auto"), ("no decoder", "on the CPU: no decoder")]
)
def test_decoding_is_told_where_there_is_a_card(
    monkeypatch: pytest.MonkeyPatch, reason: str, words: str
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(hwaccel, "why_not_cuda", lambda gpu: asked.append(gpu) or reason)
    monkeypatch.setattr(nvidia, "query_gpus", lambda: ((), "no NVIDIA driver"))
    assert media.decoders() == [] and asked == []
    monkeypatch.setattr(nvidia, "query_gpus", lambda: (("a card",), ""))
    monkeypatch.setenv("RTSTYLE_GPU", "1")
    (found,) = media.decoders()
    assert words in found.text and asked == [1]


@pytest.mark.parametrize(
    ("installed", "level"),
    [
        ({"opencv-contrib-python": "5.0.0.93", "opencv-python": None}, "ok"),
        ({"opencv-contrib-python": "5.0.0.93", "opencv-python": "5.0.0.93"}, "warn"),
        ({"opencv-contrib-python": "5.0.0.93", "opencv-python": "4.12.0.88"}, "fail"),
        ({"opencv-contrib-python": None}, "fail"),
    ],
)
def test_opencv_builds(installed: dict[str, str | None], level: str) -> None:
    (finding,) = installation.opencv_builds(installed)
    assert finding.level == level
    assert bool(finding.fix) == (level != "ok")


@pytest.mark.parametrize(
    ("flags", "level", "words"),
    [
        (("avx2", "avx512_bf16"), "ok", "avx512_bf16"),
        (("avx2",), "ok", "float32"),
        (("avx512_fp16",), "warn", "no AVX2"),
        ((), "ok", "Some CPU, 1 core"),
    ],
)
def test_processor(flags: tuple[str, ...], level: str, words: str) -> None:
    this = Machine("Some system", "3.11", "Some CPU", 1, flags, memory_gib=0)
    (finding,) = of_topic(installation.machine(this), "processor")
    assert finding.level == level
    assert words in finding.text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="v4l2loopback is Linux's")
def test_virtual_camera_names_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("pyvirtualcam", reason="the extra vcam is not installed")
    (absent,) = devices.virtual_camera(tmp_path)
    assert "not loaded" in absent.text and "modprobe v4l2loopback" in absent.fix
    caps = tmp_path / "sys/module/v4l2loopback/parameters/exclusive_caps"
    caps.parent.mkdir(parents=True)
    caps.write_text("N,N,N\n")
    assert "exclusive_caps=0" in devices.virtual_camera(tmp_path)[0].text
    caps.write_text("Y,Y,Y\n")
    assert devices.virtual_camera(tmp_path)[0].level == "ok"


def test_the_privacy_check_sees_a_switch_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installation.privacy()[0].level == "ok"
    monkeypatch.setitem(os.environ, "ORT_DISABLE_TELEMETRY", "0")
    assert installation.privacy()[0].level == "fail"


def test_no_generator_is_a_failure_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise EngineError("no generator called 'fast'", fix="the shelf holds: nothing")

    monkeypatch.setattr(engines, "find_generator", missing)
    (finding,) = engines.backends()
    assert (finding.level, finding.fix) == ("fail", "the shelf holds: nothing")


def test_a_check_that_raises_is_a_finding() -> None:
    def broken_wheel() -> list[Finding]:
        raise ImportError("libGL.so.1: cannot open shared object file\nmore")

    (finding,) = _survive(broken_wheel)
    assert (finding.topic, finding.level) == ("broken wheel", "fail")
    assert "libGL.so.1" in finding.text and "\n" not in finding.text


def test_a_setting_of_the_user_that_is_wrong_is_no_broken_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RTSTYLE_GPU", "abc")
    (finding,) = _survive(engines.nvidia)
    assert finding.level == "fail" and finding.text.startswith("RTSTYLE_GPU must be the number")
    assert finding.fix == "unset RTSTYLE_GPU"


@pytest.mark.parametrize(
    ("system", "level"),
    [
        ("Debian GNU/Linux 12 (bookworm), Linux 6.1 x86_64", "warn"),
        ("Linux 6.1 x86_64", "warn"),
        ("Linux 6.1 riscv64", "ok"),
        ("Darwin 24.1 x86_64", "ok"),
        ("Windows 11 AMD64", "ok"),
    ],
)
def test_a_processor_that_has_none_of_the_instructions_is_old_where_they_are_known(
    system: str, level: str
) -> None:
    this = Machine(system, "3.11", "Pentium", 2, (), memory_gib=0)
    (finding,) = of_topic(installation.machine(this), "processor")
    assert finding.level == level and ("no AVX2" in finding.text) == (level == "warn")


def test_files_that_vanish_while_the_cache_is_counted_are_survived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "rtstyle" / "engines"
    folder.mkdir(parents=True)
    (folder / "a.plan").write_bytes(bytes(3_000_000))
    gone, found = folder / "b.plan.123.part", Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: [*found(path, pattern), gone])
    monkeypatch.setattr(Path, "is_file", lambda path: not path.is_dir())  # it was there just now
    (finding,) = installation.cache_folder()
    assert "3 MB in 1 files" in finding.text


def run_doctor(monkeypatch: pytest.MonkeyPatch, found: list[Finding], *options: str) -> int:
    monkeypatch.setattr("rtstyle.doctor.examine", lambda: found)
    monkeypatch.setattr(sys, "argv", ["rtstyle", "doctor", *options])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_exit_code_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    well = [Finding("encoders", "ok", "libx264"), Finding("camera", "warn", "none found")]
    assert run_doctor(monkeypatch, well, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == 1 and said["usable"] is True
    assert said["findings"][1] == {
        "topic": "camera",
        "level": "warn",
        "text": "none found",
        "fix": "",
    }
    ill = [*well, Finding("backend", "fail", "none works", "pip install openvino")]
    assert run_doctor(monkeypatch, ill, "--json") == 6
    assert json.loads(capsys.readouterr().out)["usable"] is False


def test_lines_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ill = [Finding("backend", "fail", "none works: [all]", "pip install openvino")]
    assert run_doctor(monkeypatch, ill) == 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["fail", "backend", "none", "works:", "[all]"]
    assert lines[1].strip() == "pip install openvino"


def test_machine_facts() -> None:
    this = this_machine()
    assert this.num_cores >= 1 and this.cpu
    assert package_versions(("numpy", "no-such-package"))["no-such-package"] is None


@pytest.mark.parametrize(
    ("files", "num_usable"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "1600000 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
    ],
)
def test_a_container_uses_no_more_cores_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], num_usable: int
) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "CGROUP", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert machine.num_cores() == num_usable
