from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rtstyle
from rtstyle.api import load
from rtstyle.capture.images import read_image
from rtstyle.composite import blend, composite, keep_colors
from rtstyle.controls import Controls
from rtstyle.pipeline import paint_pixels

MIX = (("scream", 1.0),)
RNG = np.random.default_rng(0)
ORIGINAL = RNG.integers(0, 256, (32, 48, 3), np.uint8)
PAINTED = RNG.integers(0, 256, (32, 48, 3), np.uint8)


def test_strength_0_is_the_source_exactly() -> None:
    result = composite(ORIGINAL, PAINTED, Controls(MIX, strength=0))
    np.testing.assert_array_equal(result, ORIGINAL)


def test_full_strength_is_the_painting_exactly() -> None:
    np.testing.assert_array_equal(composite(ORIGINAL, PAINTED, Controls(MIX)), PAINTED)


def test_pixels_fade_in_from_the_source() -> None:
    pictures = [
        composite(ORIGINAL, PAINTED, Controls(MIX, strength=strength)).astype(int)
        for strength in (0, 0.025, 0.05, 0.075, 0.1)
    ]
    steps = np.diff([np.abs(picture - ORIGINAL).mean() for picture in pictures])
    assert (steps > 0).all()
    assert steps.max() < 1.2 * steps.min()


@pytest.mark.parametrize("name", ["starry-night", "mosaic", "udnie"])
def test_a_style_falls_evenly_with_its_strength(name: str) -> None:
    engine, bank = load(backend="openvino")
    photo = read_image(Path(rtstyle.__file__).parent / "photos" / "astronaut.jpg")
    changes = []
    for strength in (0, 0.25, 0.5, 0.75, 1):
        controls = Controls(((name, 1.0),), strength=strength)
        painted = paint_pixels(engine, bank, photo, controls)
        changes.append(np.abs(painted.astype(int) - photo).mean())
    assert changes[0] == 0
    shares = np.array(changes) / changes[-1]
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1], atol=0.1)


def test_blend_with_a_mask_follows_the_mask() -> None:
    mask = np.zeros((32, 48), np.float32)
    mask[:, 24:] = 1
    result = blend(ORIGINAL, PAINTED, mask)
    np.testing.assert_array_equal(result[:, :24], ORIGINAL[:, :24])
    np.testing.assert_array_equal(result[:, 24:], PAINTED[:, 24:])


def test_keep_colors_takes_luma_from_the_painting_and_chroma_from_the_source() -> None:
    gray = np.full((16, 16, 3), 90, np.uint8)
    red = np.full((16, 16, 3), (180, 60, 60), np.uint8)
    np.testing.assert_allclose(keep_colors(gray, red), keep_colors(gray, red)[0, 0, 0], atol=1)
    luma = red[0, 0] @ [0.299, 0.587, 0.114]
    assert abs(int(keep_colors(gray, red)[0, 0, 0]) - luma) <= 1


@pytest.mark.parametrize("size_hw", [(32, 48)])
def test_compare_lays_the_pictures_out(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    both = composite(ORIGINAL, PAINTED, Controls(MIX, compare="side-by-side"))
    assert both.shape == (height, 2 * width, 3)
    np.testing.assert_array_equal(both[:, :width], ORIGINAL)
    np.testing.assert_array_equal(both[:, width:], PAINTED)
    split = composite(ORIGINAL, PAINTED, Controls(MIX, compare="split", split=0.25))
    np.testing.assert_array_equal(split[:, :10], ORIGINAL[:, :10])
    np.testing.assert_array_equal(split[:, 14:], PAINTED[:, 14:])
    before = composite(ORIGINAL, PAINTED, Controls(MIX, compare="before"))
    np.testing.assert_array_equal(before, ORIGINAL)
