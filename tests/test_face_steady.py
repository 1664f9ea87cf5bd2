from __future__ import annotations

import numpy as np
import pytest
from faces import detection, flow_motion, frame

from rtstyle.face.align import CROP_PX
from rtstyle.face.drift import Drift
from rtstyle.face.steady import FADE_SECONDS, HOLD_SECONDS, Steady
from rtstyle.face.vision import Detection
from rtstyle.frame import Face

MIDDLE = np.array([(CROP_PX - 1) / 2, (CROP_PX - 1) / 2, 1.0])


def centre(face: Face) -> np.ndarray:
    return face.crop_to_frame @ MIDDLE


def shown(
    steady: Steady, seconds: float, *found: Detection, max_faces: int = 4
) -> tuple[Face, ...]:
    steady.see(found, seconds)
    return steady.faces(seconds, max_faces)


def test_a_still_face_seen_through_noise_stands_still() -> None:
    rng, steady, path, raw = np.random.default_rng(0), Steady(), [], []
    for index in range(120):
        x, y = rng.normal(100, 0.8, 2)
        raw.append((x, y))
        path.append(centre(shown(steady, index / 30, detection(x, y))[0]))
    assert np.std(path[30:], axis=0).max() < np.std(raw[30:], axis=0).min() / 2


def test_a_moving_face_is_followed() -> None:
    """At half a side a second, the crop is less than a twentieth of its side behind."""
    steady, x = Steady(), 100.0
    faces = shown(steady, -1 / 30, detection(x, 100))
    for index in range(90):
        x = 100 + 80 * index / 30
        faces = shown(steady, index / 30, detection(x, 100))
    assert abs(centre(faces[0])[0] - x) < 8


def test_motion_carries_a_face_without_lag() -> None:
    steady, drift = Steady(), Drift()
    shown(steady, 0.0, detection(100, 90))
    faces = steady.faces(0.0, 4)
    start = centre(faces[0])
    for index in range(1, 6):
        drift.observe(frame(index, motion=flow_motion(1, 0.5)))
        steady.carry(drift, index - 1)
        faces = steady.faces(index / 30, 4)
    np.testing.assert_allclose(centre(faces[0]) - start, (50, 25), atol=1e-3)
    assert faces[0].box[0] == pytest.approx(50 + 50)


def test_half_a_turn_is_no_jump() -> None:
    """Angles just above and just below 180 degrees are neighbours."""
    steady = Steady()
    for index in range(10):
        angle = np.pi - 0.02 if index % 2 else -np.pi + 0.02
        face = shown(steady, index / 30, detection(100, 100, angle=angle))[0]
        x_axis = face.crop_to_frame[:, 0] / np.hypot(*face.crop_to_frame[:, 0])
        np.testing.assert_allclose(x_axis, (-1, 0), atol=0.05)


def test_a_low_score_keeps_a_face_but_begins_none() -> None:
    steady = Steady()
    assert shown(steady, 0.0, detection(100, 100, score=0.5)) == ()
    assert shown(steady, 0.1, detection(100, 100, score=0.65)) == ()
    assert 0 < shown(steady, 0.2, detection(100, 100, score=0.9))[0].alpha < 1
    faces = ()
    for step in range(3, 20):
        faces = shown(steady, step / 10, detection(100, 100, score=0.45))
    assert len(faces) == 1 and faces[0].alpha == 1


@pytest.mark.parametrize("rate", [10, 30, 120])
def test_fades_take_the_same_time_at_any_rate(rate: int) -> None:
    steady = Steady()
    shown(steady, 0.0)  # somebody looked and saw nobody
    alphas = {}
    for index in range(1, 4 * rate):
        seconds = index / rate
        found = [detection(100, 100)] if seconds <= 2 else []
        faces = shown(steady, seconds, *found)
        alphas[seconds] = faces[0].alpha if faces else 0.0
    for seconds, alpha in alphas.items():
        if seconds < 2:
            assert alpha == pytest.approx(min(1, seconds / FADE_SECONDS), abs=1.01 / rate * 5)
        elif seconds < 2 + HOLD_SECONDS:
            assert alpha == 1
        elif seconds > 2 + HOLD_SECONDS + FADE_SECONDS + 2 / rate:
            assert alpha == 0
    assert 0 < min(alpha for alpha in alphas.values() if alpha) < 1


def test_while_nobody_looks_a_face_is_kept_a_while_longer() -> None:
    steady = Steady()
    shown(steady, 0.0, detection(100, 100))
    assert [len(steady.faces(seconds, 4)) for seconds in (0.5, 0.9, 1.3)] == [1, 1, 0]


def test_at_the_start_of_a_scene_faces_are_there_at_once() -> None:
    steady = Steady()
    assert shown(steady, 0.0, detection(100, 100))[0].alpha == 1
    steady.reset()
    assert steady.faces(0.1, 4) == ()
    assert shown(steady, 0.2, detection(200, 100))[0].alpha == 1


def test_two_faces_are_not_mixed_up_whatever_the_order() -> None:
    steady, faces = Steady(), ()
    for index in range(30):
        found = [detection(100, 100, 100), detection(200, 100, 80)]
        faces = shown(steady, index / 30, *(found if index % 2 else found[::-1]))
    np.testing.assert_allclose([centre(face)[0] for face in faces], (100, 200), atol=1e-6)


def test_the_largest_faces_are_taken_and_a_little_larger_one_does_not_push_in() -> None:
    steady = Steady()
    three = [detection(60, 60, 40), detection(200, 60, 100), detection(60, 200, 70)]
    faces = shown(steady, 0.0, *three, max_faces=2)
    assert [round(face.box[2]) for face in faces] == [100, 70]
    for index in range(1, 30):
        three[0] = detection(60, 60, 75)
        faces = shown(steady, index / 10, *three, max_faces=2)
    assert [round(face.box[2]) for face in faces] == [100, 70]
    for index in range(30, 60):
        three[0] = detection(60, 60, 95)
        faces = shown(steady, index / 10, *three, max_faces=2)
    assert [round(face.box[2]) for face in faces] == [100, 95]
