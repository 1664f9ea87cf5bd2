from __future__ import annotations

import numpy as np
import pytest
from faces import detection

from rtstyle.face.align import crop_to_frame, pose_of
from rtstyle.face.patch import cut, face_mask, match_colors, needs_whole, paint_faces, patch_share
from rtstyle.frame import Face, Pixels

HEIGHT, WIDTH = 240, 320


def face_at(x: float, y: float, size: float = 100, angle: float = 0.2, alpha: float = 1.0) -> Face:
    found = detection(x, y, size, angle)
    return Face(found.box, crop_to_frame(pose_of(found)), 384, alpha)


def picture() -> Pixels:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, (x + y) % 256 // 2], -1).astype(np.uint8)


def invert(pixels: Pixels) -> Pixels:
    return 255 - pixels


@pytest.mark.parametrize("where", [(160, 120), (2, 5), (318, 238), (-30, 100), (-900, 0)])
def test_what_is_cut_out_and_pasted_unchanged_changes_nothing(where: tuple[int, int]) -> None:
    pixels = picture()
    result = paint_faces(pixels, pixels.copy(), (face_at(*where),), 1.0, lambda crop: crop)
    assert result.shape == pixels.shape
    assert np.abs(result[..., :2].astype(int) - pixels[..., :2]).max() <= 3


def test_only_faces_are_painted_and_the_inputs_are_left_alone() -> None:
    pixels, face = picture(), face_at(160, 120, 60)
    result = paint_faces(pixels, pixels, (face,), 1.0, invert)
    np.testing.assert_array_equal(pixels, picture())
    np.testing.assert_allclose(result[118:122, 158:162], 255 - pixels[118:122, 158:162], atol=4)
    mask = face_mask((face,), HEIGHT, WIDTH)
    outside = np.kron(mask, np.ones((4, 4))) == 0
    outside[:, :60] = outside[:, 260:] = True
    np.testing.assert_array_equal(result[:, :60], pixels[:, :60])
    assert outside.mean() > 0.5


def test_a_face_that_fades_is_mixed_in() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    half = paint_faces(pixels, pixels, (face_at(160, 120, alpha=0.5),), 1.0, invert)
    assert 125 <= half[120, 160, 0] <= 130


def test_faces_far_too_small_or_larger_than_the_crop_are_left_to_the_whole_frame() -> None:
    shares = [patch_share(face_at(160, 120, size), 1.0) for size in (20, 60, 150, 270, 400)]
    assert shares[0] == 0 and shares[1] == shares[2] == 1 and shares[4] == 0
    for size in np.linspace(20, 400, 200):
        low, high = (patch_share(face_at(0, 0, s), 1.0) for s in (size, size + 2))
        assert abs(low - high) < 0.15  # nothing pops as a face comes nearer
    pixels = picture()
    assert paint_faces(pixels, pixels, (face_at(160, 120, 20),), 1.0, invert) is pixels
    assert needs_whole((face_at(160, 120, 20),), 1.0)
    assert not needs_whole((face_at(160, 120, 100),), 1.0)
    assert not needs_whole((), 1.0)
    assert patch_share(face_at(160, 120, 400), 0.4) == 1  # painted at less than its size


def test_colours_follow_those_around_the_patch() -> None:
    rng = np.random.default_rng(0)
    around = rng.normal((90, 120, 60), 20, (384, 384, 3)).clip(0, 255).astype(np.uint8)
    patch = rng.normal((110, 100, 80), 20, (384, 384, 3)).clip(0, 255).astype(np.uint8)
    matched = match_colors(patch, around)
    np.testing.assert_allclose(matched.mean((0, 1)), (90, 120, 60), atol=3)
    flat = np.full((384, 384, 3), 128, np.uint8)
    np.testing.assert_allclose(match_colors(flat, around).mean((0, 1)), (90, 120, 60), atol=3)


def test_the_mask_lies_over_the_face_and_weakens_with_alpha() -> None:
    mask = face_mask((face_at(160, 120, 80), face_at(40, 40, 40, alpha=0.5)), HEIGHT, WIDTH)
    assert mask.shape == (60, 80) and mask.dtype == np.float32
    assert mask[30, 40] == 1 and mask[10, 10] == pytest.approx(0.5)
    y, x = np.nonzero(mask > 0.75)
    np.testing.assert_allclose((4 * x.mean() + 1.5, 4 * y.mean() + 1.5), (160, 120), atol=8)
    smaller = face_mask((face_at(160, 120, 80),), HEIGHT, WIDTH, 0.8)
    assert 0 < (smaller > 0.5).sum() < (mask > 0.55).sum()
    assert face_mask((), HEIGHT, WIDTH).max() == 0


def test_the_crop_is_upright() -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    face = face_at(160, 120, 80, angle=0.5)
    left_eye, right_eye = detection(160, 120, 80, 0.5).eyes
    for x, y in (left_eye, right_eye):
        pixels[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 255
    rows, columns = np.nonzero(cut(pixels, face)[..., 0] > 200)
    assert rows.std() < 10 < columns.std()
