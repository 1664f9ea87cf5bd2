from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from rtstyle.frame import Frame, fitted


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


@pytest.mark.parametrize("size_hw", [(4, 12), (8, 6), (8, 12), (2, 3), (5, 50)])
def test_fitted_keeps_the_shape_of_a_picture_in_the_middle_of_black(
    size_hw: tuple[int, int],
) -> None:
    white, (height, width) = picture() + np.uint8(255), size_hw
    inside = fitted(white, width, height)[..., 0] == 255
    rows, columns = inside.any(axis=1), inside.any(axis=0)
    assert inside.shape == size_hw and inside.sum() == rows.sum() * columns.sum()
    assert rows.all() or columns.all()
    assert abs(columns.sum() - rows.sum() * 6 / 4) <= 1
    for line in (rows, columns):
        assert abs(int(line.argmax()) - int(line[::-1].argmax())) <= 1


def test_a_picture_of_that_size_is_fitted_as_it_is() -> None:
    pixels = picture()
    assert fitted(pixels, 6, 4) is pixels
