"""Importance: faces and small things outweigh the rest, and the mean stays 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from faces import ToldVision, detection
from PIL import Image

import rtstyle
from rtstyle.errors import EngineError
from train.data import PhotoCrops
from train.importance import draw_faces, find_faces, importance_map, small_things

PHOTOS = Path(rtstyle.__file__).parent / "photos"


def scene(*squares: tuple[int, int]) -> torch.Tensor:
    """A soft ground (1, 3, 256, 256) with bright squares: (left and top, side)."""
    ramp = torch.linspace(0.3, 0.5, 256)
    image = ramp[None, None, :, None].repeat(1, 3, 1, 256)
    for at, side in squares:
        image[..., at : at + side, at : at + side] = torch.tensor([0.9, 0.7, 0.1])[:, None, None]
    return image


@pytest.mark.parametrize("size_hw", [(64, 64), (32, 48)])
def test_the_mean_is_one_whatever_there_is_to_see(size_hw: tuple[int, int]) -> None:
    image = torch.cat([scene(), scene((40, 20)), torch.rand(1, 3, 256, 256)])
    faces = torch.zeros(3, 1, 256, 256)
    faces[1, :, 30:80, 90:160] = 1
    weights = importance_map(image, faces, size_hw)
    assert weights.shape == (3, 1, *size_hw)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.mean(dim=(1, 2, 3)), torch.ones(3))


def test_in_a_blank_photo_all_counts_the_same() -> None:
    weights = importance_map(torch.full((1, 3, 64, 64), 0.5), torch.zeros(1, 1, 64, 64), (16, 16))
    torch.testing.assert_close(weights, torch.ones_like(weights))


def test_a_small_thing_counts_more_than_its_ground_and_than_a_large_thing() -> None:
    small = small_things(scene((160, 20)))[0, 0, 41:44, 41:44].mean()
    large = small_things(scene((60, 140)))[0, 0, 25:40, 25:40].mean()
    ground = small_things(scene((160, 20)))[0, 0, 8:24, 8:24].mean()
    assert small > 2 * large
    assert small > 2 * ground


def test_eyes_and_mouth_count_most_then_the_face_then_the_rest() -> None:
    face = detection(120, 100, 80)
    marks = draw_faces([face], (256, 256))[0]
    assert marks.shape == (256, 256)
    for x, y in (*face.eyes, face.mouth):
        assert marks[round(y), round(x)] > 0.95
    forehead, wall = marks[75, 120], marks[200, 30]
    assert 0.2 < forehead < 0.6
    assert wall < 0.01
    assert not draw_faces([], (8, 8)).any()


def test_faces_are_marked_where_they_are_and_only_sure_ones() -> None:
    photo = torch.zeros(3, 120, 100, dtype=torch.uint8)
    told = ToldVision((detection(50, 60, 40),))
    (mark,) = find_faces([photo], lambda: told)
    assert mark.shape == (1, 120, 100) and mark.dtype == torch.uint8
    assert told.closed
    assert mark[0, 60, 50] > 80 > mark[0, 5, 5]
    doubtful = ToldVision((detection(50, 60, 40, score=0.5),))
    assert not find_faces([photo], lambda: doubtful)[0].any()


def test_without_mediapipe_nothing_is_marked(caplog: pytest.LogCaptureFixture) -> None:
    def missing() -> ToldVision:
        raise EngineError("MediaPipe cannot be imported")

    (mark,) = find_faces([torch.zeros(3, 9, 9, dtype=torch.uint8)], missing)
    assert mark.shape == (1, 9, 9) and not mark.any()
    assert "MediaPipe" in caplog.text


def test_the_face_of_a_real_photo_is_found() -> None:
    with Image.open(PHOTOS / "astronaut.jpg") as opened:
        photo = torch.from_numpy(np.array(opened.convert("RGB"))).permute(2, 0, 1)
    marks = find_faces([photo])[0][0]
    assert marks.max() > 200
    assert 0.005 < (marks > 50).float().mean() < 0.3


def test_marks_are_cropped_with_their_photo(tmp_path: Path) -> None:
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
        Image.fromarray(pixels).resize((90, 90)).save(tmp_path / f"{number}.png")
    crops = PhotoCrops([tmp_path], 32, 2, min_side_px=48)
    crops.mark(lambda photos: [photo[:1] for photo in photos])
    random = torch.Generator()
    batch = crops.marked_batch(5, random.manual_seed(1))
    torch.testing.assert_close(batch[:, 3], batch[:, 0])
    assert crops.batch(5, random.manual_seed(1)).equal(batch[:, :3])
