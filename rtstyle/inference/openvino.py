"""Inference with OpenVINO on the CPU: the default where no GPU engine is ready."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..cpu import openvino_core
from ..errors import EngineError
from ..frame import Pixels
from ..machine import num_cores
from ..style import Style
from . import EngineInfo, GeneratorInfo
from .padding import crop, pad, padded_size

if TYPE_CHECKING:
    import openvino as ov


KEPT_SIZES = 4
"""Whole frames, crops of faces, and what a live run compiles ahead."""


AT_ONCE = 2
"""Pictures that `AheadOpenVINOEngine` paints at a time."""


class Compiled:
    """The network for one size, and requests that paint nothing just now."""

    def __init__(self, model: ov.CompiledModel) -> None:
        self.model = model
        self.free: list[Any] = [model.create_infer_request()]

    def request(self) -> Any:
        """One to be given back to `free`."""
        try:
            return self.free.pop()
        except IndexError:
            return self.model.create_infer_request()


@dataclass(frozen=True, eq=False)
class Job:
    """A picture to be painted.

    OpenVINO reads and writes the arrays in place: they must live until the request has ended.
    """

    compiled: Compiled
    request: Any
    frame: np.ndarray
    vector: np.ndarray
    painted: np.ndarray
    size_hw: tuple[int, int]

    def end(self, run: Callable[[], None]) -> Pixels:
        """Paint by calling `run`, or wait for it, and return the picture.

        Raises:
            EngineError: inference failed.
        """
        with explained("OpenVINO failed on a picture", self.size_hw):
            run()
        self.compiled.free.append(self.request)
        return crop(self.painted[0], *self.size_hw)


@contextmanager
def explained(what: str, size_hw: tuple[int, int]) -> Iterator[None]:
    """Turn what OpenVINO raises into an `EngineError`."""
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            f"{what} of {size_hw[1]}x{size_hw[0]}", str(error).strip().splitlines()[-1][:200]
        ) from error


class OpenVINOEngine:
    """A generator compiled by OpenVINO for each size it meets; the last four sizes are kept.

    OpenVINO computes in bfloat16 where the CPU has instructions for it, else in float32;
    `info.precision` says which. `precision` "f32" forces float32 (parity tests).
    """

    hint: ClassVar[dict[str, Any]] = {"PERFORMANCE_HINT": "LATENCY"}

    def __init__(
        self, path: Path, precision: str | None = None, threads: int | None = None
    ) -> None:
        self._core = openvino_core()
        self._threads = threads or num_cores()
        self._options: dict[str, Any] = {
            **self.hint,
            "INFERENCE_NUM_THREADS": self._threads,
            # A thread bound to a core waits there for what else runs on it, and all others for it.
            "ENABLE_CPU_PINNING": False,
        }
        if precision is not None:
            self._options["INFERENCE_PRECISION_HINT"] = precision
        if not path.is_file():
            raise EngineError(f"no such generator: {path}")
        try:
            self._model = self._core.read_model(path)
        except RuntimeError as error:
            raise EngineError(
                f"the generator {path} is damaged or no ONNX model",
                str(error).strip().splitlines()[-1][:200],
                "install rtstyle again, or export the generator again",
            ) from error
        self._generator = GeneratorInfo.from_metadata(_metadata(self._model), path)
        self._compiled: dict[tuple[int, int], Compiled] = {}
        self._lock = threading.Lock()
        self.info = EngineInfo("openvino", "CPU", self._precision(), self._generator)

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        """(H, W, 3) uint8 RGB -> the same, painted.

        Raises:
            EngineError: compilation or inference failed.
        """
        job = self._job(pixels, style)
        return job.end(partial(job.request.infer, share_outputs=True))

    def _job(self, pixels: Pixels, style: Style) -> Job:
        height, width = pixels.shape[:2]
        size = padded_size(height, width, self._generator.size_multiple)
        frame, vector = _sharable(pad(pixels, *size)), _sharable(style.vector)
        painted = np.empty((1, *size, 3), np.uint8)
        compiled = self._for_size(size)
        with explained("OpenVINO cannot take a picture", (height, width)):
            request = compiled.request()
            request.set_tensor("frame", _tensor(frame))
            if self._generator.num_style_values:
                request.set_tensor("style", _tensor(vector))
            request.set_tensor("stylized", _tensor(painted))
        return Job(compiled, request, frame, vector, painted, (height, width))

    def prepare(self, height: int, width: int) -> None:
        """Compile for pictures of this size."""
        self._for_size(padded_size(height, width, self._generator.size_multiple))

    def close(self) -> None:
        self._compiled.clear()

    def _for_size(self, size: tuple[int, int]) -> Compiled:
        """The network for a size. Compiling holds no lock: frames go on at the present size."""
        with self._lock:
            compiled = self._compiled.pop(size, None)
            if compiled is not None:
                self._compiled[size] = compiled
                return compiled
        compiled = self._compile(size)
        with self._lock:
            self._compiled[size] = compiled
            for oldest in list(self._compiled)[:-KEPT_SIZES]:
                del self._compiled[oldest]
        return compiled

    def _compile(self, size: tuple[int, int]) -> Compiled:
        model = self._model.clone()
        with explained(f"OpenVINO cannot compile {self._generator.name} for pictures", size):
            model.reshape({"frame": [1, *size, 3]})
            return Compiled(self._core.compile_model(model, "CPU", self._options))

    def _precision(self) -> str:
        multiple = self._generator.size_multiple
        compiled = self._for_size(padded_size(64, 64, multiple))
        hint = compiled.model.get_property("INFERENCE_PRECISION_HINT")
        return {"bf16": "bf16", "bfloat16": "bf16", "f16": "f16"}.get(hint.get_type_name(), "f32")


class AheadOpenVINOEngine(OpenVINOEngine):
    """Paints two pictures at a time with half of the threads each, for files.

    Threads that share a picture wait for each other, all the more where decoding and encoding take
    the processor from one of them. Each picture takes nearly twice as long, so not for live use.
    """

    hint: ClassVar[dict[str, Any]] = {"NUM_STREAMS": AT_ONCE}

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        self._under_way: set[Job] = set()

    def begin(self, pixels: Pixels, style: Style) -> Callable[[], Pixels]:
        """Begin to paint; call the result for the picture (`rtstyle.inference.AheadEngine`)."""
        job = self._job(pixels, style)
        # Kept here too: a caller that breaks off must not free what is still written to.
        self._under_way.add(job)
        job.request.start_async()

        def finish() -> Pixels:
            try:
                return job.end(job.request.wait)
            finally:
                self._under_way.discard(job)

        return finish

    def close(self) -> None:
        for job in self._under_way:
            with suppress(RuntimeError):
                job.request.wait()
        self._under_way.clear()
        super().close()


def _metadata(model: ov.Model) -> dict[str, str]:
    found = model.get_rt_info()
    facts = found["framework"] if "framework" in found else {}  # noqa: SIM401 - no mapping
    return {key: str(value.value) for key, value in facts.items()}


def _sharable(array: np.ndarray) -> np.ndarray:
    """A batch of one; a copy where OpenVINO, which asks to write even what it reads, may not."""
    return np.require(array[None], requirements=["C", "W"])


def _tensor(array: np.ndarray) -> ov.Tensor:
    """Of the same memory, which the caller keeps: requests do not."""
    import openvino as ov

    return ov.Tensor(array, shared_memory=True)
