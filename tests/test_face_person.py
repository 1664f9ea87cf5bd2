from __future__ import annotations

import numpy as np
import pytest
from faces import flow_motion, frame

from rtstyle.face.drift import Drift
from rtstyle.face.person import PersonMask
from rtstyle.frame import Mask, Pixels

NO_FACES = np.zeros((45, 80), np.float32)


def person_left_of(column: int) -> Mask:
    """A segmenter's mask, 144 x 256: a person from the left border to `column` of 320."""
    mask = np.zeros((144, 256), np.float32)
    mask[:, : column * 256 // 320] = 1
    return mask


def pixels_with_edge(column: int) -> Pixels:
    pixels = np.full((180, 320, 3), 60, np.uint8)
    pixels[:, :column] = 190
    return pixels


def test_unknown_until_the_first_mask() -> None:
    person = PersonMask()
    assert person.refined(pixels_with_edge(160), NO_FACES) is None
    person.see(person_left_of(160))
    assert person.refined(pixels_with_edge(160), NO_FACES) is not None
    person.reset()
    assert person.refined(pixels_with_edge(160), NO_FACES) is None


@pytest.mark.parametrize("miss_px", [-3, 3])
def test_the_border_is_drawn_towards_the_edge_in_the_picture(miss_px: int) -> None:
    person = PersonMask()
    person.see(person_left_of(160 + miss_px))
    refined = person.refined(pixels_with_edge(160), NO_FACES)
    assert refined is not None and refined.dtype == np.float32
    assert refined.shape == (180, 320) and refined.min() >= 0 and refined.max() <= 1
    assert refined[:, 157].min() > refined[:, 162].max() + 0.4
    assert refined[:, :140].min() > 0.95 and refined[:, 180:].max() < 0.05


def test_the_mask_of_a_large_frame_is_small() -> None:
    person = PersonMask()
    person.see(person_left_of(160))
    refined = person.refined(np.zeros((1080, 1918, 3), np.uint8), NO_FACES)
    assert refined is not None and refined.shape == (360, 639)


def test_masks_that_flicker_flicker_less() -> None:
    person, columns = PersonMask(), []
    for index in range(20):
        person.see(person_left_of(160 + (5 if index % 2 else -5)))
        refined = person.refined(np.full((180, 320, 3), 90, np.uint8), NO_FACES)
        assert refined is not None
        columns.append(refined.sum() / 180)
    assert abs(columns[-1] - columns[-2]) < 5  # of 10


def test_between_looks_the_mask_moves_with_the_picture() -> None:
    person, drift = PersonMask(), Drift()
    person.see(person_left_of(100))
    for index in (1, 2):
        drift.observe(frame(index, motion=flow_motion(3, 0)))
        person.carry(drift, index - 1)
    refined = person.refined(pixels_with_edge(160), NO_FACES)
    assert refined is not None
    assert refined.sum() / 180 == pytest.approx(160, abs=3)


def test_a_known_face_is_part_of_the_person() -> None:
    person = PersonMask()
    person.see(np.zeros((144, 256), np.float32))
    faces = NO_FACES.copy()
    faces[10:35, 30:50] = 1
    refined = person.refined(np.full((180, 320, 3), 90, np.uint8), faces)
    assert refined is not None
    assert refined[90, 160] > 0.95 and refined[90, 20] < 0.05


@pytest.mark.parametrize("size", [(1, 64), (64, 1), (4000, 3)])
def test_a_very_thin_picture_is_no_error(size: tuple[int, int]) -> None:
    person = PersonMask()
    person.see(np.ones((144, 256), np.float32))
    refined = person.refined(np.zeros((*size, 3), np.uint8), NO_FACES)
    assert refined is not None and refined.min() > 0.9
