"""OpenVINO's core: it compiles for the CPU what is done to whole pictures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .errors import EngineError

if TYPE_CHECKING:
    import openvino as ov


@cache
def openvino_core() -> ov.Core:
    """The one `Core`, which lives as long as the process.

    OpenVINO gives the thread that makes its first plan another stack for signals and unmaps it with
    the last core, whichever thread drops that: the next Ctrl-C was a segmentation fault.

    Raises:
        EngineError: OpenVINO is missing.
    """
    try:
        import openvino as ov
    except ImportError as error:
        raise EngineError(
            "OpenVINO cannot be imported", str(error), "run: pip install openvino"
        ) from error
    return ov.Core()
