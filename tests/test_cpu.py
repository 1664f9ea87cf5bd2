"""There is one core of OpenVINO, and its absence has a name."""

from __future__ import annotations

import sys

import pytest

from rtstyle import cpu
from rtstyle.errors import EngineError


def test_there_is_one_core() -> None:
    assert cpu.openvino_core() is cpu.openvino_core()


def test_without_openvino_the_error_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match="cannot be imported") as failure:
        cpu.openvino_core.__wrapped__()
    assert "pip install openvino" in str(failure.value)
