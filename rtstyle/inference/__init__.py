"""Engines: a generator loaded by one backend; choosing among them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from ..errors import EngineError, UsageError
from ..frame import Pixels
from ..shelf import ShelvedGenerator
from ..style import Style

logger = logging.getLogger(__name__)

METADATA_PREFIX = "rtstyle."
"""Keys of a generator's ONNX metadata begin with this."""

NON_COMMERCIAL = re.compile(r"\bnon[- ]?commercial\b|\bnc\b", re.IGNORECASE)
"""In a licence, as people write it: "CC-BY-NC-4.0" too."""


def is_non_commercial(licence: str) -> bool:
    """Whether a licence keeps weights from some uses."""
    return NON_COMMERCIAL.search(licence) is not None


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator's file says of itself (written by `python -m train export`).

    `num_style_values` is P, 0 for a generator without a style input. Frames are padded to
    multiples of `size_multiple` pixels. `weights_sha256` ties styles to the weights.
    """

    name: str
    num_style_values: int
    size_multiple: int
    normalisation: str
    weights_sha256: str
    licence: str

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], path: Path) -> GeneratorInfo:
        """Read ONNX metadata.

        Raises:
            EngineError: a key is missing or no number.
        """
        values = {
            key.removeprefix(METADATA_PREFIX): value
            for key, value in metadata.items()
            if key.startswith(METADATA_PREFIX)
        }
        try:
            return cls(
                name=values["name"],
                num_style_values=int(values["num_style_values"]),
                size_multiple=int(values["size_multiple"]),
                normalisation=values["normalisation"],
                weights_sha256=values["weights_sha256"],
                licence=values["licence"],
            )
        except (KeyError, ValueError) as error:
            raise EngineError(
                f"{path} is not a generator of rtstyle",
                f"its metadata lacks {error}",
                "export it with: python -m train export",
            ) from error


@dataclass(frozen=True)
class EngineInfo:
    """What runs: `precision` is the arithmetic in fact used, `device` the hardware.

    `status` says what is under way or went wrong with a faster engine; empty where nothing is.
    """

    backend: str
    device: str
    precision: str
    generator: GeneratorInfo
    status: str = ""


@dataclass(frozen=True)
class GpuOptions:
    """How to use an NVIDIA GPU.

    `gpu` is its number, as nvidia-smi counts. `plans` is a folder of plans that the user had
    compiled ahead of time (`rtstyle engines build`); plans are code, so it is theirs to name.
    `cuda_graph` replays the launches of a frame as one. `follow` is when `auto` goes over to the
    GPU: "behind" while the CPU paints; "first", before any frame, for files, whose frames must not
    depend on how long a compilation takes; or "never".
    """

    gpu: int = 0
    plans: Path | None = None
    cuda_graph: bool = False
    follow: Literal["behind", "first", "never"] = "behind"

    @classmethod
    def from_environment(cls) -> GpuOptions:
        """What RTSTYLE_GPU, RTSTYLE_ENGINES and RTSTYLE_CUDA_GRAPH (1 for yes) say.

        Raises:
            UsageError: RTSTYLE_GPU is no number.
        """
        gpu, plans = os.environ.get("RTSTYLE_GPU", "0"), os.environ.get("RTSTYLE_ENGINES")
        if not gpu.isdecimal():
            raise UsageError(
                f"RTSTYLE_GPU must be the number of a GPU, got '{gpu}'", fix="unset RTSTYLE_GPU"
            )
        graph = os.environ.get("RTSTYLE_CUDA_GRAPH") == "1"
        return cls(int(gpu), Path(plans) if plans else None, graph)


class Engine(Protocol):
    """Paints pictures of any size in any style of its generator.

    `stylize` takes and returns (H, W, 3) uint8 RGB of the same size. The first picture of a new
    size waits for compilation; `prepare` does that ahead, from any thread.
    """

    @property
    def info(self) -> EngineInfo: ...

    def stylize(self, pixels: Pixels, style: Style) -> Pixels: ...

    def prepare(self, height: int, width: int) -> None: ...

    def close(self) -> None: ...


class AheadEngine(Engine, Protocol):
    """An engine that paints behind, at least two pictures at a time: GPUs do, and OpenVINO may.

    `begin` returns at once with a function that waits for the picture. What goes wrong meanwhile is
    raised there.
    """

    def begin(self, pixels: Pixels, style: Style) -> Callable[[], Pixels]: ...


def begin(engine: Engine, pixels: Pixels, style: Style) -> Callable[[], Pixels]:
    """Start to paint where the engine can do so behind; call the result for the picture.

    Other engines paint when it is called.
    """
    behind: Callable[[Pixels, Style], Callable[[], Pixels]] | None = getattr(engine, "begin", None)
    return behind(pixels, style) if behind is not None else partial(engine.stylize, pixels, style)


BACKENDS = ("auto", "openvino", "onnxruntime", "tensorrt", "tensorrt-rtx", "identity")
GPU_BACKENDS = ("tensorrt", "tensorrt-rtx")


def load_engine(
    generator: ShelvedGenerator,
    backend: str = "auto",
    gpu: GpuOptions | None = None,
    *,
    ahead: bool = False,
) -> Engine:
    """Load a generator with the backend asked for.

    A named backend never falls back to another; `auto` logs what it took and why not the others.
    Where TensorRT can run, `auto` starts on the CPU and goes over to it once it is compiled.
    `gpu` defaults to what the environment says. With `ahead`, more pictures are painted in a second
    by OpenVINO, but each takes longer, so that it pays only where the next one is begun meanwhile.

    Raises:
        UsageError: no such backend.
        EngineError: the backend or the generator cannot be loaded.
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"unknown backend '{backend}'", fix=f"the backends are: {', '.join(BACKENDS)}"
        )
    gpu = gpu or GpuOptions.from_environment()
    if backend != "auto":
        return _load(generator, backend, gpu, ahead)
    refused: list[str] = []
    for name in ("openvino", "onnxruntime"):
        try:
            engine = _load(generator, name, gpu, ahead)
        except EngineError as error:
            refused.append(f"{name}: {error.what}")
            logger.info("backend %s not used: %s", name, error.what)
            continue
        logger.info("backend %s (%s, %s)", name, engine.info.device, engine.info.precision)
        return _with_gpu(engine, generator, gpu)
    raise EngineError("no backend can run the generator", "; ".join(refused), "run: rtstyle doctor")


def _with_gpu(engine: Engine, generator: ShelvedGenerator, gpu: GpuOptions) -> Engine:
    """The engine, and TensorRT to follow where it may run."""
    from .nvidia import may_use

    for name in GPU_BACKENDS if gpu.follow != "never" else ():
        if reason := may_use(name):
            logger.info("backend %s not used: %s", name, reason)
            continue
        from .hot_swap import HotSwapEngine
        from .tensorrt import load_tensorrt

        logger.info("backend %s follows when it is compiled", name)
        load_fast = partial(load_tensorrt, generator, name, gpu)
        return HotSwapEngine(engine, name, load_fast, waits=gpu.follow == "first")
    return engine


def _load(generator: ShelvedGenerator, backend: str, gpu: GpuOptions, ahead: bool) -> Engine:
    if backend == "openvino":
        from .openvino import AheadOpenVINOEngine, OpenVINOEngine

        return (AheadOpenVINOEngine if ahead else OpenVINOEngine)(generator.onnx)
    if backend == "onnxruntime":
        from .onnxruntime import ONNXRuntimeEngine

        return ONNXRuntimeEngine(generator.onnx)
    if backend in GPU_BACKENDS:
        from .tensorrt import load_tensorrt

        return load_tensorrt(generator, backend, gpu)
    from .identity import IdentityEngine

    return IdentityEngine()
