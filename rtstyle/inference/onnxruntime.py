"""Inference with ONNX Runtime on the CPU in float32: the reference, and the fallback."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..frame import Pixels
from ..machine import num_cores
from ..style import Style
from . import EngineInfo, GeneratorInfo
from .padding import crop, pad, padded_size


class ONNXRuntimeEngine:
    """A generator run as it was exported; takes any size without compiling."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            import onnxruntime as ort
        except ImportError as error:
            raise EngineError(
                "ONNX Runtime cannot be imported", str(error), "run: pip install onnxruntime"
            ) from error
        if not path.is_file():
            raise EngineError(f"no such generator: {path}")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or num_cores()
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise EngineError(
                f"the generator {path} is damaged or no ONNX model",
                str(error).strip().splitlines()[-1][:200],
                "install rtstyle again, or export the generator again",
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._generator = GeneratorInfo.from_metadata(metadata, path)
        self.info = EngineInfo("onnxruntime", "CPU", "f32", self._generator)

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        """(H, W, 3) uint8 RGB -> the same, painted.

        Raises:
            EngineError: inference failed.
        """
        height, width = pixels.shape[:2]
        size = padded_size(height, width, self._generator.size_multiple)
        inputs: dict[str, np.ndarray] = {"frame": pad(pixels, *size)[None]}
        if self._generator.num_style_values:
            inputs["style"] = style.vector[None]
        try:
            painted = self._session.run(["stylized"], inputs)[0]
        except Exception as error:
            raise EngineError(
                f"ONNX Runtime failed on a picture of {width}x{height}",
                str(error).strip().splitlines()[-1][:200],
            ) from error
        return crop(np.asarray(painted)[0], height, width)

    def prepare(self, height: int, width: int) -> None:
        pass

    def close(self) -> None:
        pass
