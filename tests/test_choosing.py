"""`--style auto`: what is looked at, what is said, and that a hand on the controls comes first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rtstyle.cli.choosing import LOOK_SECONDS, Chooser, FirstLook, opening
from rtstyle.controls import Controls
from rtstyle.desk import FADE_SECONDS, Desk
from rtstyle.errors import SourceError, StyleError
from rtstyle.frame import Frame, Pixels
from rtstyle.shelf import find_generator
from rtstyle.style import ORIGINAL, StyleBank, load_styles

BANK = load_styles(find_generator().styles)


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)


class Told:
    """A source of the frames it is given, 10 a second."""

    damage, notices, info = None, (), None

    def __init__(self, pictures: list[Pixels]) -> None:
        self.pictures, self.num_read, self.is_closed = pictures, 0, False

    def __iter__(self) -> Iterator[Frame]:
        for index, pixels in enumerate(self.pictures):
            self.num_read += 1
            yield Frame(pixels, index, index, Fraction(1, 10))

    def close(self) -> None:
        self.is_closed = True


def test_an_opening_is_some_frames_of_two_seconds() -> None:
    source = Told([noise(index) for index in range(100)])
    pictures = opening(source)  # type: ignore[arg-type]
    assert 5 <= len(pictures) <= 9
    assert source.is_closed and source.num_read < 25
    np.testing.assert_array_equal(pictures[0], noise(0))


def test_an_opening_passes_over_black_unless_all_is_black() -> None:
    black = np.zeros((24, 32, 3), np.uint8)
    fading = opening(Told([black] * 10 + [noise(1)] * 20))  # type: ignore[arg-type]
    assert fading and all(picture.any() for picture in fading)
    assert opening(Told([black] * 3))  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="no picture"):
        opening(Told([]))  # type: ignore[arg-type]


def test_the_choice_is_a_style_of_the_bank_and_is_told() -> None:
    chooser = Chooser("fast", BANK)
    mix = chooser.choose([noise(3)], "a.jpg")
    assert mix[0][0] in BANK.names and mix[0][0] != ORIGINAL
    assert chooser.names == [mix[0][0]]
    assert chooser.lines[0].startswith(f"a.jpg: style {mix[0][0]}, by its content")
    assert Chooser("fast", BANK).choose([noise(3)], "a.jpg") == mix


def test_a_bank_without_a_graph_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").touch()
    with pytest.raises(StyleError, match="no graph of styles") as caught:
        Chooser(str(tmp_path / "own.onnx"), StyleBank("abc"))
    assert "--style" in caught.value.fix


class FakeSession:
    """What `FirstLook` needs of a session."""

    def __init__(self) -> None:
        self.desk = Desk(Controls(((ORIGINAL, 1.0),)), BANK.names)
        self.source: Any = SimpleNamespace(info=SimpleNamespace(name="camera"))
        self.removed: list[object] = []
        self.told: list[str] = []

    def remove_sink(self, sink: object) -> None:
        self.removed.append(sink)

    def tell(self, message: str) -> None:
        self.told.append(message)


def look(session: FakeSession, seconds: float, by_hand: str = "") -> FirstLook:
    """Let a `FirstLook` see that much of a stream of 20 frames a second."""
    chooser = Chooser("fast", BANK)
    first = FirstLook(session, chooser, session.told.append)  # type: ignore[arg-type]
    if by_hand:
        session.desk.choose_style(by_hand)
    for index in range(round(seconds * 20)):
        if first not in session.removed:
            first.write(Frame(noise(1), index, index, Fraction(1, 20), index / 20))
    return first


def test_a_camera_fades_to_the_style_of_its_first_second_and_is_left_alone() -> None:
    session = FakeSession()
    first = look(session, LOOK_SECONDS + 0.5)
    style = session.desk.style
    assert style != ORIGINAL and session.removed == [first]
    assert session.told[0] == f"style {style}, by the content"
    assert session.told[1].startswith(f"camera: style {style}")
    assert len(session.desk.at(time.monotonic()).mix) == 2
    assert session.desk.at(time.monotonic() + FADE_SECONDS).mix == ((style, 1.0),)


def test_before_the_second_is_over_nothing_is_chosen() -> None:
    session = FakeSession()
    look(session, LOOK_SECONDS - 0.2)
    assert session.desk.style == ORIGINAL and not session.removed


def test_a_style_that_was_chosen_by_hand_stays() -> None:
    session = FakeSession()
    first = look(session, LOOK_SECONDS + 0.5, by_hand="mosaic")
    assert session.desk.style == "mosaic" and session.removed == [first] and not session.told
