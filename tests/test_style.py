from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtstyle.errors import StyleError
from rtstyle.style import Style, StyleBank, load_styles, save_styles


def bank(*names: str, generator: str = "abc") -> StyleBank:
    styles = {
        name: Style(name, np.full(4, index, np.float32), generator, title=name.title())
        for index, name in enumerate(names)
    }
    return StyleBank(generator, styles)


def test_a_bank_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "own.style"
    save_styles(path, bank("original", "starry-night", "scream"))
    loaded = load_styles(path, 4)
    assert loaded.names == ["original", "starry-night", "scream"]
    assert loaded["scream"].title == "Scream"
    np.testing.assert_array_equal(loaded["scream"].vector, np.full(4, 2, np.float32))


def test_an_unknown_style_names_the_nearest() -> None:
    with pytest.raises(StyleError) as caught:
        bank("original", "starry-night", "scream")["stary-nigt"]
    assert caught.value.exit_code == 6
    assert "did you mean: starry-night" in str(caught.value)


def test_a_mix_is_the_weighted_mean_whatever_the_scale() -> None:
    mixed = bank("a", "b", "c").mix([("b", 3), ("c", 1)])
    np.testing.assert_allclose(mixed.vector, 1.25)
    same = bank("a", "b", "c").mix([("b", 0.75), ("c", 0.25)])
    np.testing.assert_allclose(mixed.vector, same.vector)


def test_a_file_for_another_generator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.style"
    save_styles(path, bank("mine", generator="other"))
    with pytest.raises(StyleError, match="does not fit the generator"):
        load_styles(path, 5)
    with pytest.raises(StyleError, match="another generator"):
        bank("a").with_styles(load_styles(path))
    with pytest.raises(StyleError, match="do not fit"):
        load_styles(path).checked_for("abc")


@pytest.mark.parametrize("content", [b"", b"noise" * 100, b'{"a": 1}'])
def test_a_damaged_file_is_a_style_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.style"
    path.write_bytes(content)
    with pytest.raises(StyleError, match="damaged"):
        load_styles(path)


def test_a_missing_file_is_a_style_error(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="no such style file"):
        load_styles(tmp_path / "none.style")


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(StyleError, match="no numbers"):
        Style("bad", np.array([1, np.nan], np.float32), "abc")


def test_a_file_that_cannot_be_written_is_an_os_error_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "own.style"
    save_styles(path, bank("a"))
    with pytest.raises(OSError):
        save_styles(tmp_path / "nowhere" / "own.style", bank("a"))
    (tmp_path / "folder.style").mkdir()
    with pytest.raises(OSError):
        save_styles(tmp_path / "folder.style", bank("a"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.style", "own.style"]
    assert load_styles(path).names == ["a"]
