"""Faces and regions through the whole pipeline, with an engine that inverts colours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from faces import ToldVision, detection, frame

from rtstyle.composite import region_share
from rtstyle.controls import Controls, Region
from rtstyle.errors import UsageError
from rtstyle.face import FaceOptions, People, wanted_by
from rtstyle.frame import Pixels
from rtstyle.inference.identity import IdentityEngine
from rtstyle.pipeline import Pipeline
from rtstyle.style import Style, StyleBank

BANK = StyleBank("", {"inverse": Style("inverse", np.zeros(0, np.float32), "")})
CONTROLS = Controls((("inverse", 1.0),), smooth=0.0)
HEIGHT, WIDTH = 180, 320


class InvertingEngine(IdentityEngine):
    """Inverts colours, and keeps the sizes that it was asked to paint."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []

    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        self.sizes.append(pixels.shape[:2])
        return 255 - pixels


def person_on_the_left() -> np.ndarray:
    mask = np.zeros((144, 256), np.float32)
    mask[:, :128] = 1
    return mask


@contextmanager
def pipeline_that_sees(vision: ToldVision) -> Iterator[Pipeline]:
    pipeline = Pipeline(InvertingEngine(), BANK)
    pipeline.people = People(open_vision=lambda: vision)
    try:
        yield pipeline
    finally:
        pipeline.close()


def paint(controls: Controls, vision: ToldVision) -> tuple[Pixels, list[tuple[int, ...]]]:
    """The third frame of a flat grey stream, and the sizes painted for it."""
    gray = np.full((HEIGHT, WIDTH, 3), 50, np.uint8)
    with pipeline_that_sees(vision) as pipeline:
        for index in range(3):
            pipeline.engine.sizes.clear()  # type: ignore[attr-defined]
            shown = pipeline.process(frame(index, gray), controls)
        return shown.pixels, pipeline.engine.sizes  # type: ignore[attr-defined]


SEEN = ToldVision((detection(80, 90, 70),), person_on_the_left())


def test_only_the_face_is_painted_and_only_on_its_crop() -> None:
    pixels, sizes = paint(replace(CONTROLS, region="face"), SEEN)
    assert sizes == [(384, 384)]
    np.testing.assert_allclose(pixels[90, 80], 205, atol=2)
    np.testing.assert_array_equal(pixels[:, 160:], 50)
    np.testing.assert_array_equal(pixels[150:], 50)


def test_a_face_too_small_for_a_crop_is_painted_with_the_frame() -> None:
    vision = ToldVision((detection(80, 90, 24),), person_on_the_left())
    pixels, sizes = paint(replace(CONTROLS, region="face"), vision)
    assert sizes == [(HEIGHT, WIDTH)]
    np.testing.assert_allclose(pixels[90, 80], 205, atol=2)
    np.testing.assert_array_equal(pixels[:, 160:], 50)


@pytest.mark.parametrize(("region", "person_is_painted"), [("person", True), ("background", False)])
def test_people_or_all_but_people_are_painted(region: Region, person_is_painted: bool) -> None:
    pixels, _ = paint(replace(CONTROLS, region=region), SEEN)
    left, right = (205, 50) if person_is_painted else (50, 205)
    np.testing.assert_array_equal(pixels[:, :130], left)
    np.testing.assert_array_equal(pixels[:, 190:], right)


def test_face_strength_0_leaves_the_face_real_in_a_painted_frame() -> None:
    pixels, _ = paint(replace(CONTROLS, face_strength=0.0), SEEN)
    np.testing.assert_array_equal(pixels[90, 80], 50)
    np.testing.assert_array_equal(pixels[:, 160:], 205)


def test_face_detail_paints_frame_and_crop_without_a_seam() -> None:
    pixels, sizes = paint(replace(CONTROLS, face_detail=True), SEEN)
    assert sizes == [(HEIGHT, WIDTH), (384, 384)]
    np.testing.assert_allclose(pixels.astype(int), 205, atol=1)


def test_nobody_seen_leaves_the_picture_real_and_is_told() -> None:
    nobody = ToldVision((), np.zeros((144, 256), np.float32))
    gray = np.full((HEIGHT, WIDTH, 3), 50, np.uint8)
    with pipeline_that_sees(nobody) as pipeline:
        for index in range(4):
            shown = pipeline.process(frame(index, gray), replace(CONTROLS, region="face"))
            np.testing.assert_array_equal(shown.pixels, gray)
        assert pipeline.engine.sizes == []  # type: ignore[attr-defined]
        assert pipeline.people.remarks == ("no face was found",)
    with pipeline_that_sees(SEEN) as pipeline:
        pipeline.process(frame(0, gray), replace(CONTROLS, region="face"))
        assert pipeline.people.remarks == ()


def test_a_face_that_appears_in_a_still_scene_is_painted() -> None:
    """Nothing moves, so smoothing holds what was painted; a face that fades in is no motion."""
    vision = ToldVision((), person_on_the_left())
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    still = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, x * 0 + 40], -1).astype(np.uint8)
    controls = replace(CONTROLS, region="face", smooth=1.0)
    with pipeline_that_sees(vision) as pipeline:
        for index in range(9):
            pipeline.process(frame(index, still), controls)
        vision.faces = SEEN.faces
        for index in range(9, 30):
            pipeline.process(frame(index, still), controls)
        shown = pipeline.process(frame(30, still), controls)
    np.testing.assert_allclose(shown.pixels[90, 80], 255 - still[90, 80].astype(int), atol=6)


def test_what_must_be_found_is_nothing_most_of_the_time() -> None:
    assert not wanted_by(CONTROLS)
    assert not wanted_by(replace(CONTROLS, region="face", strength=0.0))
    assert not wanted_by(replace(CONTROLS, region="person", compare="before"))
    assert wanted_by(replace(CONTROLS, face_detail=True)).faces
    assert not wanted_by(replace(CONTROLS, face_detail=True)).person
    for region in ("face", "person", "background"):
        assert wanted_by(replace(CONTROLS, region=region)).person


@pytest.mark.parametrize("region", ["face", "person", "background"])
def test_before_anybody_looked_nothing_is_painted(region: Region) -> None:
    assert region_share(frame(0), replace(CONTROLS, region=region)) == 0


@pytest.mark.parametrize("change", [{"region": "nose"}, {"max_faces": 0}, {"face_strength": 1.1}])
def test_wrong_controls_are_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        replace(CONTROLS, **change)


def test_a_wrong_range_is_refused() -> None:
    with pytest.raises(UsageError, match="short or full"):
        FaceOptions("long")  # type: ignore[arg-type]


def test_the_whole_frame_needs_no_mediapipe() -> None:
    code = (
        "import sys; sys.modules['mediapipe'] = None\n"
        "from test_face_pipeline import *\n"
        "p = Pipeline(InvertingEngine(), BANK)\n"
        "out = p.process(frame(0), replace(CONTROLS, smooth=0.5))\n"
        "assert (out.pixels == 255).all() and p.people.remarks == ()\n"
        "assert not [name for name in sys.modules if name.startswith('mediapipe.')]\n"
    )
    folder = __file__.rpartition("/")[0]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder, timeout=60)


def test_two_runs_give_the_same_film() -> None:
    """With MediaPipe itself, motion and smoothing, on a photo that is moved."""
    from test_face_vision import astronaut

    controls = replace(CONTROLS, region="face", face_strength=0.8, smooth=0.5)
    photo = astronaut()

    def film() -> list[Pixels]:
        pipeline = Pipeline(InvertingEngine(), BANK)
        shifted = (np.roll(photo, 2 * index, axis=1).copy() for index in range(8))
        try:
            return [
                pipeline.process(frame(index, pixels), controls).pixels
                for index, pixels in enumerate(shifted)
            ]
        finally:
            pipeline.close()

    one, other = film(), film()
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)
    changed = np.abs(one[4].astype(int) - np.roll(photo, 8, axis=1)).max(axis=2) > 20
    y, x = np.nonzero(changed)
    np.testing.assert_allclose((x.mean(), y.mean()), (158, 48), atol=14)
    assert 0.01 < changed.mean() < 0.1
