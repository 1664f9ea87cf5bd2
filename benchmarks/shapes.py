"""Which shape of the generator paints best for its milliseconds: `python -m benchmarks.shapes`.

Short runs from nothing, each with four styles and another number of blocks or channels, all on the
same crops; then each paints a photo that none was trained on, as in `benchmarks.quality`, and is
timed in OpenVINO.

    python -m benchmarks.shapes train "4 blocks, 32/64" --steps 600
    python -m benchmarks.shapes measure          # needs a quiet machine
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import Any

from rtstyle.api import load
from rtstyle.doctor.engines import measure_ms
from train.checkpoint import load_checkpoint
from train.export import export
from train.features import load_features
from train.loop import Paths
from train.recipe import Recipe, load_recipe

from .curves import CurveCache
from .gatys import Gatys, equivalent_iterations, to_tensor
from .machine import RESULTS, machine_facts
from .measure import write_result
from .quality import FEATURES, protocol_of, read_photos
from .recipes import short_run

SCHEMA = 1
RECIPE = Path("train/recipes/bank24.toml")
STYLES = ("starry-night", "great-wave", "udnie", "mosaic")
SHAPES = {
    "3 blocks, 32/64": {"blocks": 3},
    "4 blocks, 32/64": {},
    "5 blocks, 32/64": {"blocks": 5},
    "3 blocks, 48/96": {"blocks": 3, "front": 48, "body": 96},
    "4 blocks, 48/96": {"front": 48, "body": 96},
}
"""What differs from `fast`: blocks, and channels at a quarter / an eighth of the resolution."""

NUM_ROUNDS, NUM_TIMED = 5, 8


def recipe_of(shape: str, steps: int) -> Recipe:
    """The bank's recipe for four styles and one shape, on small crops."""
    base = load_recipe(RECIPE)
    return replace(
        base,
        name=f"shape {shape}",
        styles=[style for style in base.styles if style.name in STYLES],
        clips=[],
        sheet_photos=[],
        steps=steps,
        size_px=192,
        average_decay=0.99,
        weights=replace(base.weights, frame_difference=0.0, lattice=0.0, cells=0.0),
        generator={**base.generator, **SHAPES[shape]},
    )


def run_folder(options: argparse.Namespace, shape: str) -> Path:
    return options.runs / shape.replace(" ", "_").replace("/", "-").replace(",", "")


def train(options: argparse.Namespace) -> None:
    """Make the run of one shape."""
    paths = Paths(options.data, run_folder(options, options.shape))
    short_run(recipe_of(options.shape, options.steps), paths)


def measure(options: argparse.Namespace) -> None:
    """Losses, equivalent iterations and milliseconds of every shape whose run is there."""
    protocol = protocol_of(options.data, "noise")
    photos = read_photos(options.data, protocol.photo_px)
    example = to_tensor(next(iter(photos.values())))[0]
    gatys = Gatys(load_features(options.data / FEATURES), list(photos.values()), protocol)
    cache = CurveCache(Path("benchmarks/quality_curves_noise.json"), protocol)
    table: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            checkpoint = run_folder(options, shape) / "checkpoint.safetensors"
            if checkpoint.exists():
                export(checkpoint, Path(folder), str(len(table)), example, "never shipped")
                generator = Path(folder) / f"{len(table)}.onnx"
                table[shape] = measure_shape(checkpoint, generator, options.data, gatys, cache)
        # Last and in turns, since torch's threads are at rest by then, and clocks wander.
        for shape, ms in zip(table, times_ms(sorted(Path(folder).glob("?.onnx"))), strict=True):
            table[shape]["ms_720p"] = ms
            print(shape, json.dumps(table[shape]), file=sys.stderr, flush=True)
    report = {
        "schema": SCHEMA,
        "machine": machine_facts(),
        "protocol": protocol.asdict(),
        "styles": STYLES,
        "shapes": table,
    }
    write_result(options.out, report)


def measure_shape(
    checkpoint: Path, generator: Path, data: Path, gatys: Gatys, cache: CurveCache
) -> dict[str, Any]:
    """Means over styles and photos; equivalent iterations over the pairs that have a curve."""
    saved = load_checkpoint(checkpoint)
    photos = read_photos(data, gatys.protocol.photo_px)
    pictures = {s.name: s.path(data) for s in load_recipe(RECIPE).styles if s.name in STYLES}
    engine, bank = load(str(generator), "openvino")
    scores, iterations = [], []
    for style, picture in pictures.items():
        targets = gatys.targets(picture)
        for name, pixels in photos.items():
            painted = engine.stylize(pixels, bank[style])
            scores.append(gatys.score(painted, gatys.content(pixels), targets))
            if (curve := cache.get(picture.name, name)) is not None:
                iterations.append(equivalent_iterations(scores[-1].loss, curve))
    engine.close()
    return {
        "steps": saved.step,
        "weights": sum(w.numel() for k, w in saved.average.items() if k.startswith("net.")),
        "content": round(mean(score.content for score in scores), 4),
        "style": round(mean(score.style for score in scores), 4),
        "loss": round(mean(score.loss for score in scores), 4),
        "equivalent_iterations": round(mean(iterations), 1),
        "pairs_with_curve": len(iterations),
    }


def times_ms(generators: Sequence[Path]) -> list[float]:
    """Milliseconds of a frame at 720p by each generator: medians of rounds in turns."""
    found: list[list[float]] = [[] for _ in generators]
    for _ in range(NUM_ROUNDS):
        for generator, ms in zip(generators, found, strict=True):
            engine, bank = load(str(generator), "openvino")
            ms.append(measure_ms(engine, bank["udnie"], times=NUM_TIMED))
            engine.close()
    return [round(median(ms), 1) for ms in found]


def main() -> None:
    """Train one shape, or measure all."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.shapes")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, default=Path("runs/shapes"))
    commands = parser.add_subparsers(required=True)
    trains = commands.add_parser("train", help="make the run of one shape")
    trains.add_argument("shape", choices=list(SHAPES))
    trains.add_argument("--steps", type=int, default=3000)
    trains.set_defaults(run=train)
    measures = commands.add_parser("measure", help="measure all runs that are there")
    measures.add_argument("--out", type=Path, default=RESULTS / "shapes.json")
    measures.set_defaults(run=measure)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
