"""Face crops: aligned as at run time, what is no face passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from domain_data import write_picture
from faces import ToldVision, detection
from PIL import Image

from rtstyle.face.align import CROP_PX, crop_to_frame, pose_of
from rtstyle.face.patch import cut
from rtstyle.face.vision import MediaPipeVision, Wanted
from rtstyle.frame import Face
from train.domains.faces import CropOptions, read_faces
from train.errors import TrainError


def astronaut() -> np.ndarray:
    from skimage.data import astronaut

    return astronaut()


def test_a_face_is_cut_out_as_the_runtime_does(tmp_path: Path) -> None:
    pixels = astronaut()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_faces([tmp_path], CropOptions(size_px=96), min_faces=1)
    vision = MediaPipeVision("short")
    faces = vision.look(pixels, 1000, Wanted(faces=True)).faces or ()
    vision.close()
    pose = max((pose_of(face) for face in faces), key=lambda pose: pose[2])
    expected = cut(pixels, Face((0, 0, 0, 0), crop_to_frame(pose), CROP_PX))
    expected = np.array(Image.fromarray(expected).resize((96, 96), Image.Resampling.LANCZOS))
    crop = found.crops[0].permute(1, 2, 0).numpy()
    assert crop.shape == (96, 96, 3)
    np.testing.assert_array_equal(crop, expected)


def test_the_largest_face_is_taken(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1, 400)
    large, small = detection(250, 250, 120), detection(80, 80, 60)
    told = ToldVision((small, large))
    options = CropOptions(size_px=64)
    found = read_faces([tmp_path], options, min_faces=1, vision=told)
    alone = read_faces([tmp_path], options, min_faces=1, vision=ToldVision((large,)))
    torch.testing.assert_close(found.crops[0], alone.crops[0])
    assert not told.closed


@pytest.mark.parametrize(
    "faces",
    [(), (detection(200, 200, 10),), (detection(200, 200, 120, score=0.5),)],
    ids=["none", "small", "doubtful"],
)
def test_pictures_without_a_face_are_listed(tmp_path: Path, faces: tuple) -> None:
    write_picture(tmp_path / "a.png", 1, 300)
    found = read_faces([tmp_path], CropOptions(), min_faces=0, vision=ToldVision(faces))
    assert len(found) == 0
    assert "a.png" in found.skipped[0] and "no face" in found.skipped[0]


def test_unaligned_pictures_keep_their_middle_square(tmp_path: Path) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    found = read_faces([tmp_path], CropOptions(size_px=32, align=False), min_faces=1)
    assert found.crops[0].float().mean() == 200


def test_bad_files_are_listed_and_skipped_and_too_few_are_an_error(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    write_picture(tmp_path / "test_c.png", 1)
    options = CropOptions(size_px=32, align=False)
    found = read_faces([tmp_path], options, min_faces=1, exclude=["test_*"])
    assert found.origins == ["a.png"]
    assert len(found.skipped) == 1 and "b.jpg" in found.skipped[0]
    with pytest.raises(TrainError, match="only 1 faces"):
        read_faces([tmp_path], options, min_faces=2, exclude=["test_*"])
    with pytest.raises(TrainError, match="no such"):
        read_faces([tmp_path / "none"], options, min_faces=0)


def test_of_a_clip_every_so_many_frames_are_looked_at(tmp_path: Path) -> None:
    from fractions import Fraction

    from faces import frame

    from rtstyle.sink.video import VideoSink, VideoSinkOptions

    path = tmp_path / "clip.mp4"
    sink = VideoSink(path, VideoSinkOptions())
    for index in range(10):
        sink.write(frame(index, np.full((64, 64, 3), 25 * index, np.uint8), rate=int(Fraction(30))))
    sink.close()
    options = CropOptions(size_px=32, align=False, clip_step=4, max_per_clip=2)
    found = read_faces([path], options, min_faces=1)
    assert found.origins == ["clip.mp4:0", "clip.mp4:4"]
