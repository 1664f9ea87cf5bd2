"""Descriptors: same picture, same numbers; what a person calls alike is nearer than what is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from rtstyle.descriptor import describe
from rtstyle.frame import Pixels


def stripes(hue: int, period_px: int, *, upright: bool = False, side_px: int = 256) -> Pixels:
    """Stripes of one hue (0 to 179) and black."""
    wave = np.indices((side_px, side_px))[int(upright)] // (period_px // 2) % 2
    hsv = np.stack([np.full_like(wave, hue), np.full_like(wave, 200), wave * 220], axis=-1)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)  # type: ignore[return-value]


def distance(one: Pixels, other: Pixels) -> float:
    return float(np.linalg.norm(describe(one) - describe(other)))


def test_it_is_finite_and_says_the_same_twice() -> None:
    picture = stripes(20, 16)
    assert describe(picture).dtype == np.float32 and describe(picture).shape == (78,)
    np.testing.assert_array_equal(describe(picture), describe(picture.copy()))


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (1080, 1920, 3), (17, 4, 3)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_pictures_of_any_size_and_without_contrast(shape: tuple[int, ...], level: int) -> None:
    assert np.isfinite(describe(np.full(shape, level, np.uint8))).all()


def test_resolution_hardly_counts() -> None:
    small = stripes(20, 32)
    large = np.array(Image.fromarray(small).resize((1024, 1024)))
    assert distance(small, large) < 0.2 * distance(small, stripes(110, 32))


@pytest.mark.parametrize(
    "other",
    [stripes(110, 32), stripes(20, 8), stripes(20, 32, upright=True)],
    ids=["colour", "scale", "direction"],
)
def test_what_differs_is_farther_than_a_part_of_the_same(other: Pixels) -> None:
    picture = stripes(20, 32)
    part = np.ascontiguousarray(picture[16:250, 16:250])
    assert distance(picture, part) < 0.5 * distance(picture, other)
