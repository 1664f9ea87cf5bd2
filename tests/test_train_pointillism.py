"""A picture in dots, to learn pointillism from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rtstyle.errors import SinkError, SourceError
from rtstyle.frame import Pixels
from train.__main__ import run
from train.pointillism import SHORT_SIDE_PX, paint


def two_halves(height: int = 240, width: int = 200) -> Pixels:
    """Blue above orange."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2], picture[height // 2 :] = (60, 90, 180), (200, 130, 60)
    return picture


def test_the_scene_stays_what_it_was_from_afar() -> None:
    picture = two_halves()
    painted = paint(picture)
    assert painted.dtype == np.uint8
    assert painted.shape == (round(SHORT_SIDE_PX * 1.2), SHORT_SIDE_PX, 3)
    upper, lower = (half.mean(axis=(0, 1)) for half in np.array_split(painted, 2))
    assert upper[2] > upper[0] + 20 and lower[0] > lower[2] + 20


def test_colours_are_divided_into_dots() -> None:
    painted = paint(two_halves())[:300]
    hues = cv2.cvtColor(painted, cv2.COLOR_RGB2HSV_FULL)[..., 0]
    blue = (hues > 140) & (hues < 185)
    warm = (hues < 45) | (hues > 230)
    assert blue.mean() > 0.4
    assert warm.mean() > 0.03
    whole = cv2.connectedComponents(warm.astype(np.uint8))[0] - 1
    assert whole > 50


def test_the_same_picture_gives_the_same_dots() -> None:
    picture = two_halves(80, 60)
    assert np.array_equal(paint(picture), paint(picture))
    assert not np.array_equal(paint(picture), paint(picture, seed=4))


def test_the_command_writes_a_picture_and_replaces_none_unasked(tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(two_halves(80, 60)).save(source)
    command = ["pointillism", str(source), str(target)]
    run(command, "train")
    with Image.open(target) as written:
        assert np.array_equal(np.asarray(written), paint(two_halves(80, 60)))
    with pytest.raises(SinkError, match="exists"):
        run(command, "train")
    with pytest.raises(SourceError, match="no such file"):
        run(["pointillism", str(tmp_path / "away.png"), str(target), "--overwrite"], "train")
