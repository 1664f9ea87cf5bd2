"""Engines on an NVIDIA GPU: `python -m benchmarks.gpu`, one command, one JSON.

For each backend and size: milliseconds of a frame in and out of host memory (p50, p95, p99), frames
a second with two in flight, with and without a CUDA graph, against torch in FP16 on the same
generator; then what `rtstyle video` delivers from file to file. Random frames, the shelf's
generator. Contenders take turns, so that a GPU that grows hot slows all alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtstyle.errors import RtstyleError
from rtstyle.inference import GPU_BACKENDS, GpuOptions, begin, load_engine
from rtstyle.machine import PACKAGES, package_versions
from rtstyle.runner import one_behind
from rtstyle.shelf import find_generator
from rtstyle.style import load_styles

from .machine import RESULTS, machine_facts
from .measure import RTSTYLE, make_clip, run_command, write_result

SCHEMA = 1
SIZES_HW = {"360p": (360, 640), "720p": (720, 1280), "1080p": (1080, 1920)}
NUM_DIFFERENT = 8


@dataclass(frozen=True)
class Contender:
    """One way to paint: a frame at a time, and many with two in flight where it can."""

    name: str
    paint: Callable[[np.ndarray], np.ndarray]
    paint_all: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]]
    facts: dict[str, Any]
    close: Callable[[], None]


def engine_contender(backend: str, gpu: int, size_hw: tuple[int, int], *, graph: bool) -> Contender:
    """A backend of rtstyle, ready for the size."""
    generator = find_generator()
    started = time.perf_counter()
    engine = load_engine(generator, backend, GpuOptions(gpu, cuda_graph=graph))
    engine.prepare(*size_hw)
    ready_seconds = time.perf_counter() - started
    style = next(style for style in load_styles(generator.styles) if style.name != "original")
    facts = {"device": engine.info.device, "precision": engine.info.precision}
    return Contender(
        f"{backend}{' graph' if graph else ''}",
        lambda pixels: engine.stylize(pixels, style),
        lambda frames: one_behind(begin(engine, pixels, style) for pixels in frames),
        {**facts, "ready_seconds": round(ready_seconds, 2)},
        engine.close,
    )


def torch_contender(gpu: int, size_hw: tuple[int, int]) -> Contender:
    """The same network in torch FP16, channels last; weights do not change its speed."""
    import torch

    from train.export import GraphContract
    from train.generators import UnshuffleNet

    device = torch.device("cuda", gpu)
    torch.backends.cudnn.benchmark = True
    net = UnshuffleNet()
    style = net.neutral_style()[None].to(device)
    graph = GraphContract(net, torch.float16).to(device).to(memory_format=torch.channels_last)
    host = torch.empty((1, *size_hw, 3), dtype=torch.uint8, pin_memory=True)

    def paint(pixels: np.ndarray) -> np.ndarray:
        host.numpy()[0] = pixels
        with torch.inference_mode():
            return graph(host.to(device, non_blocking=True), style)[0].cpu().numpy()

    return Contender(
        "torch f16",
        paint,
        lambda frames: map(paint, frames),
        {"device": torch.cuda.get_device_name(gpu), "precision": "f16"},
        lambda: None,
    )


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99."""
    return {f"p{share}": round(float(np.percentile(values, share)), 3) for share in (50, 95, 99)}


def measure(
    contenders: Sequence[Contender], size_hw: tuple[int, int], num_frames: int, rounds: int
) -> dict[str, Any]:
    """Latency and rate of each contender, in turns of `num_frames`."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (*size_hw, 3), np.uint8) for _ in range(NUM_DIFFERENT)]
    latencies_ms: dict[str, list[float]] = {each.name: [] for each in contenders}
    rates: dict[str, list[float]] = {each.name: [] for each in contenders}
    for each in contenders:
        for pixels in frames:
            each.paint(pixels)
    for _ in range(rounds):
        for each in contenders:
            latencies_ms[each.name] += [
                _time_ms(each, pixels) for pixels in _cycle(frames, num_frames)
            ]
            started = time.perf_counter()
            for _ in each.paint_all(_cycle(frames, num_frames)):
                pass
            rates[each.name].append(num_frames / (time.perf_counter() - started))
    return {
        each.name: {
            **each.facts,
            "frame_ms": percentiles(latencies_ms[each.name]),
            "overlapped_fps": round(float(np.median(rates[each.name])), 1),
        }
        for each in contenders
    }


def graph_pays(engines: dict[str, Any]) -> dict[str, bool]:
    """Whether each backend's slowest frames are faster with a CUDA graph: by p99, since a graph
    that stutters is none for live use."""
    return {
        name: engines[f"{name} graph"]["frame_ms"]["p99"] < engines[name]["frame_ms"]["p99"]
        for name in engines
        if f"{name} graph" in engines
    }


def _cycle(frames: Sequence[np.ndarray], num_frames: int) -> Iterator[np.ndarray]:
    return (frames[index % len(frames)] for index in range(num_frames))


def _time_ms(contender: Contender, pixels: np.ndarray) -> float:
    started = time.perf_counter()
    contender.paint(pixels)
    return 1000 * (time.perf_counter() - started)


def delivered(backend: str, gpu: int, size_hw: tuple[int, int], num_frames: int) -> dict[str, Any]:
    """What `rtstyle video` says of a clip at its second painting, when the plan is cached."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4", size_hw[1], size_hw[0], num_frames)
        command = [*RTSTYLE, "--gpu", str(gpu), "video", clip, folder / "out.mp4"]
        command += ["--overwrite", "--quiet", "--json", "--backend", backend]
        run_command(command, folder)
        report = json.loads(run_command(command, folder).output)
        return {key: report[key] for key in ("frames_per_second", "stage_ms", "backend")}


def contenders_for(
    backends: Sequence[str], gpu: int, size_hw: tuple[int, int], refused: dict[str, str]
) -> list[Contender]:
    """All that run here; `refused` takes the reasons of the others."""
    makers: dict[str, Callable[[], Contender]] = {}
    for backend in backends:
        for graph in (False, True) if backend in GPU_BACKENDS else (False,):
            name = f"{backend}{' graph' if graph else ''}"
            makers[name] = lambda backend=backend, graph=graph: engine_contender(
                backend, gpu, size_hw, graph=graph
            )
    makers["torch f16"] = lambda: torch_contender(gpu, size_hw)
    found = []
    for name, make in makers.items():
        try:
            found.append(make())
        except (RtstyleError, RuntimeError, AssertionError) as error:
            refused[name] = str(error).splitlines()[0]
            print(f"{name} left out: {refused[name]}", file=sys.stderr)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Engines on an NVIDIA GPU.")
    parser.add_argument("--backends", nargs="+", default=[*GPU_BACKENDS, "openvino"])
    parser.add_argument("--sizes", nargs="+", default=list(SIZES_HW), choices=list(SIZES_HW))
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--frames", type=int, default=200, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clip-frames", type=int, default=300, help="0 leaves the clips out")
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json")
    options = parser.parse_args()
    packages = package_versions((*PACKAGES, *GPU_BACKENDS, "torch"))
    machine = {**machine_facts(), "packages": packages}
    result: dict[str, Any] = {"schema": SCHEMA, "machine": machine, "sizes": {}}
    refused: dict[str, str] = {}
    for name in options.sizes:
        size_hw = SIZES_HW[name]
        contenders = contenders_for(options.backends, options.gpu, size_hw, refused)
        print(f"{name}: {', '.join(each.name for each in contenders)}", file=sys.stderr)
        engines = measure(contenders, size_hw, options.frames, options.rounds)
        for each in contenders:
            each.close()
        result["sizes"][name] = {"engines": engines, "graph_pays": graph_pays(engines)}
        if options.clip_frames:
            working = {each.name.removesuffix(" graph") for each in contenders} - {"torch f16"}
            clips: dict[str, Any] = {}
            for backend in sorted(working):
                try:
                    clips[backend] = delivered(backend, options.gpu, size_hw, options.clip_frames)
                except RuntimeError as error:  # what was measured before is worth keeping
                    refused[f"{backend}, {name} clip"] = str(error).splitlines()[-1]
            result["sizes"][name]["delivered"] = clips
    write_result(options.out, {**result, "left_out": refused})


if __name__ == "__main__":
    main()
