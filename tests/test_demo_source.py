"""The clip of `rtstyle demo`: the same every time, moving, with hard cuts and a face in it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from rtstyle.capture.demo import SHOTS, DemoSource


def test_frames_are_as_announced_and_repeatable() -> None:
    source = DemoSource(320, 180, Fraction(25), num_frames=8)
    first, second = list(source), list(source)
    assert [frame.pts for frame in first] == list(range(8))
    assert {frame.pixels.shape for frame in first} == {(180, 320, 3)}
    assert source.info.duration_seconds == 8 / 25
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_the_camera_moves_little_within_a_shot_and_cuts_between_shots() -> None:
    per_shot = 37
    frames = list(DemoSource(160, 90, num_frames=per_shot * len(SHOTS)))
    pixels = [frame.pixels.astype(np.float32) for frame in frames]
    change = [float(np.abs(b - a).mean()) for a, b in pairwise(pixels)]
    cuts = [i for i in range(len(change)) if (i + 1) % per_shot == 0]
    within = [value for i, value in enumerate(change) if i not in cuts]
    assert min(within) > 0.5
    assert min(change[i] for i in cuts) > 2 * max(within)


def test_close_ends_the_clip() -> None:
    source = DemoSource(64, 36)
    frames = iter(source)
    next(frames)
    source.close()
    assert next(frames, None) is None
