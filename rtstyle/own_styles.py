"""The user's own styles: a folder of `.style` files that every bank takes in."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .errors import SinkError, StyleError, UsageError
from .style import AUTO, StyleBank, load_styles, save_styles

logger = logging.getLogger(__name__)

SUFFIX = ".style"

_NAME = re.compile(r"\w[\w-]*")


def styles_folder() -> Path:
    """The folder: what RTSTYLE_STYLES names, else `styles` in the user's data folder."""
    if named := os.environ.get("RTSTYLE_STYLES"):
        return Path(named)
    import platformdirs

    return platformdirs.user_data_path("rtstyle") / "styles"


def own_banks(folder: Path | None = None) -> Iterator[StyleBank]:
    """What the files in the folder hold; one that is damaged is logged and passed over."""
    for path in _own_files(folder):
        try:
            yield load_styles(path)
        except StyleError as error:
            logger.warning("%s", error.what)


def _own_files(folder: Path | None = None) -> list[Path]:
    return sorted((folder or styles_folder()).glob(f"*{SUFFIX}"))


def with_own_styles(bank: StyleBank, folder: Path | None = None) -> StyleBank:
    """The bank and the user's styles; a name that the bank has itself stays the bank's.

    Styles of other generators are only remembered, so that asking for one says why it is missing.
    """
    num_values = {style.vector.size for style in bank}
    for own in own_banks(folder):
        new = [style for style in own if style.name not in bank.styles]
        if own.generator != bank.generator:
            bank = bank.with_others(new)
        elif num_values >= {style.vector.size for style in new}:
            bank = bank.with_styles(new)
    return bank


def plain_name(text: str) -> str:
    """A name that a style may have: "Starry Night (1889)" -> "starry-night-1889"; may be empty."""
    # macOS takes letters and their accents apart in the names of files.
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", text).lower()).strip("-")


def check_name(name: str, bank: StyleBank) -> None:
    """Raise UsageError unless a new style may have the name.

    It stands in `--mix a:0.6,b:0.4` and in the name of a file, so not every character will do.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"a style cannot be called '{name}'",
            "its name may have letters, digits, '-' and '_'",
            f"name it with --name {plain_name(name) or 'NAME'}",
        )
    if name.lower() == AUTO:
        raise UsageError(
            f"a style cannot be called '{name}'",
            "that word chooses a style by the content",
            "choose another with --name",
        )
    if name.lower() in (taken.lower() for taken in bank.names):
        raise UsageError(
            f"the name '{name}' is taken",
            "rtstyle brings a style of that name",
            "choose another with --name",
        )


def add_style(path: Path, shelf: StyleBank, name: str | None = None, *, overwrite: bool) -> Path:
    """Copy the style of a `.style` file into the folder, as `name` if given; where it is now.

    Args:
        path: the file.
        shelf: styles of the generator that it is for, whose names are taken.
        name: name to have there.
        overwrite: replace a style of the user's that has the name.

    Raises:
        StyleError: no style file, or for another generator.
        UsageError: the name cannot be had.
    """
    bank = load_styles(path)
    shelf.with_styles(bank)
    if len(bank) != 1:
        raise StyleError(f"{path} holds {len(bank)} styles", "a file to add holds one")
    style = next(iter(bank))
    style = replace(style, name=unicodedata.normalize("NFC", name or style.name))
    check_name(style.name, shelf)
    target = styles_folder() / (style.name + SUFFIX)
    twins = [own for own in _own_files() if own.stem.lower() == style.name.lower()]
    if twins and not overwrite:
        raise UsageError(
            f"the name '{style.name}' is taken",
            f"you added a style of that name before: {twins[0]}",
            "choose another with --name, or replace it with --overwrite",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_styles(target, StyleBank(bank.generator, {style.name: style}))
        for twin in twins:  # another file only where capitals are told from small letters
            if not twin.samefile(target):
                twin.unlink()
    except OSError as error:
        raise SinkError(f"cannot write {target}", str(error)) from error
    return target


def remove_style(name: str) -> Path:
    """Delete a style from the folder; where it was.

    Raises:
        StyleError: the user has none of that name.
    """
    target = styles_folder() / (name + SUFFIX)
    if _NAME.fullmatch(name) is None or not target.is_file():
        names = [path.stem for path in _own_files()]
        raise StyleError(
            f"you have no style of your own called '{name}'",
            f"you have: {', '.join(names)}" if names else f"there are none in {styles_folder()}",
        )
    target.unlink()
    return target
