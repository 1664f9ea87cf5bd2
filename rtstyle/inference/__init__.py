"""Engines: a generator loaded by one backend; choosing among them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import EngineError, UsageError
from ..frame import Pixels
from ..shelf import ShelvedGenerator
from ..style import Style

logger = logging.getLogger(__name__)

METADATA_PREFIX = "rtstyle."
"""Keys of a generator's ONNX metadata begin with this."""


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
    """What runs: `precision` is the arithmetic in fact used, `device` the hardware."""

    backend: str
    device: str
    precision: str
    generator: GeneratorInfo


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


BACKENDS = ("auto", "openvino", "onnxruntime", "identity")


def load_engine(generator: ShelvedGenerator, backend: str = "auto") -> Engine:
    """Load a generator with the backend asked for.

    A named backend never falls back to another; `auto` logs what it took and why not the others.

    Raises:
        UsageError: no such backend.
        EngineError: the backend or the generator cannot be loaded.
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"unknown backend '{backend}'", fix=f"the backends are: {', '.join(BACKENDS)}"
        )
    if backend != "auto":
        return _load(generator, backend)
    refused: list[str] = []
    for name in ("openvino", "onnxruntime"):
        try:
            engine = _load(generator, name)
        except EngineError as error:
            refused.append(f"{name}: {error.what}")
            logger.info("backend %s not used: %s", name, error.what)
            continue
        logger.info("backend %s (%s, %s)", name, engine.info.device, engine.info.precision)
        return engine
    raise EngineError("no backend can run the generator", "; ".join(refused), "run: rtstyle doctor")


def _load(generator: ShelvedGenerator, backend: str) -> Engine:
    if backend == "openvino":
        from .openvino import OpenVINOEngine

        return OpenVINOEngine(generator.onnx)
    if backend == "onnxruntime":
        from .onnxruntime import ONNXRuntimeEngine

        return ONNXRuntimeEngine(generator.onnx)
    from .identity import IdentityEngine

    return IdentityEngine()
