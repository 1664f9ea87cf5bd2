"""A training run of a domain network, described by one TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import TrainError
from ..recipe import build, read_toml
from .faces import CropOptions

Network = Literal["dcnn", "drn", "adversarial", "student"]


@dataclass(frozen=True)
class DomainRecipe:
    """Everything that decides what a run produces, but for the pairs that it is given.

    `styles` are the labels to learn (empty: all of the pairs'). `weights` are factors of loss
    terms and `shape` the network's own options; both have defaults beside the network. `sources`
    are places of faces (see `faces.read_faces`) and `targets` of an unpaired domain, relative to
    the data folder: a student is taught on `sources`, the others take pairs unless both are named.
    `licence` is that of weights trained on them.
    """

    name: str
    network: Network
    styles: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    licence: str = ""
    sheet_photos: list[str] = field(default_factory=list)
    """Faces that are not trained on, relative to the data folder."""
    steps: int = 2000
    batch: int = 4
    """Pairs a step, of each process."""
    size_px: int = 128
    learning_rate: float = 1e-3
    average_decay: float = 0.998
    seed: int = 1
    save_every: int = 250
    weights: dict[str, float] = field(default_factory=dict)
    shape: dict[str, Any] = field(default_factory=dict)
    crops: CropOptions = field(default_factory=CropOptions)
    start_from: str = ""
    """A generator of the shelf that a student begins as, in the style of the same name."""
    teacher_px: int = 0
    """The size at which a student's teacher paints; 0 is the one that it was trained at."""
    learned_from: str = ""
    """Pairs, or teacher and what that learned from, in words: written by the run, for the card."""


def domain_recipe_from_dict(values: Mapping[str, Any], origin: str) -> DomainRecipe:
    """Build a recipe from parsed TOML; unknown and missing keys are errors that name them."""
    values = dict(values)
    try:
        values["crops"] = build(CropOptions, dict(values.get("crops", {})))
        recipe = build(DomainRecipe, values)
    except (TypeError, ValueError) as error:
        raise TrainError(f"{origin}: {error}") from error
    if recipe.network not in get_args(Network):
        known = ", ".join(get_args(Network))
        raise TrainError(f"{origin}: no network called '{recipe.network}'; known: {known}")
    return recipe


def load_domain_recipe(path: Path, network: Network) -> DomainRecipe:
    """Read a recipe for one network.

    Raises:
        TrainError: missing file, bad TOML, unknown or missing keys, or for another network.
    """
    recipe = domain_recipe_from_dict(read_toml(path), str(path))
    if recipe.network != network:
        raise TrainError(f"{path} is a recipe for: python -m train {recipe.network}")
    return recipe


def factors(recipe: DomainRecipe, defaults: Mapping[str, float]) -> dict[str, float]:
    """Factors of the loss terms: the recipe's over the network's own.

    Raises:
        TrainError: the recipe names a term that the network does not have.
    """
    if unknown := sorted(set(recipe.weights) - set(defaults)):
        known = ", ".join(defaults)
        raise TrainError(f"{recipe.name}: unknown loss '{unknown[0]}'; known: {known}")
    return {**defaults, **recipe.weights}
