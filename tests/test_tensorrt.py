"""The TensorRT engine: where plans come from, what is compared, what is refused. On stand-ins."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from cuda_standin import FakeRTX, FakeTensorRT, FakeTorch

from rtstyle.errors import EngineError, UsageError
from rtstyle.inference import GPU_BACKENDS, GpuOptions, load_engine, nvidia
from rtstyle.inference.build_watch import BuildWatch
from rtstyle.inference.onnxruntime import ONNXRuntimeEngine
from rtstyle.inference.parity import MIN_PSNR_DB, photo, psnr_db
from rtstyle.inference.plan_cache import PlanCache
from rtstyle.inference.tensorrt import KEPT_SIZES, CudaDevice, TensorRTEngine, load_tensorrt
from rtstyle.inference.tensorrt_compile import RTX, Library
from rtstyle.inference.tensorrt_run import TensorRTRunner
from rtstyle.runner import one_behind
from rtstyle.shelf import ShelvedGenerator, find_generator
from rtstyle.style import Style, load_styles

FAST = find_generator("fast")
SIZE_HW = (64, 96)


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(FAST.onnx_fp16), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def style() -> Style:
    return load_styles(FAST.styles)["starry-night"]


class Desk:
    """A machine with one GPU, a cache folder and a library that computes what FAST does."""

    def __init__(self, session: onnxruntime.InferenceSession, folder: Path, *, rtx: bool) -> None:
        self.torch = FakeTorch()
        kind = FakeRTX if rtx else FakeTensorRT
        num_values = ONNXRuntimeEngine(FAST.onnx).info.generator.num_style_values
        self.trt = kind(self.torch, self._paint, num_style_values=num_values)
        self.library = Library(RTX if rtx else "tensorrt", self.trt)
        self.device = CudaDevice(self.torch, 0, "NVIDIA RTX 3090", "sm86", "580.65")
        self.session, self.cache = session, PlanCache(folder)
        self.fault = 0

    def _paint(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        painted = np.asarray(self.session.run(["stylized"], inputs)[0])
        return painted ^ np.uint8(self.fault)

    def engine(
        self, options: GpuOptions | None = None, device: CudaDevice | None = None
    ) -> TensorRTEngine:
        return TensorRTEngine(
            FAST,
            self.library,
            device or self.device,
            options or GpuOptions(),
            BuildWatch(),
            self.cache,
        )


@pytest.fixture
def desk(session: onnxruntime.InferenceSession, tmp_path: Path) -> Desk:
    return Desk(session, tmp_path / "engines", rtx=False)


@pytest.fixture
def rtx_desk(session: onnxruntime.InferenceSession, tmp_path: Path) -> Desk:
    return Desk(session, tmp_path / "engines", rtx=True)


@pytest.mark.parametrize("size_hw", [(64, 96), (65, 97), (9, 7)])
def test_paints_any_size_as_onnx_runtime_does(
    desk: Desk, style: Style, size_hw: tuple[int, int]
) -> None:
    engine = desk.engine()
    pixels = photo(*size_hw)
    painted = engine.stylize(pixels, style)
    assert painted.shape == pixels.shape and painted.flags.c_contiguous
    assert psnr_db(painted, ONNXRuntimeEngine(FAST.onnx).stylize(pixels, style)) > MIN_PSNR_DB
    assert engine.info.device == "NVIDIA RTX 3090" and engine.info.precision == "f16"
    engine.close()


def test_many_frames_in_order(desk: Desk, style: Style) -> None:
    engine = desk.engine()
    frames = [np.roll(photo(*SIZE_HW), 8 * shift, axis=1) for shift in range(4)]
    painted = list(one_behind(engine.begin(pixels, style) for pixels in frames))
    for pixels, result in zip(frames, painted, strict=True):
        np.testing.assert_array_equal(result, engine.stylize(pixels, style))


def test_a_plan_is_compiled_once_and_kept(desk: Desk, style: Style) -> None:
    first = desk.engine()
    assert not first.is_prepared(*SIZE_HW)
    first.prepare(*SIZE_HW)
    assert first.is_prepared(*SIZE_HW) and desk.trt.num_builds == 1
    first.stylize(photo(*SIZE_HW), style)
    desk.engine().prepare(*SIZE_HW)
    assert desk.trt.num_builds == 1


@pytest.mark.parametrize("change", [{"driver": "590.1"}, {"name": "NVIDIA RTX 4090"}])
def test_another_driver_or_gpu_compiles_again(desk: Desk, change: dict[str, str]) -> None:
    desk.engine().prepare(*SIZE_HW)
    desk.engine(device=replace(desk.device, **change)).prepare(*SIZE_HW)
    assert desk.trt.num_builds == 2


def test_plans_of_rtx_outlive_a_driver_and_come_with_kernels(rtx_desk: Desk) -> None:
    rtx_desk.engine().prepare(*SIZE_HW)
    other = replace(rtx_desk.device, driver="590.1", name="NVIDIA RTX 3060")
    rtx_desk.engine(device=other).prepare(*SIZE_HW)
    assert rtx_desk.trt.num_builds == 1
    assert len(list(rtx_desk.cache.folder.glob("*.kernels"))) == 1
    other = replace(rtx_desk.device, compute_capability="sm89")
    rtx_desk.engine(device=other).prepare(*SIZE_HW)
    assert [config.target.name for config in rtx_desk.trt.configs] == ["SM86", "SM89"]
    assert rtx_desk.trt.num_builds == 2


def test_a_damaged_plan_is_compiled_again(desk: Desk) -> None:
    desk.engine().prepare(*SIZE_HW)
    (plan,) = desk.cache.folder.glob("*.plan")
    plan.write_bytes(b"half")
    desk.engine().prepare(*SIZE_HW)
    assert desk.trt.num_builds == 2


def test_a_plan_that_tensorrt_refuses_is_compiled_again(desk: Desk) -> None:
    engine = desk.engine()
    key = engine._key(SIZE_HW)
    desk.cache.store(key, b"whole, but of no use")
    engine.prepare(*SIZE_HW)
    assert desk.trt.num_builds == 1
    desk.engine().prepare(*SIZE_HW)
    assert desk.trt.num_builds == 1


def test_timings_shorten_the_build_of_every_other_size(desk: Desk) -> None:
    desk.engine().prepare(*SIZE_HW)
    desk.engine().prepare(32, 48)
    assert desk.trt.configs[-1].timing == b"+timed"
    assert len(list(desk.cache.folder.glob("*.timing"))) == 1
    desk.engine(device=replace(desk.device, driver="590.1")).prepare(*SIZE_HW)
    assert desk.trt.configs[-1].timing == b""


def test_an_engine_that_paints_something_else_is_refused_and_not_kept(desk: Desk) -> None:
    desk.fault = 0x40
    with pytest.raises(EngineError, match="paints something else") as caught:
        desk.engine().prepare(*SIZE_HW)
    assert "40 dB" in caught.value.why
    assert list(desk.cache.folder.glob("*.plan")) == []


def test_a_folder_of_plans_named_on_purpose_is_used(rtx_desk: Desk, tmp_path: Path) -> None:
    rtx_desk.engine().prepare(*SIZE_HW)
    folder = tmp_path / "ahead"
    rtx_desk.cache.folder.rename(folder)
    rtx_desk.engine(GpuOptions(plans=folder)).prepare(*SIZE_HW)
    assert rtx_desk.trt.num_builds == 1
    assert list(rtx_desk.cache.folder.glob("*.plan")) == []


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_folder_that_others_can_write_is_not(rtx_desk: Desk, tmp_path: Path) -> None:
    rtx_desk.engine().prepare(*SIZE_HW)
    folder = tmp_path / "ahead"
    rtx_desk.cache.folder.rename(folder)
    folder.chmod(0o777)
    rtx_desk.engine(GpuOptions(plans=folder)).prepare(*SIZE_HW)
    assert rtx_desk.trt.num_builds == 2


def test_a_plan_made_ahead_is_compared_before_it_is_used(
    rtx_desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rtx_desk.engine().prepare(*SIZE_HW)
    rtx_desk.cache.folder.rename(tmp_path / "ahead")
    rtx_desk.fault = 0x40
    with caplog.at_level(logging.INFO), pytest.raises(EngineError, match="something else"):
        rtx_desk.engine(GpuOptions(plans=tmp_path / "ahead")).prepare(*SIZE_HW)
    assert "is not used: the compiled engine paints something else" in caplog.text


def test_why_a_plan_made_ahead_is_refused_is_told_to_who_waits_for_another(
    rtx_desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rtx_desk.engine().prepare(*SIZE_HW)
    ahead = PlanCache(tmp_path / "ahead")
    rtx_desk.cache.folder.rename(ahead.folder)
    engine = rtx_desk.engine(GpuOptions(plans=ahead.folder))
    ahead.store(engine._key(SIZE_HW), b"a plan that nobody can run")
    with caplog.at_level(logging.WARNING):
        engine.prepare(*SIZE_HW)
    assert f"of {ahead.folder} is not used: tensorrt-rtx refuses the compiled plan" in caplog.text
    engine.close()


def test_only_the_last_sizes_stay_on_the_gpu(desk: Desk) -> None:
    engine = desk.engine()
    sizes = [(16 + 8 * step, 32) for step in range(KEPT_SIZES + 1)]
    for size in sizes:
        engine.prepare(*size)
    assert [engine.is_prepared(*size) for size in sizes] == [False] + [True] * KEPT_SIZES
    engine.close()
    assert len(desk.torch.memory) == 0


def test_a_size_in_use_stays_on_the_gpu(desk: Desk, style: Style) -> None:
    engine = desk.engine()
    sizes = [(16 + 8 * step, 32) for step in range(KEPT_SIZES)]
    for size in sizes:
        engine.prepare(*size)
    engine.stylize(photo(*sizes[0]), style)
    engine.prepare(*SIZE_HW)
    kept = [engine.is_prepared(*size) for size in sizes]
    assert kept == [True, False] + [True] * (KEPT_SIZES - 2) and engine.is_prepared(*SIZE_HW)
    engine.close()


def test_frames_go_on_while_another_size_is_compiled(
    desk: Desk, style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = desk.engine()
    engine.prepare(*SIZE_HW)
    compiling, go, open_plan = threading.Event(), threading.Event(), engine._open

    def open_later(size: tuple[int, int]) -> TensorRTRunner:
        compiling.set()
        assert go.wait(20)
        return open_plan(size)

    monkeypatch.setattr(engine, "_open", open_later)
    compiler = threading.Thread(target=engine.prepare, args=(32, 48))
    compiler.start()
    assert compiling.wait(20)
    assert engine.is_prepared(*SIZE_HW) and not engine.is_prepared(32, 48)
    engine.stylize(photo(*SIZE_HW), style)
    assert compiler.is_alive()
    go.set()
    compiler.join(20)
    assert engine.is_prepared(32, 48)
    engine.close()


def test_too_little_memory_is_said(desk: Desk) -> None:
    desk.torch.memory_bytes = 1000
    with pytest.raises(EngineError, match="the GPU cannot take 96x64") as caught:
        desk.engine().prepare(*SIZE_HW)
    assert "out of memory" in caught.value.why and "--size" in caught.value.fix


def test_a_cuda_error_while_painting_is_an_engine_error(desk: Desk, style: Style) -> None:
    engine = desk.engine()
    engine.prepare(*SIZE_HW)

    def lost(inputs: dict[str, np.ndarray]) -> np.ndarray:
        raise RuntimeError("CUDA error: device lost")

    desk.trt.paint = lost
    with pytest.raises(EngineError, match="the GPU failed") as caught:
        engine.stylize(photo(*SIZE_HW), style)
    assert "device lost" in caught.value.why


def test_a_generator_without_a_fp16_graph_is_refused(desk: Desk, tmp_path: Path) -> None:
    for path in (FAST.onnx, FAST.styles):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lone = ShelvedGenerator("fast", tmp_path)
    with pytest.raises(EngineError, match="no FP16 graph"):
        TensorRTEngine(lone, desk.library, desk.device, GpuOptions())


def test_who_waits_for_a_build_is_told_how_long(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    engine = TensorRTEngine(FAST, desk.library, desk.device, GpuOptions(), cache=desk.cache)
    engine.prepare(*SIZE_HW)
    assert "tensorrt compiles fast, once for this size and GPU: compiling" in caplog.text


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt-rtx"])
def test_a_named_backend_does_not_fall_back(backend: str) -> None:
    if nvidia.query_gpus()[0]:
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError) as caught:
        load_engine(FAST, backend)
    assert caught.value.exit_code == 6 and caught.value.fix


def test_options_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RTSTYLE_GPU", raising=False)
    monkeypatch.delenv("RTSTYLE_ENGINES", raising=False)
    monkeypatch.delenv("RTSTYLE_CUDA_GRAPH", raising=False)
    assert GpuOptions.from_environment() == GpuOptions()
    monkeypatch.setenv("RTSTYLE_GPU", "1")
    monkeypatch.setenv("RTSTYLE_ENGINES", str(tmp_path))
    assert GpuOptions.from_environment() == GpuOptions(1, tmp_path)
    monkeypatch.setenv("RTSTYLE_CUDA_GRAPH", "1")
    assert GpuOptions.from_environment() == GpuOptions(1, tmp_path, cuda_graph=True)
    monkeypatch.setenv("RTSTYLE_GPU", "first")
    with pytest.raises(UsageError):
        GpuOptions.from_environment()


@pytest.mark.gpu
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_on_a_gpu_the_engine_agrees_with_onnx_runtime(
    cuda_graph: bool, style: Style, tmp_path: Path
) -> None:
    reasons = {library: nvidia.may_use(library) for library in GPU_BACKENDS}
    usable = [library for library, reason in reasons.items() if not reason]
    if not usable:
        pytest.skip(str(reasons))
    engine = load_tensorrt(FAST, usable[0], GpuOptions(cuda_graph=cuda_graph))
    engine._cache = PlanCache(tmp_path / "engines")
    pixels = photo(360, 640)
    painted = engine.stylize(pixels, style)
    assert psnr_db(painted, ONNXRuntimeEngine(FAST.onnx).stylize(pixels, style)) >= MIN_PSNR_DB
    many = list(one_behind(engine.begin(pixels, style) for _ in range(6)))
    assert all(np.array_equal(each, painted) for each in many)
    engine.close()


@pytest.mark.gpu
def test_on_a_gpu_auto_paints_files_with_it_from_the_first_frame(
    style: Style, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if all(nvidia.may_use(library) for library in GPU_BACKENDS):
        pytest.skip("no GPU, or no TensorRT")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = load_engine(FAST, gpu=GpuOptions(follow="first"))
    pixels = photo(360, 640)
    painted = engine.stylize(pixels, style)
    assert engine.info.backend in GPU_BACKENDS and engine.info.status == ""
    assert psnr_db(painted, ONNXRuntimeEngine(FAST.onnx).stylize(pixels, style)) >= MIN_PSNR_DB
    engine.close()
    again = load_engine(FAST, gpu=GpuOptions(follow="first"))
    np.testing.assert_array_equal(again.stylize(pixels, style), painted)
    again.close()
