"""Inference with TensorRT in FP16 on an NVIDIA GPU; compiles once for each size, GPU and driver."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import EngineError
from ..frame import Pixels
from ..shelf import ShelvedGenerator
from ..style import ORIGINAL, Style, load_styles
from . import EngineInfo, GpuOptions
from .build_watch import Announcer, BuildWatch
from .nvidia import driver_version
from .onnxruntime import ONNXRuntimeEngine
from .padding import crop, pad, padded_size
from .parity import check_parity
from .plan_cache import PlanCache, PlanKey
from .tensorrt_compile import CompileJob, Library, compile_plan, load_library
from .tensorrt_run import RunOptions, TensorRTRunner

logger = logging.getLogger(__name__)

KEPT_SIZES = 4
"""A whole frame, a face, the styles' thumbnails, and the size to which the governor is about to
go."""


@dataclass(frozen=True)
class CudaDevice:
    """A GPU as torch sees it; `torch` is the module itself, so that tests can stand in for it."""

    torch: Any
    index: int
    name: str
    compute_capability: str
    driver: str


def load_tensorrt(
    generator: ShelvedGenerator, library: str, options: GpuOptions, watch: BuildWatch | None = None
) -> TensorRTEngine:
    """An engine on `library` ("tensorrt" or "tensorrt-rtx"); `watch` sees and stops its builds.

    Raises:
        EngineError: TensorRT, torch, the GPU or the generator is missing or does not fit.
    """
    loaded = load_library(library)
    return TensorRTEngine(generator, loaded, find_device(options.gpu), options, watch)


def find_device(gpu: int) -> CudaDevice:
    """The GPU of that number, counted as nvidia-smi counts.

    Raises:
        EngineError: torch is missing or built without CUDA, or there is no such GPU.
    """
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # read when CUDA starts
    try:
        import torch
    except Exception as error:  # a broken installation raises OSError
        why = " ".join(str(error).split())[:200]
        raise EngineError("torch cannot be imported", why, "run: rtstyle doctor") from error
    if not torch.cuda.is_available():
        why = "torch is a CPU build" if torch.version.cuda is None else "torch sees no NVIDIA GPU"
        raise EngineError("TensorRT cannot run", why, "run: rtstyle doctor")
    if not 0 <= gpu < torch.cuda.device_count():
        raise EngineError(f"there is no GPU {gpu}", f"torch sees {torch.cuda.device_count()}")
    major, minor = torch.cuda.get_device_capability(gpu)
    name = torch.cuda.get_device_name(gpu)
    return CudaDevice(torch, gpu, name, f"sm{major}{minor}", driver_version())


class TensorRTEngine:
    """A generator on one GPU, with a compiled plan for each of the last sizes.

    A plan is taken from the folder named in `options`, from the user's cache, or compiled; one
    compiled here is compared with ONNX Runtime before it is used or kept, as is one from the
    folder, which no GPU may have run before.
    """

    def __init__(
        self,
        generator: ShelvedGenerator,
        library: Library,
        device: CudaDevice,
        options: GpuOptions,
        watch: BuildWatch | None = None,
        cache: PlanCache | None = None,
    ) -> None:
        if not generator.onnx_fp16.is_file():
            raise EngineError(
                f"the generator {generator.name} has no FP16 graph",
                f"{generator.onnx_fp16} is missing",
                "export it again with: python -m train export",
            )
        self._library, self._device, self._options = library, device, options
        self._onnx = generator.onnx_fp16.read_bytes()
        self._onnx_sha256 = hashlib.sha256(self._onnx).hexdigest()
        self._reference = ONNXRuntimeEngine(generator.onnx)
        self._generator = self._reference.info.generator
        self._name, self._styles = generator.name, generator.styles
        self._watch = watch or BuildWatch(Announcer(f"{library.name} compiles {generator.name}"))
        self._cache = cache or PlanCache()
        self._runners: dict[tuple[int, int], TensorRTRunner] = {}
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self.info = EngineInfo(library.name, device.name, "f16", self._generator)

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        """(H, W, 3) uint8 RGB -> the same, painted.

        Raises:
            EngineError: compilation failed, or the GPU did while painting.
        """
        return self.begin(pixels, style)()

    def begin(self, pixels: Pixels, style: Style) -> Callable[[], Pixels]:
        """Begin to paint and return at once; call the result for what `stylize` returns."""
        height, width = pixels.shape[:2]
        size = self._padded(height, width)
        runner = self._runner(size)
        with _gpu_failures(f"the GPU failed on a picture of {width}x{height}"):
            painted = runner.begin(pad(pixels, *size), style.vector)

        def finish() -> Pixels:
            with _gpu_failures(f"the GPU failed on a picture of {width}x{height}"):
                return crop(painted(), height, width)

        return finish

    def prepare(self, height: int, width: int) -> None:
        """Load or compile the plan for pictures of this size."""
        self._runner(self._padded(height, width))

    def is_prepared(self, height: int, width: int) -> bool:
        """Whether `stylize` would paint such a picture without compiling first."""
        with self._lock:
            return self._padded(height, width) in self._runners

    def close(self) -> None:
        """Stop a build under way and give the GPU's memory back."""
        self._watch.cancelled.set()
        with self._lock:
            runners = list(self._runners.values())
            self._runners.clear()
        for runner in runners:
            runner.close()

    def _padded(self, height: int, width: int) -> tuple[int, int]:
        return padded_size(height, width, self._generator.size_multiple)

    def _runner(self, size: tuple[int, int]) -> TensorRTRunner:
        """The plan for a size. Frames go on at other sizes while one is compiled."""
        runner = self._kept(size)
        if runner is None:
            with self._building:
                runner = self._kept(size) or self._open(size)
                with self._lock:
                    self._runners[size] = runner
                    for oldest in list(self._runners)[:-KEPT_SIZES]:
                        del self._runners[oldest]
        return runner

    def _kept(self, size: tuple[int, int]) -> TensorRTRunner | None:
        """The plan for a size, if it is there; it is the last used from now on."""
        with self._lock:
            runner = self._runners.pop(size, None)
            if runner is not None:
                self._runners[size] = runner
            return runner

    def _open(self, size: tuple[int, int]) -> TensorRTRunner:
        key = self._key(size)
        if self._options.plans is not None:
            runner = self._from_cache(PlanCache(self._options.plans), key, is_checked=False)
            if runner is not None:
                return runner
        runner = self._from_cache(self._cache, key)
        if runner is not None:
            return runner
        with self._cache.building(key, self._watch.cancelled):
            return self._from_cache(self._cache, key) or self._compile(key)

    def _from_cache(
        self, cache: PlanCache, key: PlanKey, *, is_checked: bool = True
    ) -> TensorRTRunner | None:
        plan = cache.load(key)
        if plan is None:
            return None
        try:
            runner = self._run(key, plan)
            if not is_checked:
                self._check(runner)
            return runner
        except EngineError as error:
            # Who waits for a compilation should know why.
            logger.warning("%s of %s is not used: %s", key.stem, cache.folder, error.what)
            return None

    def _compile(self, key: PlanKey) -> TensorRTRunner:
        # Layers of other sizes and generators are timed anew, but many are the same.
        timing_key = replace(key, generator="all", onnx_sha256="", height_px=0, width_px=0)
        portable = self._library.is_portable
        job = CompileJob(
            key.generator,
            self._onnx,
            key.height_px,
            key.width_px,
            key.compute_capability if portable else "",
            b"" if portable else self._cache.load(timing_key, ".timing") or b"",
        )
        on_device = partial(self._device.torch.cuda.device, self._device.index)
        compiled = compile_plan(self._library, job, self._watch, on_device)
        runner = self._run(key, compiled.plan)
        self._check(runner)
        self._cache.store(key, compiled.plan)
        if compiled.timing:
            self._cache.store(timing_key, compiled.timing, ".timing")
        return runner

    def _run(self, key: PlanKey, plan: bytes) -> TensorRTRunner:
        kernels = self._cache.load(key, ".kernels") if self._library.is_portable else None

        def keep(made: bytes) -> None:
            if made != kernels:
                self._cache.store(key, made, ".kernels")

        options = RunOptions(self._device.index, self._options.cuda_graph, kernels, keep)
        with _gpu_failures(f"the GPU cannot take {key.width_px}x{key.height_px}"):
            return TensorRTRunner(self._library, self._device.torch, plan, options)

    def _check(self, runner: TensorRTRunner) -> None:
        style = self._any_style()
        psnr = check_parity(
            lambda pixels, style: runner.stylize(pixels, style.vector),
            self._reference.stylize,
            style,
            (runner.height, runner.width),
        )
        logger.info("the plan agrees with ONNX Runtime: %.1f dB, style %s", psnr, style.name)

    def _any_style(self) -> Style:
        if self._generator.num_style_values == 0:
            return Style("", np.zeros(0, np.float32), self._generator.weights_sha256)
        bank = load_styles(self._styles, self._generator.num_style_values)
        return next((style for style in bank if style.name != ORIGINAL), next(iter(bank)))

    def _key(self, size: tuple[int, int]) -> PlanKey:
        portable = self._library.is_portable
        return PlanKey(
            generator=self._name,
            onnx_sha256=self._onnx_sha256,
            library=self._library.name,
            library_version=self._library.version,
            compute_capability=self._device.compute_capability,
            height_px=size[0],
            width_px=size[1],
            gpu="" if portable else self._device.name,
            driver="" if portable else self._device.driver,
        )


@contextmanager
def _gpu_failures(what: str) -> Iterator[None]:
    """Turn CUDA's errors (out of memory above all, device lost) into ours."""
    try:
        yield
    except RuntimeError as error:
        why = " ".join(str(error).split())[:200]
        smaller = "use a smaller --size, or close other programs that use the GPU"
        fix = smaller if "memory" in why else "run: rtstyle doctor"
        raise EngineError(what, why, fix) from error
