"""Sizes on the way through the pipeline: of the painting, of its layer, of the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_runs import bank

from rtstyle.controls import Controls
from rtstyle.frame import Frame, Pixels
from rtstyle.inference.identity import IdentityEngine
from rtstyle.pipeline import Pipeline
from rtstyle.sizes import enlarge, resize
from rtstyle.temporal import smoothed

SIDES = st.integers(1, 90)


def picture(height: int = 96, width: int = 160) -> Pixels:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_plain_picture_stays_plain_at_any_size(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    plain = np.full((height, width, 3), (10, 120, 250), np.uint8)
    resized = resize(plain, new_height, new_width)
    assert resized.shape == (new_height, new_width, 3)
    assert (resized == (10, 120, 250)).all()


@pytest.mark.parametrize("size_hw", [(64, 107), (48, 80), (24, 40), (37, 61), (80, 133), (13, 160)])
def test_a_smaller_picture_has_the_colours_of_the_large_one(size_hw: tuple[int, int]) -> None:
    smooth = np.add.outer(np.arange(96), np.arange(160))[..., None].astype(np.uint8)
    large = np.repeat(smooth, 3, axis=2)
    small = resize(large, *size_hw)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), large.mean(axis=(0, 1)), atol=1.0)


@pytest.mark.parametrize("size_hw", [(48, 80), (24, 40), (30, 50)])
def test_fine_noise_is_averaged_away(size_hw: tuple[int, int]) -> None:
    noise = picture()
    factor = 96 / size_hw[0]
    assert resize(noise, *size_hw).std() < 1.3 * noise.std() / factor


@pytest.mark.parametrize("factor", [1.5, 2])
def test_fine_strokes_stay_strong_in_a_larger_picture(factor: float) -> None:
    wave = 127 + 80 * np.sin(np.arange(240) * (2 * np.pi / 6))
    strokes = np.tile(wave.astype(np.uint8)[None, :, None], (120, 1, 3))
    size = round(120 * factor), round(240 * factor)
    assert resize(strokes, *size).std() > 0.93 * strokes.std()
    assert 1.0 < enlarge(strokes, *size).std() / strokes.std() < 1.2


def test_a_painting_of_the_right_size_is_not_touched() -> None:
    strokes = picture()
    assert enlarge(strokes, *strokes.shape[:2]) is strokes


@pytest.mark.parametrize(
    ("height", "face_detail", "layer_height"), [(96, False, 64), (48, False, 48), (96, True, 96)]
)
def test_the_layer_is_smoothed_as_large_as_it_is_painted(
    height: int, face_detail: bool, layer_height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    smoothed_hw: list[tuple[int, ...]] = []

    def spy(fresh: Pixels, *args: Any, **options: Any) -> Pixels:
        smoothed_hw.append(fresh.shape)
        return smoothed(fresh, *args, **options)

    monkeypatch.setattr("rtstyle.pipeline.smoothed", spy)
    pipeline = Pipeline(IdentityEngine(), bank())
    controls = Controls((("a", 1.0),), size_px=64, face_detail=face_detail)
    shown = pipeline.process(Frame.still(picture(height)), controls).pixels
    pipeline.close()
    assert smoothed_hw == [(layer_height, round(160 * layer_height / height), 3)]
    assert shown.shape == (height, 160, 3)


def test_what_does_not_move_is_held_bit_for_bit_in_a_small_layer() -> None:
    pipeline = Pipeline(IdentityEngine(), bank())
    still = picture()
    shown = []
    for index in range(12):
        frame = Frame(still, index, index, Frame.still(still).time_base)
        shown.append(pipeline.process(frame, Controls((("a", 1.0),), size_px=64)).pixels)
    assert all((pixels == shown[-1]).all() for pixels in shown)
