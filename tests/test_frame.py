from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from rtstyle.frame import Frame


def picture(height: int = 4, width: int = 6) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def test_frame_tells_size_and_time() -> None:
    frame = Frame(picture(), index=3, pts=450, time_base=Fraction(1, 90))
    assert (frame.height, frame.width) == (4, 6)
    assert frame.pts_seconds == 5.0


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        (np.zeros((4, 6, 3), np.float32), TypeError),
        (np.zeros((4, 6), np.uint8), ValueError),
        (np.zeros((4, 6, 4), np.uint8), ValueError),
        (np.zeros((0, 6, 3), np.uint8), ValueError),
        (np.zeros((6, 4, 3), np.uint8).transpose(1, 0, 2), ValueError),
    ],
)
def test_frame_refuses_other_arrays(pixels: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        Frame.still(pixels)


@pytest.mark.parametrize("facts", [{"index": -1}, {"time_base": Fraction(0)}])
def test_frame_refuses_impossible_times(facts: dict) -> None:
    values = {"index": 0, "pts": 0, "time_base": Fraction(1, 25), **facts}
    with pytest.raises(ValueError):
        Frame(picture(), **values)


def test_painted_keeps_the_moment_and_the_first_original() -> None:
    frame = Frame(picture(), index=2, pts=7, time_base=Fraction(1, 25))
    once = frame.painted(picture() + np.uint8(1))
    twice = once.painted(picture() + np.uint8(2))
    assert twice.original is frame.pixels
    assert (twice.index, twice.pts, twice.time_base) == (2, 7, Fraction(1, 25))
    assert twice.pixels[0, 0, 0] == 2
