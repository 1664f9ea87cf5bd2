"""Runs a TensorRT plan: torch CUDA tensors by address, pinned buffers, two frames in flight.

Each of two slots has a stream, a context and buffers of its own, so that one frame is uploaded or
downloaded while the other is painted. `trt` and `torch` are handed in: the tests hand in recording
stand-ins, which check order, shapes, types and lifetimes without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..frame import Pixels
from .tensorrt_compile import Library, library_logger

NUM_SLOTS = 2


@dataclass(frozen=True)
class RunOptions:
    """`gpu` is torch's CUDA device number. `cuda_graph` replays the launches of a frame as one.

    `kernels` are those that TensorRT-RTX compiled for this GPU in an earlier run; `keep_kernels` is
    given them after the first run.
    """

    gpu: int = 0
    cuda_graph: bool = False
    kernels: bytes | None = None
    keep_kernels: Callable[[bytes], object] | None = None


class TensorRTRunner:
    """One plan on one GPU, for frames of the one size that it was compiled for.

    Not to be called from two threads at once.

    Raises:
        EngineError: TensorRT or CUDA refuses the plan, or memory is short.
    """

    def __init__(
        self, library: Library, torch: Any, plan: bytes, options: RunOptions | None = None
    ) -> None:
        self._torch, self._options = torch, options or RunOptions()
        self._device = torch.device("cuda", self._options.gpu)
        trt, log = library.module, library_logger(library)
        log.last_error = ""
        with torch.cuda.device(self._device):
            try:
                self._runtime = trt.Runtime(log)
                self._engine = self._runtime.deserialize_cuda_engine(plan)
            except TypeError as error:  # what the binding raises where CUDA finds no device
                raise EngineError(
                    f"{library.name} sees no GPU", log.last_error, "run: rtstyle doctor"
                ) from error
            if self._engine is None:
                raise EngineError(f"{library.name} refuses the compiled plan", log.last_error[:200])
            self._tensors = _tensors(library, torch, self._engine)
            self._kernels, config = self._runtime_config(library)
            self._slots = [self._make_slot(config) for _ in range(NUM_SLOTS)]
            self._next = 0
            self._warm_up()

    @property
    def height(self) -> int:
        """Pixels."""
        return self._tensors["frame"].shape[1]

    @property
    def width(self) -> int:
        """Pixels."""
        return self._tensors["frame"].shape[2]

    @property
    def num_style_values(self) -> int:
        """P; 0 for a generator without style input."""
        return self._tensors["style"].shape[1] if "style" in self._tensors else 0

    def stylize(self, pixels: Pixels, style: NDArray[np.float32]) -> Pixels:
        """(H, W, 3) uint8 RGB and (P,) float32 -> (H, W, 3) uint8 RGB.

        Raises:
            EngineError: the launch failed. RuntimeError: CUDA failed or ran out of memory.
        """
        return self.begin(pixels, style)()

    def begin(self, pixels: Pixels, style: NDArray[np.float32]) -> Callable[[], Pixels]:
        """Begin a frame and return at once; call the result to wait for the picture.

        `NUM_SLOTS` frames may be under way; one more waits for the oldest, whose result is kept.
        """
        slot = self._slots[self._next]
        if slot.in_flight is not None:
            slot.in_flight()
        self._next = (self._next + 1) % NUM_SLOTS
        slot.host["frame"].numpy()[0] = pixels
        if self.num_style_values:
            slot.host["style"].numpy()[0] = style
        with self._torch.cuda.device(self._device), self._torch.cuda.stream(slot.stream):
            for name in slot.inputs:
                slot.on_gpu[name].copy_(slot.host[name], non_blocking=True)
            self._launch(slot)
            slot.host["stylized"].copy_(slot.on_gpu["stylized"], non_blocking=True)
            slot.done.record(slot.stream)
        slot.in_flight = _InFlight(self, slot)
        return slot.in_flight

    def close(self) -> None:
        """Wait for what is under way, so that no memory is freed before the GPU is done with it."""
        for slot in self._slots:
            if slot.in_flight is not None:
                with suppress(RuntimeError):
                    slot.in_flight()

    def _launch(self, slot: _Slot) -> None:
        if slot.graph is not None:
            slot.graph.replay()
        elif not slot.context.execute_async_v3(slot.stream.cuda_stream):
            raise EngineError("TensorRT could not start painting a frame")

    def _make_slot(self, config: Any) -> _Slot:
        torch = self._torch
        context = (
            self._engine.create_execution_context(config)
            if config is not None
            else self._engine.create_execution_context()
        )
        if context is None:
            raise EngineError(
                "the GPU has too little memory for this size",
                f"{self.width}x{self.height} pixels",
                "use a smaller --size, or close other programs that use the GPU",
            )
        on_gpu, host = {}, {}
        for name, tensor in self._tensors.items():
            on_gpu[name] = torch.empty(tensor.shape, dtype=tensor.dtype, device=self._device)
            if tensor.is_input or name == "stylized":
                host[name] = torch.zeros(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            if not context.set_tensor_address(name, on_gpu[name].data_ptr()):
                raise EngineError(f"TensorRT refuses the buffer for '{name}'")
        inputs = [name for name, tensor in self._tensors.items() if tensor.is_input]
        stream = torch.cuda.Stream(self._device)
        # A thread that waits by spinning would take a core from the encoder.
        done = torch.cuda.Event(blocking=True)
        return _Slot(context, stream, done, on_gpu, host, inputs)

    def _warm_up(self) -> None:
        """Run each slot once, so that no frame pays for first launches; then record the graphs."""
        for slot in self._slots:
            black = np.zeros((self.height, self.width, 3), np.uint8)
            self.stylize(black, np.zeros(self.num_style_values, np.float32))
            if self._options.cuda_graph and self._kernels is None:
                self._record_graph(slot)
        if self._kernels is not None and self._options.keep_kernels is not None:
            self._options.keep_kernels(bytes(self._kernels.serialize()))

    def _record_graph(self, slot: _Slot) -> None:
        """Capture the launches of `tensorrt`; TensorRT-RTX does this itself when asked to."""
        graph = self._torch.cuda.CUDAGraph()
        # "thread_local": other threads may go on using CUDA while this one records
        with self._torch.cuda.graph(graph, stream=slot.stream, capture_error_mode="thread_local"):
            self._launch(slot)
        slot.graph = graph

    def _runtime_config(self, library: Library) -> tuple[Any, Any]:
        """Kernel cache and settings of TensorRT-RTX; (None, None) for `tensorrt`."""
        if not library.is_portable:
            return None, None
        config = self._engine.create_runtime_config()
        strategies = library.module.CudaGraphStrategy
        config.cuda_graph_strategy = (
            strategies.WHOLE_GRAPH_CAPTURE if self._options.cuda_graph else strategies.DISABLED
        )
        kernels = config.create_runtime_cache()
        if self._options.kernels is not None:
            kernels.deserialize(self._options.kernels)  # refused kernels are compiled again
        config.set_runtime_cache(kernels)
        return kernels, config


@dataclass(frozen=True)
class _Tensor:
    shape: tuple[int, ...]
    dtype: Any
    is_input: bool


@dataclass
class _Slot:
    """What one frame in flight uses; lives as long as the context holds its addresses."""

    context: Any
    stream: Any
    done: Any
    on_gpu: dict[str, Any]
    host: dict[str, Any]
    inputs: list[str]
    graph: Any = None
    in_flight: _InFlight | None = None


class _InFlight:
    """A frame under way, until it is copied out of the slot's pinned buffer.

    Holds the runner, so that engine and context outlive what they run.
    """

    def __init__(self, runner: TensorRTRunner, slot: _Slot) -> None:
        self._held: tuple[TensorRTRunner, _Slot] | None = (runner, slot)
        self._pixels: Pixels | None = None

    def __call__(self) -> Pixels:
        if self._held is not None:
            slot = self._held[1]
            slot.done.synchronize()
            self._pixels = slot.host["stylized"].numpy()[0].copy()
            self._held = slot.in_flight = None
        assert self._pixels is not None
        return self._pixels


def _tensors(library: Library, torch: Any, engine: Any) -> dict[str, _Tensor]:
    """Inputs and outputs of a plan by name, checked against the graph contract."""
    trt = library.module
    dtypes = {trt.uint8: torch.uint8, trt.float32: torch.float32, trt.float16: torch.float16}
    tensors = {}
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        dtype = dtypes.get(engine.get_tensor_dtype(name))
        tensors[name] = _Tensor(tuple(engine.get_tensor_shape(name)), dtype, is_input)
    frame, stylized = tensors.get("frame"), tensors.get("stylized")
    if (
        frame is None
        or stylized is None
        or any(tensor.dtype is None for tensor in tensors.values())
        or frame != _Tensor(stylized.shape, torch.uint8, True)
        or stylized.dtype != torch.uint8
    ):
        raise EngineError("the compiled plan is not one of rtstyle's", f"its tensors: {tensors}")
    return tensors
