"""What doctor says of NVIDIA, on machines that only exist here."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rtstyle.finding import Finding
from rtstyle.inference import nvidia
from rtstyle.inference.nvidia import Gpu, Machine, findings, install_line, query_gpus

RTX_3090 = Gpu(0, "NVIDIA GeForce RTX 3090", "580.65.06", (8, 6), 24576, 23000)
GTX_1080 = Gpu(1, "NVIDIA GeForce GTX 1080", "580.65.06", (6, 1), 8192, 8000)
H100 = Gpu(0, "NVIDIA H100 80GB HBM3", "580.65.06", (9, 0), 81559, 81000)
GOOD = Machine((RTX_3090,), "", "13.0", {"tensorrt": "11.4.0"})
SIZE_HW = (720, 1280)

TWO_CARDS = """\
0, NVIDIA GeForce RTX 3090, 580.65.06, 8.6, 24576, 23000
1, NVIDIA GeForce GTX 1080, 580.65.06, 6.1, 8192, 8000
"""


def judge(machine: Machine, gpu: int = 0, size_hw: tuple[int, int] = SIZE_HW) -> list[Finding]:
    return findings(machine, gpu, size_hw)


def only_warning(found: list[Finding]) -> Finding:
    (warning,) = [each for each in found if each.level == "warn"]
    return warning


def test_cards_are_read_from_nvidia_smi() -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        asked.append(command)
        return TWO_CARDS

    assert query_gpus(run) == ((RTX_3090, GTX_1080), "")
    assert asked[0][0] == "nvidia-smi"
    assert RTX_3090.target == "sm86" and RTX_3090.driver_major == 580


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(), "no NVIDIA driver"),
        (PermissionError("denied"), "denied"),
        (subprocess.TimeoutExpired("nvidia-smi", 10), "timed out"),
        (
            subprocess.CalledProcessError(9, "nvidia-smi", "NVIDIA-SMI has failed because\nmore"),
            "NVIDIA-SMI has failed because",
        ),
        (subprocess.CalledProcessError(15, "nvidia-smi", ""), "exit code 15"),
    ],
)
def test_a_driver_that_does_not_answer_is_survived(error: Exception, words: str) -> None:
    def run(command: Sequence[str]) -> str:
        raise error

    gpus, reason = query_gpus(run)
    assert gpus == () and words in reason


@pytest.mark.parametrize("output", ["", "\n", "No devices were found\n", "0, A, [N/A], x, y, z\n"])
def test_output_without_a_card_is_survived(output: str) -> None:
    assert query_gpus(lambda command: output) == ((), "nvidia-smi lists no card")


def test_a_machine_without_nvidia_is_nothing_to_mend() -> None:
    (found,) = judge(Machine(gpu_error="no NVIDIA driver (nvidia-smi is missing)"))
    assert (found.level, found.fix) == ("ok", "")
    assert "OpenVINO" in found.text


def test_a_driver_that_broke_is() -> None:
    (found,) = judge(Machine(gpu_error="NVIDIA-SMI has failed because it couldn't communicate"))
    assert found.level == "warn" and found.fix


def test_all_in_place() -> None:
    (found,) = judge(GOOD)
    assert found.level == "ok"
    for word in ("RTX 3090", "sm86", "580.65.06", "tensorrt 11.4.0"):
        assert word in found.text


def test_tensorrt_missing_comes_with_the_install_line() -> None:
    found = only_warning(judge(replace(GOOD, libraries={})))
    assert "TensorRT is not installed" in found.text
    assert found.fix == "pip install 'rtstyle[tensorrt]'"


def test_an_old_driver_must_be_updated_before_installing() -> None:
    old = replace(RTX_3090, driver="535.10")
    found = only_warning(judge(replace(GOOD, gpus=(old,), libraries={})))
    assert found.fix.startswith("update the NVIDIA driver to 580")


def test_the_install_line_is_that_of_the_system() -> None:
    assert install_line(RTX_3090, "linux") == "pip install 'rtstyle[tensorrt]'"
    windows = install_line(replace(RTX_3090, driver="535.10"), "win32")
    assert windows.startswith("update the NVIDIA driver to 580")
    assert "CUDA build of torch" in windows and windows.endswith('pip install "rtstyle[tensorrt]"')


def test_torch_missing_is_said() -> None:
    found = only_warning(judge(replace(GOOD, torch_cuda=None)))
    assert "torch is not installed" in found.text and "pip install" in found.fix


def test_a_cpu_build_of_torch_is_said() -> None:
    found = only_warning(judge(replace(GOOD, torch_cuda="")))
    assert "CPU build" in found.text and "CUDA build" in found.fix


@pytest.mark.parametrize(
    ("driver", "cuda", "needed"), [("570.1", "13.0", "580"), ("470.1", "12.8", "535")]
)
def test_a_driver_too_old_for_cuda_is_said(driver: str, cuda: str, needed: str) -> None:
    old = replace(RTX_3090, driver=driver)
    found = only_warning(judge(replace(GOOD, gpus=(old,), torch_cuda=cuda)))
    assert driver in found.text and cuda in found.text and needed in found.fix


def test_a_driver_that_suffices_is_not_complained_of() -> None:
    old = replace(RTX_3090, driver="570.1")
    assert [each.level for each in judge(replace(GOOD, gpus=(old,), torch_cuda="12.8"))] == ["ok"]


def test_broken_libraries_are_said_with_their_words() -> None:
    broken = {"tensorrt": "libnvinfer.so.11: cannot open shared object file"}
    found = only_warning(judge(replace(GOOD, libraries={}, broken=broken)))
    assert "libnvinfer.so.11" in found.text and "--force-reinstall" in found.fix


def test_an_old_card_is_said_and_the_better_one_named() -> None:
    machine = replace(GOOD, gpus=(RTX_3090, GTX_1080))
    found = only_warning(judge(machine, gpu=1))
    assert "too old for TensorRT" in found.text and "--gpu 0" in found.fix
    alone = replace(GOOD, gpus=(replace(GTX_1080, index=0),))
    assert only_warning(judge(alone)).fix == ""


def test_a_card_that_rtx_does_not_know_is_sent_to_tensorrt() -> None:
    rtx = replace(GOOD, gpus=(H100,), libraries={"tensorrt-rtx": "1.7.1"})
    found = only_warning(judge(rtx))
    assert "H100" in found.text and "rtstyle[tensorrt]" in found.fix
    assert [each.level for each in judge(replace(GOOD, gpus=(H100,)))] == ["ok"]


def test_two_cards_are_listed_with_the_choice() -> None:
    found = judge(replace(GOOD, gpus=(RTX_3090, GTX_1080)))
    assert [each.level for each in found] == ["ok", "ok"]
    assert "0 NVIDIA GeForce RTX 3090, 1 NVIDIA GeForce GTX 1080" in found[0].text
    assert "--gpu" in found[0].text


def test_a_number_without_a_card_is_said() -> None:
    assert "there is no GPU 3" in only_warning(judge(GOOD, gpu=3)).text


def test_too_little_free_memory_depends_on_the_size() -> None:
    full = replace(GOOD, gpus=(replace(RTX_3090, memory_free_mib=1500),))
    assert [each.level for each in judge(full, size_hw=(720, 1280))] == ["ok"]
    found = only_warning(judge(full, size_hw=(4320, 7680)))
    assert "1500 of 24576 MiB" in found.text and "--size" in found.fix


def test_doctor_looks_at_the_gpu_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "look", lambda: replace(GOOD, gpus=(RTX_3090, GTX_1080)))
    monkeypatch.setenv("RTSTYLE_GPU", "1")
    assert "GTX 1080" in only_warning(nvidia.nvidia_findings()).text
    monkeypatch.delenv("RTSTYLE_GPU")
    assert "RTX 3090" in nvidia.nvidia_findings()[-1].text


def test_findings_of_this_machine_come_without_a_word_of_failure() -> None:
    found = nvidia.nvidia_findings()
    assert found and all(each.level in ("ok", "warn") for each in found)


@pytest.mark.parametrize(
    ("missing", "words"), [("tensorrt", "not installed"), ("torch", "torch is not installed")]
)
def test_what_may_be_used_is_told_without_importing(
    monkeypatch: pytest.MonkeyPatch, missing: str, words: str
) -> None:
    monkeypatch.setattr(nvidia, "driver_version", lambda: "580.65")
    monkeypatch.setattr(
        nvidia.importlib.util, "find_spec", lambda name: None if name == missing else object()
    )
    assert words in nvidia.may_use("tensorrt")


def test_without_a_driver_nothing_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(nvidia, "driver_version", lambda: "")
    assert nvidia.may_use("tensorrt") == "no NVIDIA driver"
    monkeypatch.setattr(nvidia, "driver_version", lambda: "580.65")
    assert nvidia.may_use("tensorrt") == ""
