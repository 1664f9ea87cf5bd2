"""Finds the shelf of generators, `engines/`, in a wheel or in a checkout."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from .errors import EngineError

DEFAULT_GENERATOR = "fast"


@dataclass(frozen=True)
class ShelvedGenerator:
    """The files of one generator: `NAME.onnx`, `NAME.fp16.onnx`, `NAME.styles` and so on."""

    name: str
    folder: Path

    @property
    def onnx(self) -> Path:
        """Graph with float32 internals."""
        return self.folder / f"{self.name}.onnx"

    @property
    def onnx_fp16(self) -> Path:
        """Graph with float16 internals, for GPUs."""
        return self.folder / f"{self.name}.fp16.onnx"

    @property
    def styles(self) -> Path:
        """Its bank of styles."""
        return self.folder / f"{self.name}.styles"

    @property
    def graph(self) -> Path:
        """Which of its styles is right for a picture (`rtstyle.style_graph`)."""
        return self.folder / f"{self.name}.graph"

    @property
    def card(self) -> Path:
        """What it was trained on, and how."""
        return self.folder / f"{self.name}.md"


def shelf_folder() -> Path:
    """Folder with the generators.

    Raises:
        EngineError: the installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "engines", package.parent / "engines"):
        if folder.is_dir():
            return folder
    raise EngineError(
        "the folder with the generators is missing",
        f"neither {package}/engines nor {package.parent}/engines exists",
        "install rtstyle again",
    )


def generators() -> list[str]:
    """Names of the generators on the shelf."""
    return sorted(
        path.name.removesuffix(".onnx")
        for path in shelf_folder().glob("*.onnx")
        if not path.name.endswith(".fp16.onnx")
    )


def find_generator(name: str = DEFAULT_GENERATOR) -> ShelvedGenerator:
    """The generator of that name, or one from a path to an ONNX file.

    Raises:
        EngineError: no such file, or not on the shelf; the message names those that are.
    """
    path = Path(name)
    if path.suffix == ".onnx":
        if not path.is_file():
            raise EngineError(f"no such generator: {name}")
        return ShelvedGenerator(path.name.removesuffix(".onnx"), path.parent)
    names = generators()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise EngineError(
            f"no generator called '{name}'",
            f"did you mean '{near[0]}'?" if near else "",
            f"the shelf holds: {', '.join(names) or 'nothing'}",
        )
    return ShelvedGenerator(name, shelf_folder())


def generator_option(name: str) -> str:
    """What a command needs besides to use the generator; nothing for the one that it takes."""
    return "" if name == DEFAULT_GENERATOR else f" --generator {quote(name)}"
