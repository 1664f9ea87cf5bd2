"""Compiles the shelf ahead of time with TensorRT-RTX, for GPUs that need not be here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import EngineError, SinkError
from ..shelf import find_generator, generators
from .build_watch import BuildWatch
from .onnxruntime import ONNXRuntimeEngine
from .padding import padded_size
from .plan_cache import CachedPlan, PlanCache, PlanKey
from .tensorrt_compile import RTX, CompileJob, compile_plan, load_library

DEFAULT_SIZES_HW = ((720, 1280), (360, 640))


@dataclass(frozen=True)
class ShelfOrder:
    """What to compile: each generator (none named: all of the shelf) for each GPU and size.

    `targets` are compute capabilities like "sm86"; sizes are those of the pictures to be painted,
    (height, width) in pixels; `out` is the folder that the plans go to.
    """

    targets: Sequence[str]
    out: Path
    sizes_hw: Sequence[tuple[int, int]] = DEFAULT_SIZES_HW
    names: Sequence[str] = ()


def build_shelf(
    order: ShelfOrder,
    on_plan: Callable[[CachedPlan], None] = lambda plan: None,
    watch: BuildWatch | None = None,
) -> list[CachedPlan]:
    """Compile and keep one plan for each generator, GPU and size.

    Raises:
        EngineError: TensorRT-RTX is not installed, or refuses a graph or target.
        SinkError: the folder cannot be written.
    """
    library = load_library(RTX)
    cache = PlanCache(order.out)
    plans = []
    for name in order.names or generators():
        generator = find_generator(name)
        try:
            onnx = generator.onnx_fp16.read_bytes()
        except OSError as error:
            raise EngineError(f"the generator {name} has no FP16 graph", str(error)) from error
        facts = ONNXRuntimeEngine(generator.onnx).info.generator
        sha256 = hashlib.sha256(onnx).hexdigest()
        key = PlanKey(generator.name, sha256, library.name, library.version, "", 0, 0)
        for target in order.targets:
            for height, width in order.sizes_hw:
                height, width = padded_size(height, width, facts.size_multiple)
                fitted = replace(key, compute_capability=target, height_px=height, width_px=width)
                job = CompileJob(generator.name, onnx, height, width, target)
                compiled = compile_plan(library, job, watch)
                plans.append(_keep(cache, fitted, compiled.plan))
                on_plan(plans[-1])
    return plans


def _keep(cache: PlanCache, key: PlanKey, plan: bytes) -> CachedPlan:
    if not cache.store(key, plan):
        raise SinkError(
            f"the plans cannot be written to {cache.folder}",
            "the folder is full, or not yours alone to write to",
            "name another one with --out",
        )
    stored = cache.folder / f"{key.stem}.plan"
    return next(found for found in cache.plans() if found.path == stored)
