from __future__ import annotations

import numpy as np
import pytest
from faces import detection
from hypothesis import given
from hypothesis import strategies as st

from rtstyle.face.align import CROP_PX, crop_to_frame, pose_of, side_px
from rtstyle.face.vision import Detection


@given(
    x=st.floats(-50, 500), y=st.floats(-50, 500), size=st.floats(20, 400), angle=st.floats(-3, 3)
)
def test_the_pose_moves_grows_and_turns_with_the_face(
    x: float, y: float, size: float, angle: float
) -> None:
    base, pose = pose_of(detection(0, 0, 100)), pose_of(detection(x, y, size, angle))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(pose[:2], turn @ base[:2] * size / 100 + (x, y), atol=1e-6)
    assert side_px(pose) == pytest.approx(side_px(base) * size / 100)
    assert np.cos(pose[3] - angle) == pytest.approx(1)


def test_eyes_are_level_in_the_crop_and_all_landmarks_inside() -> None:
    face = detection(200, 150, 120, angle=0.4)
    to_frame = crop_to_frame(pose_of(face))
    to_crop = np.linalg.inv(np.vstack([to_frame, [0, 0, 1]]))[:2]
    points = np.vstack([face.eyes, face.ears, face.mouth])
    inside = points @ to_crop[:, :2].T + to_crop[:, 2]
    assert inside[0, 1] == pytest.approx(inside[1, 1])
    assert inside[0, 0] < inside[1, 0]
    assert (inside > 0).all() and (inside < CROP_PX).all()


def test_the_middle_of_the_crop_is_the_centre_of_the_pose() -> None:
    pose = pose_of(detection(70, 90, 60, angle=-0.3))
    middle = (CROP_PX - 1) / 2
    np.testing.assert_allclose(crop_to_frame(pose) @ (middle, middle, 1), pose[:2])


def test_in_profile_the_crop_stays_upright_and_as_large() -> None:
    frontal = detection(0, 0, 100)
    eyes = np.array([[20.0, -15.0], [22.0, -17.0]])  # nearly meeting, their axis slanting by 45°
    profile = Detection(frontal.box, 0.9, eyes, frontal.ears, frontal.mouth)
    pose = pose_of(profile)
    assert abs(pose[3]) < np.radians(40)
    assert side_px(pose) == pytest.approx(side_px(pose_of(frontal)), rel=0.15)


def test_eyes_and_mouth_in_one_point_give_a_finite_pose() -> None:
    point = np.zeros((2, 2))
    pose = pose_of(Detection((0, 0, 1, 1), 0.9, point, point, np.zeros(2)))
    assert np.isfinite(pose).all()
