"""Pairs of a face and its painting, made by optimisation: `python -m train pairs`.

A folder of pairs holds `sources/` and `targets/` (PNG), `pairs.json` (what they were made with) and
`pairs.jsonl` (one line a pair: source, target, the style label, which is the picture's name, the
similarity label of `similarity.py`, and the face's origin). A line is written when its pictures
are, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import load_picture
from ..errors import TrainError, check_name
from ..features import VGGFeatures
from ..fusion import style_targets
from ..recipe import StylePicture, build, read_toml
from ..sheet import to_image
from .faces import CropOptions, Faces, read_faces
from .gatys import GatysOptions, paint_by_optimisation
from .recipe import LEAST_OF_CROPS, check
from .similarity import descriptors, similarity

SCHEMA = 1
LINES, FACTS = "pairs.jsonl", "pairs.json"
CALIBRATION_BATCH = 8
LEAST = {"max_faces": 1, "min_faces": 1, "batch": 1, "style_short_side_px": 16}
LEAST_OF_GATYS = {"steps": 1}
LINE_KEYS = {"source", "target", "style", "similarity", "origin"}


@dataclass(frozen=True)
class PairsRecipe:
    """Everything that decides what `python -m train pairs` makes.

    `faces` are folders, pictures and clips, `styles` pictures, all relative to the data folder.
    `max_faces` faces, spread over the places, are painted in the first style, and then
    `further_faces` of them (0: all) in each other style, `batch` at a time. `licence` says what may
    be done with weights that learn from the pairs.
    """

    name: str
    faces: list[str]
    styles: list[StylePicture]
    licence: str
    exclude: list[str] = field(default_factory=list)
    max_faces: int = 120
    further_faces: int = 0
    min_faces: int = 8
    batch: int = 4
    style_short_side_px: int = 256
    crops: CropOptions = field(default_factory=CropOptions)
    gatys: GatysOptions = field(default_factory=GatysOptions)


def load_pairs_recipe(path: Path) -> PairsRecipe:
    """Read a recipe of pairs.

    Raises:
        TrainError: missing file, bad TOML, unknown or missing keys.
    """
    return pairs_recipe_from_dict(read_toml(path), str(path))


def pairs_recipe_from_dict(values: Mapping[str, Any], origin: str) -> PairsRecipe:
    """Build a recipe from parsed TOML; what is wrong with it is an error that names it."""
    values = dict(values)
    try:
        values["styles"] = [build(StylePicture, style) for style in values.get("styles", [])]
        values["crops"] = build(CropOptions, values.get("crops", {}))
        values["gatys"] = build(GatysOptions, values.get("gatys", {}))
        recipe = build(PairsRecipe, values)
    except (TypeError, ValueError) as error:
        raise TrainError(f"{origin}: {error}") from error
    if len({style.name for style in recipe.styles}) != len(recipe.styles) or not recipe.styles:
        raise TrainError(f"{origin}: it needs [[styles]], each with a name of its own")
    check(recipe, LEAST, origin)
    check(recipe.crops, LEAST_OF_CROPS, f"{origin}: crops")
    check(recipe.gatys, LEAST_OF_GATYS, f"{origin}: gatys")
    for style in recipe.styles:
        check_name(style.name)
    return recipe


@dataclass(frozen=True)
class Progress:
    """Pairs that are there, of how many, and the mean similarity of the last ones."""

    done: int
    total: int
    similarity: float


def make_pairs(
    recipe: PairsRecipe,
    data: Path,
    out: Path,
    features: VGGFeatures,
    report: Callable[[Progress], None],
) -> Faces:
    """Make what is missing of a recipe's pairs; returns the faces with what was passed over.

    Raises:
        TrainError: too few faces, or `out` holds pairs of another recipe.
    """
    _claim(out, recipe)
    faces = read_faces(
        [data / place for place in recipe.faces],
        recipe.crops,
        min_faces=recipe.min_faces,
        exclude=recipe.exclude,
    )
    faces = _spread(faces, recipe.max_faces)
    device = next(features.buffers()).device
    photos = (faces.stack().float() / 255).to(device)
    features.calibrate(photos.split(CALIBRATION_BATCH))
    lines = read_lines(out)
    found = {f"sources/{i:05d}.png": origin for i, origin in enumerate(faces.origins)}
    if any(found.get(line["source"]) != line["origin"] for line in lines):
        raise TrainError(f"{out} holds pairs of other faces", fix="take another folder with --out")
    done = {line["target"] for line in lines}
    wanted = _wanted(recipe, len(faces))
    total = sum(len(picks) for picks in wanted)
    # Style by style: what learns a single look need not wait for the others.
    for style, picks in zip(recipe.styles, wanted, strict=True):
        picture = load_picture(style.path(data), short_side=recipe.style_short_side_px)
        targets = style_targets([picture.to(device)], features)
        names = [(i, f"targets/{i:05d}_{style.name}.png") for i in picks]
        left = [(i, name) for i, name in names if name not in done]
        for begin in range(0, len(left), recipe.batch):
            missing = left[begin : begin + recipe.batch]
            batch = photos[[i for i, _ in missing]]
            painted = paint_by_optimisation(batch, targets, features, recipe.gatys)
            with torch.no_grad():
                labels = similarity(descriptors(features, batch), descriptors(features, painted))
            for (i, name), target, label in zip(missing, painted, labels.tolist(), strict=True):
                _write(out, photos[i], target, _line(faces, i, name, style.name, label))
                done.add(name)
            report(Progress(len(done), total, float(labels.mean())))
    return faces


def read_lines(folder: Path) -> list[dict]:
    """The lines of a folder of pairs; one that a killed run left unfinished is dropped.

    Raises:
        TrainError: one is no pair.
    """
    path = folder / LINES
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return []
    whole = [line for line in text.splitlines(keepends=True) if line.endswith(b"\n")]
    lines = [_parsed(line) for line in whole]
    for number, line in enumerate(lines, start=1):
        if not line.keys() >= LINE_KEYS:
            raise TrainError(
                f"{path} is damaged: line {number} is no pair",
                fix="remove the line; python -m train pairs makes its pair again",
            )
    return lines


def read_facts(folder: Path) -> dict[str, Any]:
    """What a folder's pairs were made with: a `PairsRecipe` as a dictionary, and the schema.

    Raises:
        TrainError: missing or damaged.
    """
    path = folder / FACTS
    facts = _parsed(path.read_bytes()) if path.is_file() else {}
    if not {"name", "licence", "styles"} <= facts.keys():
        raise TrainError(
            f"{path} is missing or damaged",
            "it says what the pairs may be used for",
            "make the pairs anew in another folder: python -m train pairs",
        )
    return facts


def _parsed(text: bytes) -> dict:
    """A JSON object; empty where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _claim(out: Path, recipe: PairsRecipe) -> None:
    """Write the recipe into `out`, or see that it is the one whose pairs lie there."""
    known = read_lines(out)
    if known and _recipe_of(out) != recipe:
        raise TrainError(
            f"{out} holds pairs of another recipe", fix="take another folder with --out"
        )
    for folder in ("sources", "targets"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    if not known:
        facts = json.dumps({"schema": SCHEMA, **asdict(recipe)}, indent=1) + "\n"
        (out / FACTS).write_text(facts)
    lines = out / LINES
    if lines.exists() and not lines.read_bytes().endswith(b"\n"):
        part = out / f".{LINES}.part"  # a full disk must not take the lines that are there
        part.write_text("".join(json.dumps(line) + "\n" for line in known))
        part.replace(lines)


def _recipe_of(folder: Path) -> PairsRecipe:
    """The recipe whose pairs lie there; options that came later stand at what they begin as."""
    facts = read_facts(folder)
    facts.pop("schema", None)
    return pairs_recipe_from_dict(facts, str(folder / FACTS))


def _wanted(recipe: PairsRecipe, num_faces: int) -> list[list[int]]:
    """The numbers of the faces that each style is painted on."""
    further = _evenly(num_faces, recipe.further_faces or num_faces)
    return [list(range(num_faces)), *(further for _ in recipe.styles[1:])]


def _evenly(total: int, count: int) -> list[int]:
    """`count` of the numbers below `total`, or all of them."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int)).tolist()


def _spread(faces: Faces, count: int) -> Faces:
    """`count` of the faces, evenly over the order in which they were found."""
    picks = _evenly(len(faces), count)
    return Faces([faces.crops[i] for i in picks], [faces.origins[i] for i in picks], faces.skipped)


def _line(faces: Faces, index: int, target: str, style: str, label: float) -> dict:
    return {
        "source": f"sources/{index:05d}.png",
        "target": target,
        "style": style,
        "similarity": round(label, 4),
        "origin": faces.origins[index],
    }


def _write(out: Path, source: Tensor, target: Tensor, line: dict) -> None:
    to_image(source).save(out / line["source"])
    to_image(target).save(out / line["target"])
    with (out / LINES).open("a") as file:
        file.write(json.dumps(line) + "\n")
