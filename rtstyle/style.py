"""Styles: a name and a small vector. Banks of them, `.style` files of one's own, mixing."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import StyleError

ORIGINAL = "original"
"""The style that changes nothing; mixing with it weakens another."""

AUTO = "auto"
"""What users write for the style that is right for the content (`rtstyle.style_graph`)."""

SCHEMA = 1

THUMBNAIL_PREFIX = "thumbnail:"
"""In a file, a style's thumbnail lies beside its vector under this and its name."""


@dataclass(frozen=True, eq=False)
class Style:
    """A way to paint, for one generator.

    `vector` (P,) float32 is the generator's style input; `generator` the hash of the weights that
    it was trained with, `generator_name` what they were called then. `thumbnail` (H, W, 3) uint8
    shows what it does. The rest is what a user is told about the picture it was learned from.
    """

    name: str
    vector: NDArray[np.float32]
    generator: str
    title: str = ""
    author: str = ""
    year: str = ""
    licence: str = ""
    generator_name: str = ""
    thumbnail: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.vector.ndim != 1 or self.vector.dtype != np.float32:
            raise ValueError(
                f"vector must be float32 (P,), got {self.vector.dtype} {self.vector.shape}"
            )
        if not np.isfinite(self.vector).all():
            raise StyleError(f"the style '{self.name}' holds values that are no numbers")

    @property
    def trained_for(self) -> str:
        """Its generator in words."""
        return f"{self.generator_name or 'weights'} {self.generator[:12]}"


@dataclass(frozen=True)
class StyleBank:
    """Styles of one generator by name, in the order of the shelf.

    `others` are known, but belong to other generators.
    """

    generator: str
    styles: Mapping[str, Style] = field(default_factory=dict)
    others: Mapping[str, Style] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Style]:
        return iter(self.styles.values())

    def __len__(self) -> int:
        return len(self.styles)

    @property
    def names(self) -> list[str]:
        return list(self.styles)

    def __getitem__(self, name: str) -> Style:
        """The style of that name.

        Raises:
            StyleError: unknown name; the message lists the nearest ones.
        """
        try:
            return self.styles[name]
        except KeyError:
            if name in self.others:
                raise self._foreign(self.others[name]) from None
            near = difflib.get_close_matches(name.lower(), self.names, n=3, cutoff=0.4)
            fix = f"did you mean: {', '.join(near)}?" if near else ""
            raise StyleError(
                f"unknown style '{name}'", fix, f"the styles are: {', '.join(self.names)}"
            ) from None

    def mix(self, parts: Iterable[tuple[str, float]]) -> Style:
        """The weighted mean of several styles; shares are scaled to a sum of 1."""
        found = [(self[name], share) for name, share in parts]
        if len(found) == 1:
            return found[0][0]
        total = sum(share for _, share in found)
        vector = sum(style.vector * np.float32(share / total) for style, share in found)
        name = "+".join(f"{style.name}:{share / total:.2g}" for style, share in found)
        return Style(name, np.asarray(vector, np.float32), self.generator)

    def checked_for(self, generator: str) -> StyleBank:
        """This bank, if it belongs to the generator with that hash.

        Raises:
            StyleError: it was trained for another one.
        """
        if self.generator != generator:
            raise StyleError(
                "the styles do not fit the generator",
                f"they were trained for {self.generator[:12]}, this is {generator[:12]}",
                "export generator and styles together, or install rtstyle again",
            )
        return self

    def with_styles(self, styles: Iterable[Style]) -> StyleBank:
        """This bank with further styles, which must be of the same generator."""
        added = {style.name: style for style in styles}
        for style in added.values():
            if style.generator != self.generator:
                raise self._foreign(style)
        return replace(self, styles={**self.styles, **added})

    def with_others(self, styles: Iterable[Style]) -> StyleBank:
        """This bank, which can then say of these styles that they belong to other generators."""
        return replace(self, others={**self.others, **{style.name: style for style in styles}})

    def _foreign(self, style: Style) -> StyleError:
        name = next((own.generator_name for own in self), "")
        this = f"{name} {self.generator[:12]}".strip()
        again = "train it again for this generator: rtstyle train style"
        other = style.generator_name
        return StyleError(
            f"the style '{style.name}' belongs to another generator",
            f"it was trained for {style.trained_for}, this is {this}",
            f"use --generator {other}, or {again}" if other not in ("", name) else again,
        )


def load_styles(path: Path, num_values: int | None = None) -> StyleBank:
    """Read a bank or a `.style` file (safetensors: one vector per style, the rest as metadata).

    Args:
        path: the file.
        num_values: P of the generator that will use it, checked where given.

    Raises:
        StyleError: missing, damaged or of the wrong size.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["rtstyle"])
            if header["schema"] != SCHEMA:
                raise StyleError(
                    f"{path} was written by another version of rtstyle",
                    f"its schema is {header['schema']}, this version reads {SCHEMA}",
                )
            generator = header["generator"]
            styles = [
                Style(
                    generator=generator,
                    generator_name=header.get("generator_name", ""),
                    vector=file.get_tensor(facts["name"]),
                    thumbnail=_thumbnail(file, facts["name"]),
                    **facts,
                )
                for facts in header["styles"]
            ]
    except FileNotFoundError:
        raise StyleError(f"no such style file: {path}") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise StyleError(f"{path} is damaged or no style file of rtstyle", str(error)) from error
    for style in styles:
        if num_values is not None and style.vector.size != num_values:
            raise StyleError(
                f"the style '{style.name}' in {path.name} does not fit the generator",
                f"it was trained for {style.trained_for}, with {style.vector.size} values; "
                f"this one takes {num_values}",
                f"use --generator {style.generator_name}" if style.generator_name else "",
            )
    return StyleBank(generator, {style.name: style for style in styles})


def save_styles(path: Path, bank: StyleBank) -> None:
    """Write a bank or a `.style` file that `load_styles` reads; under its name it is always whole.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    facts = ("name", "title", "author", "year", "licence")
    header = {
        "schema": SCHEMA,
        "generator": bank.generator,
        "generator_name": next((style.generator_name for style in bank), ""),
        "styles": [{key: getattr(style, key) for key in facts} for style in bank],
    }
    tensors: dict[str, NDArray] = {style.name: np.ascontiguousarray(style.vector) for style in bank}
    for style in bank:
        if style.thumbnail is not None:
            tensors[THUMBNAIL_PREFIX + style.name] = np.ascontiguousarray(style.thumbnail)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={"rtstyle": json.dumps(header)})
        os.replace(part, path)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _thumbnail(file, name: str) -> NDArray[np.uint8] | None:
    """The picture (H, W, 3) of a style in an open file; None if there is none that can be shown."""
    key = THUMBNAIL_PREFIX + name
    if key not in file.keys():  # noqa: SIM118 - safe_open is no mapping
        return None
    pixels = file.get_tensor(key)
    is_picture = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    return pixels if is_picture else None
