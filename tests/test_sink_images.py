from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rtstyle.errors import SinkError
from rtstyle.frame import Frame
from rtstyle.sink.images import write_image


def test_a_picture_too_large_for_its_kind_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    frame = Frame(np.zeros((1, 16384, 3), np.uint8), 0, 0, Fraction(1), 0.0)
    with pytest.raises(SinkError, match="cannot write"):
        write_image(tmp_path / "wide.webp", frame)
    assert not list(tmp_path.iterdir())
    write_image(tmp_path / "wide.png", frame)
    assert [path.name for path in tmp_path.iterdir()] == ["wide.png"]
