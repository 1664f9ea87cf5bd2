"""A change of the painting size passes over slowly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from live_runs import bank

from rtstyle.controls import Controls
from rtstyle.frame import Frame, Motion, Pixels
from rtstyle.inference.identity import IdentityEngine
from rtstyle.passing import PASSING_FRAMES, Afterimage
from rtstyle.pipeline import Pipeline
from rtstyle.style import Style

STILL_PX, LARGE_PX, SMALL_PX = 96, 96, 64


class SizedEngine(IdentityEngine):
    """Paints the whole picture in a grey that tells the size."""

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        return np.full_like(pixels, 200 if pixels.shape[0] == LARGE_PX else 80)


def motion(shift_px: float = 0.0, reliable: float = 1.0, *, is_cut: bool = False) -> Motion:
    flow = np.zeros((18, 32, 2), np.float32)
    flow[..., 0] = shift_px
    weights = np.full((18, 32), reliable, np.float32)
    none = np.zeros((2, 3), np.bool_)
    return Motion(flow, weights, none, none, is_cut)


def picture(seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (96, 160, 3), np.uint8)


def shown_levels(sizes_px: list[int], smooth: float = 0.8, photo: Pixels | None = None) -> list:
    """Mean level of each frame shown, of a camera before which nothing moves."""
    pipeline = Pipeline(SizedEngine(), bank())
    pixels = picture() if photo is None else photo
    levels = []
    for index, size_px in enumerate(sizes_px):
        frame = Frame(pixels, index, index, Frame.still(pixels).time_base)
        controls = Controls((("a", 1.0),), size_px=size_px, smooth=smooth)
        levels.append(float(pipeline.process(frame, controls).pixels.mean()))
    return levels


@pytest.mark.parametrize(("before", "after"), [(LARGE_PX, SMALL_PX), (SMALL_PX, LARGE_PX)])
def test_a_change_of_size_takes_many_equal_steps(before: int, after: int) -> None:
    levels = shown_levels([before] * 6 + [after] * 40)
    steps = np.abs(np.diff(levels))
    assert levels[5] == levels[0] and levels[-1] == (80 if after == SMALL_PX else 200)
    assert steps.max() <= 1.5 * 120 / PASSING_FRAMES
    assert (steps > 0).sum() >= PASSING_FRAMES


def test_a_second_change_goes_on_from_what_is_shown() -> None:
    levels = shown_levels([LARGE_PX] * 6 + [SMALL_PX] * 10 + [LARGE_PX] * 40)
    assert max(abs(one - other) for one, other in pairwise(levels)) <= 1.5 * 120 / PASSING_FRAMES
    assert levels[-1] == 200


def test_without_smoothing_nothing_lingers() -> None:
    assert shown_levels([LARGE_PX] * 3 + [SMALL_PX] * 3, smooth=0.0) == [200] * 3 + [80] * 3


def test_an_afterimage_moves_with_the_picture() -> None:
    pixels = picture()
    moved = Afterimage(pixels).moved(motion(shift_px=2.0))
    assert moved is not None
    np.testing.assert_array_equal(moved.pixels[:, :-10], pixels[:, 10:])  # 2 of 32 columns


def test_an_afterimage_goes_where_its_way_is_not_known_and_at_a_cut() -> None:
    lost = Afterimage(picture()).moved(motion(reliable=0.0))
    assert lost is not None and not np.any(lost.share)
    assert Afterimage(picture()).moved(None) is None
    assert Afterimage(picture()).moved(motion(is_cut=True)) is None


def test_an_afterimage_fades_evenly_to_nothing() -> None:
    after: Afterimage | None = Afterimage(picture())
    shares = []
    while (after := after.moved(motion())) is not None:
        shares.append(float(np.mean(after.share)))
    assert len(shares) == PASSING_FRAMES
    np.testing.assert_allclose(-np.diff(shares), 1 / (PASSING_FRAMES + 1), atol=1e-5)


def test_what_is_lost_once_does_not_come_back() -> None:
    lost = Afterimage(picture()).moved(motion(reliable=0.0))
    assert lost is not None
    again = lost.moved(motion())
    assert again is not None and not np.any(again.share)
