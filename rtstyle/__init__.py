"""rtstyle: real-time stylization of video and webcams.

Open a source, load an engine, pick a style, run::

    import rtstyle

    painted = rtstyle.stylize(pixels, style="starry-night")  # (H, W, 3) uint8 RGB, any size

Nothing leaves the machine: the usage reports of ONNX Runtime and OpenVINO are switched off here,
before anything can import them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# OpenVINO sends usage statistics through this package where it can be imported; None forbids that.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api import styles_like as styles_like
    from .api import stylize as stylize
    from .controls import Controls as Controls
    from .frame import Frame as Frame

_LAZY = {
    "Controls": "controls",
    "Frame": "frame",
    "styles_like": "api",
    "stylize": "api",
}
__all__ = ["Controls", "Frame", "styles_like", "stylize"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'rtstyle' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
