"""A training run described by one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from .errors import TrainError

T = TypeVar("T")

OUR_PICTURES = Path(__file__).resolve().parent / "pictures"

ORIGINAL = "original"
"""The style that changes nothing: mixing with it lowers the strength of another style."""


@dataclass(frozen=True)
class Weights:
    """Factors of the loss terms."""

    content: float = 1.0
    style: float = 4.0
    total_variation: float = 0.2
    stability: float = 2.0
    identity: float = 10.0
    """Mean absolute pixel error, times the share of `original` in a sample's style."""
    equivariance: float = 0.0
    """A crop is painted as the same part of the whole picture is."""
    coarse_style: float = 0.0
    """Style once more, of paintings and pictures at half of their size: larger strokes."""
    quarters: float = 0.0
    """How much further quarters of paintings are from the style than such parts of the picture are,
    so that none stays bare."""
    frame_difference: float = 0.0
    """Between frames of `clips`, paint changes no more than the film does."""
    lattice: float = 0.0
    """The share of the detail that repeats or alternates from block to block of the generator, over
    the picture's own regularity."""
    cells: float = 0.0
    """How much the detail depends on where in such a block it is, likewise."""


@dataclass(frozen=True)
class StylePicture:
    """A picture to learn from, and what its card says."""

    name: str
    file: str
    """Relative to the data folder, or the name of one of ours in `train/pictures`."""
    title: str = ""
    author: str = ""
    year: str = ""
    licence: str = ""
    frequency: float = 1.0
    """How often it is trained, relative to the others; a style that learns slowly, more often."""
    emphasis: float = 1.0
    """Factor of its style terms, relative to the others': more paint, less photo."""
    steadiness: float = 1.0
    """Factor of its stability and its frame differences: less flicker."""

    def path(self, data: Path) -> Path:
        """Where the picture is."""
        ours = OUR_PICTURES / self.file
        return ours if ours.exists() else data / self.file


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run of `python -m train perceptual` produces."""

    name: str
    photos: list[str]
    """Folders of content photos, relative to the data folder."""
    styles: list[StylePicture]
    exclude: list[str] = field(default_factory=list)
    """File name patterns of photos that are kept for testing."""
    clips: list[str] = field(default_factory=list)
    """Films, relative to the data folder; their frames are photos too."""
    sheet_photos: list[str] = field(default_factory=list)
    steps: int = 4000
    batch: int = 4
    size_px: int = 256
    style_short_side_px: int = 512
    learning_rate: float = 1e-3
    mixture_share: float = 0.25
    """Share of each batch that is painted in a random mixture of styles."""
    plain_share: float = 0.0
    """Share of the photos that get a plain background (`backgrounds.py`)."""
    soft_share: float = 0.0
    """Share of the photos that are shown as if from near (`backgrounds.py`)."""
    recoloured_share: float = 0.0
    """Share of the photos that are shown in other light and other colours (`backgrounds.py`)."""
    importance: float = 0.0
    """How far the content term favours faces and small things: 0 not at all, 1 as `importance.py`
    has it."""
    average_decay: float = 0.998
    seed: int = 1
    save_every: int = 250
    history: list[str] = field(default_factory=list)
    """What the weights went through before these settings, for the card."""
    weights: Weights = field(default_factory=Weights)
    generator: dict[str, Any] = field(default_factory=dict)

    @property
    def style_names(self) -> list[str]:
        """`original`, then the styles with a picture: the order of the rows in the style table."""
        return [ORIGINAL, *(style.name for style in self.styles)]

    @property
    def style_frequencies(self) -> list[float]:
        """How often each is trained, in the same order."""
        return [1.0, *(style.frequency for style in self.styles)]

    @property
    def style_emphases(self) -> list[float]:
        """Factors of their style terms, in the same order."""
        return [1.0, *(style.emphasis for style in self.styles)]

    @property
    def style_steadiness(self) -> list[float]:
        """Factors of their terms for flicker, in the same order."""
        return [1.0, *(style.steadiness for style in self.styles)]


def recipe_from_dict(values: dict[str, Any], origin: str) -> Recipe:
    """Build a recipe from parsed TOML; unknown and missing keys are errors that name them."""
    values = dict(values)
    try:
        values["weights"] = build(Weights, values.get("weights", {}))
        values["styles"] = [build(StylePicture, style) for style in values.get("styles", [])]
        recipe = build(Recipe, values)
    except (TypeError, ValueError) as error:
        raise TrainError(f"{origin}: {error}") from error
    names = recipe.style_names
    if len(set(names)) != len(names):
        raise TrainError(f"{origin}: a style name appears twice ('{ORIGINAL}' is always there)")
    if not recipe.styles:
        raise TrainError(f"{origin}: no [[styles]] to learn")
    return recipe


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; what it `extends` is another beside it, whose other keys it takes over.

    Raises:
        TrainError: missing file, bad TOML, unknown or missing keys.
    """
    values = read_toml(path)
    if other := values.pop("extends", None):
        values = {**read_toml(path.parent / str(other)), **values}
    return recipe_from_dict(values, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """What a recipe's file says.

    Raises:
        TrainError: missing file or bad TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise TrainError(f"no such recipe: {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path}: {error}") from error


def build(kind: type[T], values: dict[str, Any]) -> T:
    """A dataclass from parsed values.

    Raises:
        ValueError: a key that it does not know; TypeError: one is missing.
    """
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"unknown key '{unknown[0]}'; known: {', '.join(sorted(known))}")
    return kind(**values)
