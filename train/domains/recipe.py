"""A training run of a domain network, described by one TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import TrainError
from ..recipe import build, read_toml
from .faces import CropOptions

T = TypeVar("T")

Network = Literal["dcnn", "drn", "adversarial", "student"]

MIN_SIZE_PX = 16
"""The critic halves a picture four times."""
LEAST = {"steps": 1, "batch": 1, "size_px": 1, "save_every": 1}
LEAST_OF_CROPS = {"size_px": 1, "clip_step": 1, "max_per_clip": 1}
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}
"""What a recipe may hold, in words."""


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
    check(recipe, LEAST, origin)
    check(recipe.crops, LEAST_OF_CROPS, f"{origin}: crops")
    for name, value in recipe.weights.items():
        if not _is_a(value, float):
            raise TrainError(f"{origin}: weights: {name} must be a number, not {value!r}")
    return recipe


def load_domain_recipe(path: Path, network: Network) -> DomainRecipe:
    """Read a recipe for one network.

    Raises:
        TrainError: missing file, bad TOML, unknown or missing keys, or for another network.
    """
    recipe = domain_recipe_from_dict(read_toml(path), str(path))
    if recipe.network != network:
        raise TrainError(f"{path} is a recipe for: python -m train {recipe.network}")
    if recipe.shape and network in ("dcnn", "drn"):
        raise TrainError(f"{path}: {network} has one shape only: leave [shape] out")
    return recipe


def check(part: object, least: Mapping[str, int], origin: str) -> None:
    """See that the values of a recipe, or of a part of it, are of the kinds that they should be.

    Whole numbers are 0 or more; `least` names those that must be more.

    Raises:
        TrainError: one is not.
    """
    for name, hint in get_type_hints(type(part)).items():
        kind: Any = get_origin(hint) or hint
        value = getattr(part, name)
        if kind is Literal and value not in get_args(hint):
            known = ", ".join(get_args(hint))
            raise TrainError(f"{origin}: no {name} '{value}'; known: {known}")
        if kind in KINDS and not _is_a(value, kind):
            raise TrainError(f"{origin}: {name} must be {KINDS[kind]}, not {value!r}")
        if kind is int and value < (lowest := least.get(name, 0)):
            raise TrainError(f"{origin}: {name} must be {lowest} or more, not {value}")


def check_size(size_px: int, multiple: int, what: str) -> None:
    """See that a network that works on blocks of `multiple` pixels can paint squares of a size.

    Raises:
        TrainError: it cannot.
    """
    least = max(MIN_SIZE_PX, 2 * multiple)  # what is padded by reflection has two places
    if size_px % multiple or size_px < least:
        raise TrainError(f"{what} must be a multiple of {multiple}, {least} or more, not {size_px}")


def shape_of(kind: type[T], recipe: DomainRecipe) -> T:
    """The shape that a recipe asks for.

    Raises:
        TrainError: it has an option that the network does not have, or a value that is none.
    """
    try:
        shape = build(kind, dict(recipe.shape))
    except ValueError as error:
        raise TrainError(f"{recipe.name}: shape: {error}") from error
    check(shape, {}, f"{recipe.name}: shape")
    return shape


def factors(recipe: DomainRecipe, defaults: Mapping[str, float]) -> dict[str, float]:
    """Factors of the loss terms: the recipe's over the network's own.

    Raises:
        TrainError: the recipe names a term that the network does not have.
    """
    if unknown := sorted(set(recipe.weights) - set(defaults)):
        known = ", ".join(defaults)
        raise TrainError(f"{recipe.name}: unknown loss '{unknown[0]}'; known: {known}")
    return {**defaults, **recipe.weights}


def _is_a(value: object, kind: Any) -> bool:
    """Whether a value of a recipe is of a kind; whole numbers are numbers too, true is none."""
    kinds = (int, float) if kind is float else kind
    return isinstance(value, kinds) and isinstance(value, bool) == (kind is bool)
