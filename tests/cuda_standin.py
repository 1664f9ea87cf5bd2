"""Stand-ins for torch and TensorRT that record calls and refuse what a GPU would punish.

Streams only queue: work happens when somebody waits for it, so code that reads too early reads the
wrong numbers. Addresses resolve only while their tensor lives. Nothing here knows rtstyle.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np

Paint = Callable[[dict[str, np.ndarray]], np.ndarray]
"""Inputs by name -> the uint8 picture that the engine would paint."""


class Tensor:
    """A tensor on the GPU or in host memory, pinned or not."""

    def __init__(self, torch: FakeTorch, data: np.ndarray, place: str) -> None:
        self.torch, self.data, self.place = torch, data, place

    def data_ptr(self) -> int:
        assert self.place == "gpu", "TensorRT takes addresses on the GPU"
        return self.data.ctypes.data

    def numpy(self) -> np.ndarray:
        assert self.place != "gpu", "numpy cannot see the GPU's memory"
        return self.data

    def copy_(self, source: Tensor, non_blocking: bool = False) -> None:
        assert self.data.shape == source.data.shape and self.data.dtype == source.data.dtype
        assert non_blocking, "a blocking copy stops both frames"
        assert {self.place, source.place} == {"gpu", "pinned"}, "only pinned memory overlaps"
        kind = "upload" if self.place == "gpu" else "download"
        stream = self.torch.current
        assert stream is not None, "a copy on the default stream waits for everything"
        stream.put(kind, lambda: np.copyto(self.data, source.data))


class Stream:
    """Work in order; done only when waited for."""

    num_made = 0

    def __init__(self, torch: FakeTorch) -> None:
        Stream.num_made += 1
        self.cuda_stream = 0x5000 + Stream.num_made
        self.torch, self.waiting, self.num_done = torch, [], 0
        torch.streams[self.cuda_stream] = self

    def put(self, kind: str, work: Callable[[], None]) -> None:
        self.torch.calls.append((kind, self.cuda_stream))
        self.waiting.append(work)

    def run_to(self, end: int) -> None:
        while self.num_done < end:
            self.waiting[0]()  # one that fails stays, and fails whoever waits: CUDA's errors last
            del self.waiting[0]
            self.num_done += 1

    def synchronize(self) -> None:
        assert not self.torch.is_recording, "waiting breaks a graph that is being recorded"
        self.run_to(self.num_done + len(self.waiting))


class Event:
    """A mark in a stream."""

    def __init__(self, blocking: bool) -> None:
        assert blocking, "who waits would take a core from others"
        self.mark: tuple[Stream, int] | None = None

    def record(self, stream: Stream) -> None:
        self.mark = stream, stream.num_done + len(stream.waiting)

    def synchronize(self) -> None:
        assert self.mark is not None, "nothing was recorded"
        stream, end = self.mark
        stream.torch.calls.append(("wait", stream.cuda_stream))
        stream.run_to(end)


class Graph:
    """Launches of one recording, replayed on the current stream."""

    def __init__(self, torch: FakeTorch) -> None:
        self.torch, self.works = torch, []

    def replay(self) -> None:
        stream = self.torch.current
        assert stream is not None
        for work in self.works:
            stream.put("replay", work)


class FakeTorch:
    """As much of torch as running a plan takes."""

    uint8, float32, float16 = np.uint8, np.float32, np.float16

    def __init__(self, memory_bytes: int = 1 << 30, capability: tuple[int, int] = (8, 6)) -> None:
        self.calls: list[tuple[str, int]] = []
        self.streams: dict[int, Stream] = {}
        self.memory: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()
        self.memory_bytes = memory_bytes
        self.current: Stream | None = None
        self.current_device: Any = None
        self.is_recording = False
        self.num_recorded = 0
        self.cuda = SimpleNamespace(
            Stream=lambda device: Stream(self),
            Event=Event,
            CUDAGraph=lambda: Graph(self),
            graph=self._record,
            stream=self._on_stream,
            device=self._on_device,
            get_device_capability=lambda index: capability,
        )

    def device(self, kind: str, index: int) -> tuple[str, int]:
        return kind, index

    def empty(self, shape: Sequence[int], dtype: Any, device: Any) -> Tensor:
        assert device == self.current_device, "made on another GPU"
        tensor = Tensor(self, np.full(shape, 77, dtype), "gpu")
        if sum(each.data.nbytes for each in self.memory.values()) > self.memory_bytes:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        self.memory[tensor.data_ptr()] = tensor
        return tensor

    def zeros(self, shape: Sequence[int], dtype: Any, pin_memory: bool) -> Tensor:
        return Tensor(self, np.zeros(shape, dtype), "pinned" if pin_memory else "host")

    @contextmanager
    def _on_device(self, device: Any) -> Iterator[None]:
        before = self.current_device
        self.current_device = device if isinstance(device, tuple) else ("cuda", device)
        yield
        self.current_device = before

    @contextmanager
    def _on_stream(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before

    @contextmanager
    def _record(self, graph: Graph, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        assert not stream.waiting, "work was under way when the recording began"
        assert capture_error_mode == "thread_local"
        with self._on_stream(stream):
            self.is_recording = True
            yield
            self.is_recording = False
        graph.works, stream.waiting = stream.waiting, []
        self.num_recorded += 1


class Mode(Enum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class FakeTensorRT:
    """A TensorRT whose plans are JSON; `paint` stands for the generator.

    `graph` holds the tensors that parsing "finds": name -> (shape with -1, type, is input).
    `has_rtx` gives it the runtime settings of TensorRT-RTX. `steps` is how long a build takes.
    """

    __version__ = "11.4.0"
    uint8, float32, float16 = "UINT8", "FLOAT", "HALF"
    TensorIOMode = Mode

    def __init__(self, torch: FakeTorch, paint: Paint, *, num_style_values: int = 8) -> None:
        self.torch, self.paint = torch, paint
        self.graph: dict[str, tuple[list[int], str, bool]] = {
            "frame": ([1, -1, -1, 3], "UINT8", True),
            "style": ([1, num_style_values], "FLOAT", True),
            "stylized": ([1, -1, -1, 3], "UINT8", False),
        }
        self.steps, self.fails_after = 10, 1 << 60
        self.num_builds, self.num_launches = 0, 0
        self.refuses = ""
        self.on_step: Callable[[], None] = lambda: None
        self.configs: list[Config] = []
        self.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)

    class ILogger:
        Severity = Enum("Severity", ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"])

        def log(self, severity: Any, msg: str) -> None:
            raise NotImplementedError

    class IProgressMonitor:
        pass

    def Builder(self, log: Any) -> Builder:
        if self.refuses == "gpu":
            log.log(log.Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return Builder(self, log)

    def OnnxParser(self, network: Network, log: Any) -> Parser:
        return Parser(self, network)

    def Runtime(self, log: Any) -> Any:
        return SimpleNamespace(deserialize_cuda_engine=lambda plan: self._open(log, plan))

    def _open(self, log: Any, plan: bytes) -> Engine | None:
        assert self.torch.current_device is not None, "opened on no GPU in particular"
        try:
            return Engine(self, json.loads(plan))
        except ValueError:
            log.log(log.Severity.ERROR, "Magic tag does not match")
            return None


class Network:
    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.tensors: dict[str, Any] = {}

    def _of(self, is_input: bool) -> list[Any]:
        return [each for each in self.tensors.values() if each.is_input == is_input]

    @property
    def num_inputs(self) -> int:
        return len(self._of(True))

    @property
    def num_outputs(self) -> int:
        return len(self._of(False))

    def get_input(self, index: int) -> Any:
        return self._of(True)[index]

    def get_output(self, index: int) -> Any:
        """An output with the size of the frame, as shape inference would have it."""
        output, frame = self._of(False)[index], self.tensors["frame"]
        shape = [
            frame.shape[axis] if size == -1 else size for axis, size in enumerate(output.shape)
        ]
        return SimpleNamespace(**{**vars(output), "shape": shape})


class Parser:
    def __init__(self, trt: FakeTensorRT, network: Network) -> None:
        self.trt, self.network, self.num_errors = trt, network, 0

    def parse(self, onnx: bytes) -> bool:
        if self.trt.refuses == "onnx":
            self.num_errors = 1
            return False
        for name, (shape, dtype, is_input) in self.trt.graph.items():
            tensor = SimpleNamespace(name=name, shape=shape, dtype=dtype, is_input=is_input)
            self.network.tensors[name] = tensor
        return True

    def get_error(self, index: int) -> str:
        return "In node 0 with name: /Transpose"


class Timings:
    """A timing cache."""

    def __init__(self, blob: bytes) -> None:
        self.blob = blob

    def serialize(self) -> bytes:
        return self.blob + b"+timed"


class Config:
    """Takes what is set and keeps it."""

    progress_monitor: Any = None
    timing: bytes | None = None
    num_compute_capabilities = 0
    target: Any = None
    timings: Callable[[], Timings | None] | None = None

    def set_compute_capability(self, capability: Any, index: int) -> bool:
        assert 0 <= index < self.num_compute_capabilities
        self.target = capability
        return True

    def create_timing_cache(self, blob: bytes) -> Timings | None:
        return None if blob == b"damaged" else Timings(blob)

    def set_timing_cache(self, cache: Timings, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache.blob.startswith(b"of another GPU"):
            return False
        self.timing = cache.blob
        self.timings = weakref.ref(cache)
        return True


class Builder:
    def __init__(self, trt: FakeTensorRT, log: Any) -> None:
        self.trt, self.log = trt, log

    def create_network(self, flags: int) -> Network:
        return Network(flags)

    def create_builder_config(self) -> Config:
        self.trt.configs.append(Config())
        return self.trt.configs[-1]

    def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
        trt = self.trt
        assert network.flags == 1 << trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
        assert config.timings is None or config.timings() is not None, "timings freed too early"
        trt.num_builds += 1
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        monitor.phase_start("Timing", "Building", trt.steps)
        for step in range(trt.steps):
            trt.on_step()
            if not monitor.step_complete("Timing", step):
                return None
        monitor.phase_finish("Timing")
        monitor.phase_finish("Building")
        if trt.refuses == "build":
            self.log.log(self.log.Severity.ERROR, "no implementation for node")
            return None
        outputs = [network.get_output(index) for index in range(network.num_outputs)]
        tensors = [network.get_input(index) for index in range(network.num_inputs)] + outputs
        facts = {each.name: (list(each.shape), each.dtype, each.is_input) for each in tensors}
        return json.dumps(facts).encode()


class Engine:
    def __init__(self, trt: FakeTensorRT, tensors: dict[str, Any]) -> None:
        self.trt, self.tensors = trt, tensors
        self.num_io_tensors = len(tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.INPUT if self.tensors[name][2] else Mode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        return self.tensors[name][1]

    def get_tensor_shape(self, name: str) -> list[int]:
        return self.tensors[name][0]

    def create_execution_context(self, config: Any = None) -> Context | None:
        return None if self.trt.refuses == "context" else Context(self, config)

    def create_runtime_config(self) -> RuntimeConfig:
        return RuntimeConfig()


class Context:
    def __init__(self, engine: Engine, config: Any) -> None:
        self.engine, self.config = engine, config
        self.addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        known = name in self.engine.tensors
        if known:
            self.addresses[name] = address
        return known

    def execute_async_v3(self, handle: int) -> bool:
        trt = self.engine.trt
        if trt.torch.is_recording:
            assert trt.torch.current is not None and trt.torch.current.cuda_stream == handle
        trt.num_launches += 1
        if trt.num_launches > trt.fails_after:
            return False
        assert set(self.addresses) == set(self.engine.tensors), "a tensor has no address"
        alive = weakref.ref(self)

        def paint() -> None:
            context = alive()
            assert context is not None, "the context was freed while it painted"
            context._paint()

        trt.torch.streams[handle].put("paint", paint)
        return True

    def _paint(self) -> None:
        trt, held = self.engine.trt, {}
        for name, (shape, _, _) in self.engine.tensors.items():
            tensor = trt.torch.memory.get(self.addresses[name])
            assert tensor is not None, f"the memory of '{name}' was freed before it was used"
            assert list(tensor.data.shape) == list(shape)
            held[name] = tensor.data
        inputs = {name: held[name] for name in held if self.engine.tensors[name][2]}
        np.copyto(held["stylized"], trt.paint(inputs))


class Strategy(Enum):
    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class RuntimeConfig:
    """Settings of TensorRT-RTX."""

    cuda_graph_strategy: Strategy | None = None
    kernels: Kernels | None = None

    def create_runtime_cache(self) -> Kernels:
        return Kernels()

    def set_runtime_cache(self, kernels: Kernels) -> None:
        self.kernels = kernels


class Kernels:
    """What TensorRT-RTX compiled at run time."""

    blob = b""

    def deserialize(self, blob: bytes) -> bool:
        is_known = blob.startswith(b"kernels")
        self.blob = blob if is_known else b""
        return is_known

    def serialize(self) -> bytes:
        return self.blob or b"kernels"


class FakeRTX(FakeTensorRT):
    """TensorRT-RTX: targets by name, settings at run time, no timing cache."""

    __version__ = "1.7.1"
    CudaGraphStrategy = Strategy
    ComputeCapability = Enum("ComputeCapability", ["NONE", "CURRENT", "SM86", "SM89"])
