from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import rtstyle
from rtstyle.errors import EngineError
from rtstyle.face import vision
from rtstyle.face.vision import FaceRange, MediaPipeVision, Wanted, load_model
from rtstyle.frame import Pixels

BOTH = Wanted(faces=True, person=True)


def astronaut(width: int = 320, height: int = 180) -> Pixels:
    """The astronaut of NASA on a grey ground, her face at about (160, 55)."""
    path = Path(rtstyle.__file__).parent / "photos" / "astronaut.jpg"
    photo = np.asarray(Image.open(path).convert("RGB").resize((180, 180)))
    pixels = np.full((height, width, 3), 128, np.uint8)
    left = (width - 180) // 2
    pixels[:180, left : left + 180] = photo
    return pixels


@pytest.fixture(params=["short", "full"])
def eyes(request: pytest.FixtureRequest) -> Iterator[MediaPipeVision]:
    opened = MediaPipeVision(request.param)
    yield opened
    opened.close()


def test_the_face_is_found_where_it_is_at_widths_of_all_kinds(eyes: MediaPipeVision) -> None:
    """MediaPipe 0.10.33 misreads pictures whose width is no multiple of 4."""
    for time_ms, width in enumerate((320, 321, 322, 323), 1):
        found = eyes.look(astronaut(width), time_ms, BOTH)
        assert found.faces is not None and len(found.faces) == 1
        face = found.faces[0]
        middle = face.eyes.mean(axis=0)
        np.testing.assert_allclose(middle, (width // 2 - 12, 36), atol=9)
        assert face.eyes[0, 0] < face.eyes[1, 0] and face.ears[0, 0] < face.ears[1, 0]
        assert middle[1] < face.mouth[1] < middle[1] + 40


def test_the_person_is_told_from_the_ground(eyes: MediaPipeVision) -> None:
    mask = eyes.look(astronaut(), 1, BOTH).person
    assert mask is not None and mask.shape == (144, 256) and mask.dtype == np.float32
    assert mask[44, 125] > 0.8 and mask[100, 130] > 0.8
    assert mask[:, :40].mean() < 0.2


def test_a_portrait_is_seen_as_well_as_a_landscape(eyes: MediaPipeVision) -> None:
    found = eyes.look(astronaut(181, 320), 1, BOTH)
    assert found.faces is not None and len(found.faces) == 1


def test_nobody_is_found_in_noise_and_only_what_is_wanted_is_looked_for(
    eyes: MediaPipeVision,
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (180, 320, 3), np.uint8)
    found = eyes.look(noise, 1, Wanted(faces=True))
    assert found.faces == () and found.person is None
    assert eyes.look(noise, 2, Wanted(person=True)).faces is None


def test_a_picture_of_few_pixels_is_no_error(eyes: MediaPipeVision) -> None:
    for time_ms, size in enumerate(((1, 1), (2, 500), (300, 3)), 1):
        assert eyes.look(np.zeros((*size, 3), np.uint8), time_ms, BOTH).faces == ()


def test_mediapipe_prints_nothing_of_its_own(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger=vision.logger.name):
        opened = MediaPipeVision("short")
        opened.look(astronaut(), 1, BOTH)
        opened.close()
    print("still here", file=sys.stderr)
    assert capfd.readouterr() == ("", "still here\n")


def test_a_damaged_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(vision.MODEL_FOLDER, tmp_path / "models")
    name = "face_detection_short_range.tflite"
    content = bytearray((folder / name).read_bytes())
    content[1000] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(EngineError, match=rf"{name} is damaged") as caught:
        load_model(name, folder)
    assert caught.value.exit_code == 6
    (folder / name).unlink()
    with pytest.raises(EngineError, match="cannot be read"):
        load_model(name, folder)


@pytest.mark.parametrize("name", vision.MODEL_SHA256)
def test_the_shipped_models_are_those_of_google(name: str) -> None:
    assert load_model(name)[4:8] == b"TFL3"
    assert name in (vision.MODEL_FOLDER / "NOTICE").read_text()


@pytest.mark.parametrize("face_range", ["short", "full"])
def test_without_mediapipe_the_error_says_what_to_do(
    face_range: FaceRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(EngineError, match="--region frame") as caught:
        MediaPipeVision(face_range)
    assert str(caught.value).count("\n") <= 2


def test_landmarks_hardly_move_with_the_sensor_s_noise(eyes: MediaPipeVision) -> None:
    rng, still = np.random.default_rng(0), cv2.resize(astronaut(), (1280, 720))
    middles = []
    for time_ms in range(1, 9):
        noisy = np.clip(still + rng.normal(0, 4, still.shape), 0, 255).astype(np.uint8)
        faces = eyes.look(noisy, time_ms, Wanted(faces=True)).faces
        assert faces
        middles.append(faces[0].eyes.mean(axis=0))
    assert np.std(middles, axis=0).max() < 1.5


def test_a_library_that_is_missing_is_an_error_and_not_a_film_without_faces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_facts: object) -> None:
        raise OSError("libGLESv2.so.2: cannot open shared object file")

    monkeypatch.setattr("mediapipe.Image", refuse)
    with pytest.raises(EngineError, match="libGLESv2") as caught:
        MediaPipeVision("full")
    assert len(str(caught.value).splitlines()) == 3 and "doctor" in caught.value.fix
