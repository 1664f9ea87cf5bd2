"""Compiling plans: for real with TensorRT-RTX where it is installed, else against a stand-in."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from cuda_standin import FakeTensorRT, FakeTorch

from rtstyle.errors import EngineError
from rtstyle.inference.build_watch import BuildWatch
from rtstyle.inference.tensorrt_compile import (
    RTX,
    BuildCancelled,
    CompileJob,
    Library,
    compile_plan,
    load_library,
)
from rtstyle.shelf import find_generator, generators

ROOT = Path(__file__).resolve().parent.parent
JOB = CompileJob("fast", b"onnx", 64, 96)
SIZE_HW = (96, 160)
MAX_PLAN_BYTES = 16 * 2**20


def make_fake() -> tuple[FakeTensorRT, Library]:
    fake = FakeTensorRT(FakeTorch(), lambda inputs: inputs["frame"])
    return fake, Library("tensorrt", fake)


@pytest.fixture(scope="module")
def rtx() -> Library:
    pytest.importorskip("tensorrt_rtx")
    return load_library(RTX)


def shelf_job(name: str, target: str = "sm86") -> CompileJob:
    return CompileJob(name, find_generator(name).onnx_fp16.read_bytes(), *SIZE_HW, target)


@pytest.mark.parametrize("name", generators())
def test_every_generator_of_the_shelf_compiles(rtx: Library, name: str) -> None:
    generator = find_generator(name)
    compiled = compile_plan(rtx, shelf_job(name))
    picture = ((1, *SIZE_HW, 3), "uint8")
    assert compiled.tensors["frame"] == compiled.tensors["stylized"] == picture
    if "style" in compiled.tensors:
        (batch, num_values), dtype = compiled.tensors["style"]
        assert (batch, dtype) == (1, "float32") and num_values > 0
    weights = generator.onnx_fp16.stat().st_size
    assert weights / 2 < len(compiled.plan) < MAX_PLAN_BYTES
    assert compiled.timing == b""


def test_the_target_goes_into_the_plan(rtx: Library) -> None:
    targets = ("sm75", "sm89")
    plans = {compile_plan(rtx, shelf_job("fast", target)).plan for target in targets}
    assert len(plans) == len(targets)


def test_the_float32_graph_compiles_too(rtx: Library) -> None:
    onnx = find_generator("fast").onnx.read_bytes()
    assert compile_plan(rtx, CompileJob("fast", onnx, *SIZE_HW, "sm86")).plan


def test_a_gpu_that_rtx_does_not_know_is_refused(rtx: Library) -> None:
    with pytest.raises(EngineError, match="cannot compile for sm90") as caught:
        compile_plan(rtx, shelf_job("fast", "sm90"))
    assert "sm86" in caught.value.why


def test_a_damaged_graph_is_refused(rtx: Library) -> None:
    with pytest.raises(EngineError, match="cannot read the generator"):
        compile_plan(rtx, CompileJob("fast", b"no onnx at all", *SIZE_HW, "sm86"))


def test_a_size_that_the_generator_cannot_take_is_refused(rtx: Library) -> None:
    onnx = find_generator("fast").onnx_fp16.read_bytes()
    with pytest.raises(EngineError, match="160x97"):
        compile_plan(rtx, CompileJob("fast", onnx, 97, 160, "sm86"))


def test_real_progress_rises_to_the_end(rtx: Library) -> None:
    seen: list[float] = []
    watch = BuildWatch(lambda watch: seen.append(watch.fraction))
    compile_plan(rtx, shelf_job("fast"), watch)
    assert len(seen) > 10
    assert seen == sorted(seen) and seen[0] < 0.1
    assert watch.fraction == 1


def test_a_real_build_can_be_stopped_and_another_follows(rtx: Library) -> None:
    watch = BuildWatch(lambda watch: watch.cancelled.set())
    with pytest.raises(BuildCancelled):
        compile_plan(rtx, shelf_job("fast"), watch)
    assert compile_plan(rtx, shelf_job("fast")).plan


def test_ctrl_c_stops_a_real_build_without_a_crash(rtx: Library) -> None:
    """In a process of its own: an exception in a callback from C++ would end it by SIGABRT."""
    code = """
        import _thread
        from rtstyle.inference.tensorrt_compile import *
        from rtstyle.shelf import find_generator
        onnx = find_generator("fast").onnx_fp16.read_bytes()
        job = CompileJob("fast", onnx, 720, 1280, "sm86")
        sent = []
        def interrupt(watch):
            if not sent:
                sent.append(_thread.interrupt_main())
        try:
            compile_plan(load_library(RTX), job, BuildWatch(interrupt))
        except KeyboardInterrupt:
            print("interrupted")
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode != -signal.SIGABRT
    assert result.stdout.strip() == "interrupted", result.stderr


def test_the_network_is_strongly_typed_and_static() -> None:
    fake, library = make_fake()
    compiled = compile_plan(library, JOB)  # the stand-in insists on the flag
    assert compiled.tensors["frame"] == ((1, 64, 96, 3), "uint8")
    assert compiled.tensors["stylized"] == ((1, 64, 96, 3), "uint8")
    assert fake.num_builds == 1


def test_a_timing_cache_goes_in_and_comes_out() -> None:
    fake, library = make_fake()
    first = compile_plan(library, JOB)
    assert first.timing == b"+timed"
    again = CompileJob("fast", b"onnx", 64, 96, timing=first.timing)
    assert compile_plan(library, again).timing == b"+timed+timed"
    assert fake.configs[-1].timing == b"+timed"


@pytest.mark.parametrize("timing", [b"damaged", b"of another GPU"])
def test_timings_that_do_not_fit_are_made_anew(timing: bytes) -> None:
    _, library = make_fake()
    assert compile_plan(library, CompileJob("fast", b"onnx", 64, 96, timing=timing)).timing == (
        b"+timed"
    )


def test_the_gpu_is_made_current_in_the_thread_that_builds() -> None:
    fake, library = make_fake()
    entered: list[int] = []
    built_in: list[int] = []
    fake.on_step = lambda: built_in.append(threading.get_ident())

    @contextmanager
    def on_device():
        entered.append(threading.get_ident())
        yield

    compile_plan(library, JOB, on_device=on_device)
    assert set(built_in) == set(entered)
    assert threading.get_ident() not in entered, "the main thread takes signals"


def test_no_gpu_is_said() -> None:
    fake, library = make_fake()
    fake.refuses = "gpu"
    with pytest.raises(EngineError, match="sees no GPU") as caught:
        compile_plan(library, JOB)
    assert "error: 35" in caught.value.why


def test_a_build_that_fails_is_said_with_its_reason() -> None:
    fake, library = make_fake()
    fake.refuses = "build"
    with pytest.raises(EngineError, match="cannot compile fast for 96x64") as caught:
        compile_plan(library, JOB)
    assert "no implementation" in caught.value.why


@pytest.mark.parametrize(
    "changes",
    [
        {"frame": ([1, 3, -1, -1], "FLOAT", True)},
        {"stylized": ([1, -1, -1, 3], "FLOAT", False)},
        {"style": ([1, 8], "HALF", True)},
    ],
)
def test_graphs_that_break_the_contract_are_refused(changes: dict) -> None:
    fake, library = make_fake()
    fake.graph.update(changes)
    with pytest.raises(EngineError, match="other inputs or outputs"):
        compile_plan(library, JOB)


def test_a_library_that_is_not_installed_comes_with_the_install_line() -> None:
    with pytest.raises(EngineError) as caught:
        load_library("tensorrt-that-nobody-has")
    assert "pip install" in caught.value.fix


def test_nested_phases_count_as_parts_of_their_parents_step() -> None:
    watch = BuildWatch()
    watch.start()
    watch.phase_start("build", None, 4)
    watch.step_complete("build", 0)
    assert watch.fraction == pytest.approx(0.25)
    watch.phase_start("tactics", "build", 10)
    watch.step_complete("tactics", 4)
    assert watch.fraction == pytest.approx(0.25 + 0.25 * 0.5)
    watch.phase_finish("tactics")
    watch.phase_start("reformats", "build", 10)
    watch.step_complete("reformats", 0)
    assert watch.fraction == pytest.approx(0.375), "progress never falls"
    watch.step_complete("build", 3)
    watch.phase_finish("build")
    assert watch.fraction == 1


def test_remaining_time_follows_from_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtstyle.inference import build_watch

    now = [100.0]
    monkeypatch.setattr(build_watch.time, "monotonic", lambda: now[0])
    watch = BuildWatch()
    watch.start()
    watch.phase_start("build", None, 10)
    assert watch.remaining_seconds is None
    now[0] += 6
    watch.step_complete("build", 1)
    assert watch.remaining_seconds == pytest.approx(24)
    assert watch.text == "compiling, 20%, 24 s left"
