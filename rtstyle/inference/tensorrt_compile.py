"""Compiles a generator's FP16 graph into a TensorRT plan for one size of picture.

One path for `tensorrt` 10.12 and newer, 11, and `tensorrt-rtx`: the network is strongly typed, so
the types in the ONNX graph are the arithmetic. TensorRT 11 knows no other way. TensorRT-RTX
compiles without a GPU, for any GPU named; `tensorrt` compiles on the GPU that will run the plan.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import EngineError
from .build_watch import BuildWatch

logger = logging.getLogger(__name__)

RTX = "tensorrt-rtx"
LIBRARIES = ("tensorrt", RTX)


@dataclass(frozen=True)
class Library:
    """`tensorrt` or `tensorrt-rtx`: its name on the package index and its Python module."""

    name: str
    module: Any

    @property
    def version(self) -> str:
        return str(self.module.__version__)

    @property
    def is_portable(self) -> bool:
        """Plans depend on the compute capability alone, and compile without a GPU."""
        return self.name == RTX


def load_library(name: str) -> Library:
    """Import TensorRT.

    Raises:
        EngineError: not installed, or its shared libraries are missing.
    """
    try:
        return Library(name, importlib.import_module(name.replace("-", "_")))
    except Exception as error:  # beside ImportError, the packages raise OSError and RuntimeError
        raise EngineError(
            f"{name} cannot be imported", _line(error), f"run: pip install 'rtstyle[{name}]'"
        ) from error


@dataclass(frozen=True)
class CompileJob:
    """What to compile: the bytes of the FP16 ONNX file, for pictures of `height` x `width` pixels.

    `compute_capability` is like "sm86"; empty means the GPU of this machine. `timing` is an earlier
    timing cache of `tensorrt`; TensorRT-RTX has none that does without a GPU.
    """

    name: str
    onnx: bytes
    height: int
    width: int
    compute_capability: str = ""
    timing: bytes = b""


@dataclass(frozen=True)
class Compiled:
    """A serialized plan, the shapes and types of its tensors by name, and the timing cache."""

    plan: bytes
    tensors: dict[str, tuple[tuple[int, ...], str]]
    timing: bytes = b""


class BuildCancelled(EngineError):
    """The build was stopped on purpose."""


def compile_plan(
    library: Library,
    job: CompileJob,
    watch: BuildWatch | None = None,
    on_device: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Compiled:
    """Compile one plan; `on_device` makes the GPU current in the thread that builds.

    Raises:
        EngineError: TensorRT refuses the graph or the target, or sees no GPU where it needs one.
        BuildCancelled: `watch.cancelled` was set.
    """
    watch = watch or BuildWatch()

    def build() -> Compiled:
        with on_device():
            return _build(library, job, watch)

    if threading.current_thread() is not threading.main_thread():
        return build()
    # Ctrl-C raises in the main thread, and an exception in a callback from C++ ends the process.
    with ThreadPoolExecutor(1, "tensorrt-build") as pool:
        try:
            return pool.submit(build).result()
        except KeyboardInterrupt:
            watch.cancelled.set()
            raise


def _build(library: Library, job: CompileJob, watch: BuildWatch) -> Compiled:
    trt, log = library.module, library_logger(library)
    watch.start()
    log.last_error = ""
    try:
        builder = trt.Builder(log)
    except TypeError as error:  # what the binding raises where CUDA finds no device
        raise EngineError(
            f"{library.name} sees no GPU", log.last_error, "run: rtstyle doctor"
        ) from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(job.onnx):
        reasons = [str(parser.get_error(index)) for index in range(parser.num_errors)]
        raise EngineError(
            f"{library.name} cannot read the generator {job.name}",
            _line(reasons[0] if reasons else log.last_error),
            "export it again with: python -m train export",
        )
    tensors = _pin_size(trt, network, job)
    config = builder.create_builder_config()
    monitor = _monitor_class(library)(watch)
    config.progress_monitor = monitor
    _set_target(library, config, job)
    timings = None if library.is_portable else _attach_timings(config, job.timing)
    plan = builder.build_serialized_network(network, config)
    if watch.cancelled.is_set():
        raise BuildCancelled(f"compiling {job.name} for {job.width}x{job.height} was stopped")
    if plan is None:
        raise EngineError(
            f"{library.name} cannot compile {job.name} for {job.width}x{job.height}",
            _line(log.last_error),
            "run: rtstyle doctor",
        )
    timing = b"" if timings is None else bytes(timings.serialize())
    return Compiled(bytes(plan), tensors, timing)


def _pin_size(trt: Any, network: Any, job: CompileJob) -> dict[str, tuple[tuple[int, ...], str]]:
    """Make the network static and check it against the graph contract."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    for tensor in inputs:
        if tensor.name == "frame":
            tensor.shape = (1, job.height, job.width, 3)
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    names = {trt.uint8: "uint8", trt.float32: "float32", trt.float16: "float16"}
    try:
        tensors = {
            tensor.name: (tuple(tensor.shape), names.get(tensor.dtype, str(tensor.dtype)))
            for tensor in [*inputs, *outputs]
        }
    except (RuntimeError, ValueError) as error:  # shapes that do not work out
        raise EngineError(
            f"the generator {job.name} cannot take pictures of {job.width}x{job.height}",
            _line(error),
        ) from error
    picture = (1, job.height, job.width, 3), "uint8"
    style_type = tensors.get("style", ((), "float32"))[1]
    if (tensors.get("frame"), tensors.get("stylized"), style_type) != (picture, picture, "float32"):
        raise EngineError(
            f"the generator {job.name} has other inputs or outputs than rtstyle expects",
            f"for {job.width}x{job.height} it has {tensors}",
            "export it again with: python -m train export",
        )
    return tensors


def _set_target(library: Library, config: Any, job: CompileJob) -> None:
    if not (library.is_portable and job.compute_capability):
        return
    known = library.module.ComputeCapability.__members__
    name = job.compute_capability.upper()
    if name not in known:
        targets = [key.lower() for key in known if key.startswith("SM")]
        raise EngineError(
            f"{library.name} {library.version} cannot compile for {job.compute_capability}",
            f"its targets are: {', '.join(targets)}",
            "for other NVIDIA cards: pip install 'rtstyle[tensorrt]'",
        )
    config.num_compute_capabilities = 1
    config.set_compute_capability(known[name], 0)


def _attach_timings(config: Any, timing: bytes) -> Any:
    """The timing cache of a build, which must outlive it; an earlier one that does not fit this GPU
    or version is refused, and an empty one taken."""
    for blob in (timing, b""):
        timings = config.create_timing_cache(blob)
        if timings is not None and config.set_timing_cache(timings, False):
            return timings
    return None


@lru_cache
def library_logger(library: Library) -> Any:
    """TensorRT's messages as logging; one for the process, since TensorRT keeps the first."""

    class Log(library.module.ILogger):
        def __init__(self) -> None:
            library.module.ILogger.__init__(self)
            self.last_error = ""

        def log(self, severity: Any, msg: str) -> None:
            if severity in (self.Severity.ERROR, self.Severity.INTERNAL_ERROR):
                self.last_error = msg
            logger.debug("%s: %s", library.name, msg)

    return Log()


@lru_cache
def _monitor_class(library: Library) -> Any:
    class Monitor(library.module.IProgressMonitor):
        def __init__(self, watch: BuildWatch) -> None:
            library.module.IProgressMonitor.__init__(self)
            self.watch = watch

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.watch.phase_start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return self.watch.step_complete(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            self.watch.phase_finish(phase_name)

    return Monitor


def _line(error: object) -> str:
    """What fits on one line of an error message."""
    return " ".join(str(error).split())[:200]
