from __future__ import annotations

import numpy as np
import pytest
from faces import flow_motion, frame

from rtstyle.face.drift import Drift


def drift_of(*motions: tuple[float, float] | None) -> Drift:
    drift = Drift()
    for index, motion in enumerate(motions):
        drift.observe(frame(index, motion=None if motion is None else flow_motion(*motion)))
    return drift


def test_a_box_moves_by_the_sum_of_the_flows_since_it_was_seen() -> None:
    drift = drift_of((9, 9), (1, 0), (0, 2))
    assert drift.of_box((100, 50, 60, 60), 0) == pytest.approx((10, 20))
    assert drift.of_box((100, 50, 60, 60), 1) == pytest.approx((0, 20))
    assert drift.of_box((100, 50, 60, 60), 2) == (0, 0)


def test_without_motion_nothing_moves() -> None:
    assert drift_of(None, None).of_box((100, 50, 60, 60), 0) == (0, 0)
    mask = np.eye(9, dtype=np.float32)
    assert drift_of(None, None).of_mask(mask, 0) is mask


def test_what_moves_around_a_face_does_not_move_it() -> None:
    drift, motion = Drift(), flow_motion(0, 0)
    motion.flow[:, :8] = -7
    motion.flow[:3] = 5
    drift.observe(frame(1, motion=motion))
    assert drift.of_box((100, 40, 80, 80), 0) == pytest.approx((0, 0))


@pytest.mark.parametrize("box", [(-500, 0, 50, 50), (310, 170, 80, 80), (5, 5, 0.5, 0.5)])
def test_a_box_at_or_beyond_the_border_is_no_error(box: tuple[float, ...]) -> None:
    x, y = drift_of(None, (1, 1)).of_box(box, 0)  # type: ignore[arg-type]
    assert np.isfinite((x, y)).all()


def test_a_mask_of_any_size_moves_with_the_picture() -> None:
    mask = np.zeros((36, 64), np.float32)
    mask[10:20, 10:20] = 1
    moved = drift_of(None, (2, 1)).of_mask(mask, 0)
    np.testing.assert_allclose(moved[12:22, 14:24], 1)
    assert moved.sum() == pytest.approx(mask.sum())
