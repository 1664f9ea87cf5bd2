"""The user's own styles: kept in a folder, found by their names, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtstyle.errors import StyleError, UsageError
from rtstyle.own_styles import (
    add_style,
    check_name,
    plain_name,
    remove_style,
    styles_folder,
    with_own_styles,
)
from rtstyle.style import Style, StyleBank, load_styles, save_styles


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSTYLE_STYLES", str(tmp_path / "own"))


def style(name: str, generator: str = "abc", *, size: int = 4, value: float = 1.0) -> Style:
    vector = np.full(size, value, np.float32)
    return Style(name, vector, generator, generator_name="fast")


def bank(*styles: Style) -> StyleBank:
    return StyleBank(styles[0].generator, {one.name: one for one in styles})


def saved(path: Path, *styles: Style) -> Path:
    save_styles(path, bank(*styles))
    return path


SHELF = bank(style("original"), style("scream"))


def test_an_added_style_is_in_every_bank_until_it_is_removed(tmp_path: Path) -> None:
    assert with_own_styles(SHELF).names == ["original", "scream"]
    path = add_style(saved(tmp_path / "a.style", style("monet")), SHELF, overwrite=False)
    assert path.parent == styles_folder()
    assert with_own_styles(SHELF).names == ["original", "scream", "monet"]
    assert remove_style("monet") == path
    assert with_own_styles(SHELF).names == ["original", "scream"]


def test_a_style_may_be_given_another_name(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.style", style("monet", value=3))
    add_style(file, SHELF, "parasol", overwrite=False)
    np.testing.assert_array_equal(with_own_styles(SHELF)["parasol"].vector, np.full(4, 3))


def test_capitals_make_no_other_name(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.style", style("monet"))
    with pytest.raises(UsageError, match="'Scream' is taken"):
        add_style(file, SHELF, "Scream", overwrite=False)
    add_style(file, SHELF, overwrite=False)
    with pytest.raises(UsageError, match="'MONET' is taken") as caught:
        add_style(file, SHELF, "MONET", overwrite=False)
    assert "monet.style" in str(caught.value)
    add_style(file, SHELF, "MONET", overwrite=True)
    assert with_own_styles(SHELF).names == ["original", "scream", "MONET"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Starry Night (1889)", "starry-night-1889"),
        ("e\u0301te\u0301_2", "\xe9t\xe9-2"),
        ("!?", ""),
    ],
)
def test_any_text_has_a_plain_name(text: str, name: str) -> None:
    assert plain_name(text) == name
    if name:
        check_name(name, SHELF)


def test_a_name_that_cannot_be_had_comes_with_one_that_can(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.style", style("Claude Monet!"))
    with pytest.raises(UsageError, match="--name claude-monet"):
        add_style(file, SHELF, overwrite=False)
    path = add_style(file, SHELF, "e\u0301te\u0301", overwrite=False)
    assert with_own_styles(SHELF).names[-1] == path.stem == "\xe9t\xe9"


def test_names_that_are_taken_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.style", style("scream"))
    with pytest.raises(UsageError, match="'scream' is taken"):
        add_style(file, SHELF, overwrite=True)
    assert not styles_folder().exists()
    add_style(file, SHELF, "own", overwrite=False)
    with pytest.raises(UsageError, match="'own' is taken"):
        add_style(file, SHELF, "own", overwrite=False)
    add_style(saved(tmp_path / "b.style", style("b", value=7)), SHELF, "own", overwrite=True)
    assert with_own_styles(SHELF)["own"].vector[0] == 7


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "../a", "a b", "a.style", "-a"])
def test_names_that_a_mix_or_a_file_cannot_have_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        check_name(name, SHELF)


def test_a_style_for_another_generator_says_which(tmp_path: Path) -> None:
    foreign = saved(tmp_path / "a.style", style("monet", "f00d" * 16))
    with pytest.raises(StyleError, match="trained for fast f00df00df00d") as caught:
        add_style(foreign, SHELF, overwrite=False)
    assert "fast abc" in str(caught.value)
    assert "--generator" not in str(caught.value)
    other = replace(style("monet", "f00d" * 16), generator_name="quality")
    with pytest.raises(StyleError, match="use --generator quality, or train it again"):
        add_style(saved(tmp_path / "b.style", other), SHELF, overwrite=False)
    styles_folder().mkdir()
    saved(styles_folder() / "monet.style", style("monet", "f00d" * 16))
    found = with_own_styles(SHELF)
    assert found.names == SHELF.names
    with pytest.raises(StyleError, match="trained for fast f00df00df00d"):
        found["monet"]


def test_files_that_cannot_be_used_are_passed_over(tmp_path: Path) -> None:
    styles_folder().mkdir()
    (styles_folder() / "damaged.style").write_bytes(b"noise")
    saved(styles_folder() / "long.style", style("long", size=9))
    saved(styles_folder() / "scream.style", style("scream", value=9))
    found = with_own_styles(SHELF)
    assert found.names == SHELF.names
    assert found["scream"].vector[0] == 1


@pytest.mark.parametrize("name", ["none", "../a"])
def test_only_own_styles_can_be_removed(tmp_path: Path, name: str) -> None:
    kept = saved(tmp_path / "a.style", style("a"))
    with pytest.raises(StyleError, match="no style of your own"):
        remove_style(name)
    assert kept.exists()


def test_a_bank_of_several_is_not_added(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="holds 2 styles"):
        add_style(saved(tmp_path / "a.style", style("a"), style("b")), SHELF, overwrite=False)


def test_a_thumbnail_survives_its_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    one = Style("a", np.zeros(2, np.float32), "abc", thumbnail=pixels)
    loaded = load_styles(saved(tmp_path / "a.style", one, style("b", size=2)))
    thumbnail = loaded["a"].thumbnail
    assert thumbnail is not None
    np.testing.assert_array_equal(thumbnail, pixels)
    assert loaded["b"].thumbnail is None
