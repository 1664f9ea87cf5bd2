"""Which way of training paints steadily: `python -m benchmarks.recipes`.

Short runs from one checkpoint, each with four styles and one change to the recipe; then each result
is measured on the clips of `benchmarks.flicker`, every frame painted on its own, and on photos.

    python -m benchmarks.recipes train NAME --start engines/checkpoints/bank8.safetensors
    python -m benchmarks.recipes measure
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from rtstyle.machine import package_versions, this_machine
from train.devices import best_device
from train.features import load_features
from train.loop import Paths
from train.loop import train as train_run
from train.perceptual import PerceptualRun
from train.recipe import Recipe, load_recipe

from .flicker import all_clips, correspondence
from .quality import FEATURES
from .recipe_figures import (
    Trained,
    darkened,
    faces_in,
    measure_clip,
    measure_faces,
    measure_photos,
    read,
    to_image,
)

SCHEMA = 1
BASE_RECIPE = Path("train/recipes/bank8.toml")
STYLES = ("starry-night", "great-wave", "udnie", "mosaic")
FILMS = ("nasa_13013.mp4", "pexels_man_talking_pcm.mov", "pexels_woman_mjpeg.avi")
"""Films to train on; none of those that `flicker_clips` measures on."""

CLIPS = (
    "noise",
    "occluder",
    "exposure",
    "cut",
    "gtflow/pan_zoom",
    "gtflow/handheld",
    "gtflow/layers",
    "obama_speaking",
    "pexels_woman_turning",
    "two_people_720p",
)
PHOTOS = ("bsds_test_246009.jpg", "bsds_test_228076.jpg", "bsds_test_16004.jpg")
FACES = "faces_real/research_only/clip_faces256"


@dataclass(frozen=True)
class Variant:
    """One change to the recipe; `smoothed` paints with running statistics."""

    trained: str
    weights: dict[str, float]
    importance: float = 0.0
    frozen: bool = False
    smoothed: bool = False


VARIANTS = {
    "stability 0": Variant("stability0", {"stability": 0.0}),
    "stability 2": Variant("stability2", {"stability": 2.0}),
    "stability 8": Variant("stability8", {"stability": 8.0}),
    "equivariance": Variant("equivariance", {"stability": 2.0, "equivariance": 2.0}),
    "frame difference": Variant("frames", {"stability": 2.0, "frame_difference": 4.0}),
    "importance": Variant("importance", {"stability": 2.0}, importance=1.0),
    "frozen": Variant("frozen", {"stability": 2.0}, frozen=True),
    "smoothed": Variant("stability2", {"stability": 2.0}, smoothed=True),
}


def recipe_of(variant: Variant, steps: int, size_px: int) -> Recipe:
    """The base recipe, smaller, with the variant's change."""
    base = load_recipe(BASE_RECIPE)
    return replace(
        base,
        name=f"temporal {variant.trained}",
        styles=[style for style in base.styles if style.name in STYLES],
        clips=[f"clips/open/{film}" for film in FILMS],
        sheet_photos=[],
        steps=steps,
        batch=2,
        size_px=size_px,
        learning_rate=5e-4,
        average_decay=0.99,
        importance=variant.importance,
        weights=replace(base.weights, **variant.weights),
        generator={"normalisation": "frozen" if variant.frozen else "instance"},
    )


def train(options: argparse.Namespace) -> None:
    """Make the run of one variant, from the checkpoint that all share."""
    variant = next(v for v in VARIANTS.values() if v.trained == options.name)
    recipe = recipe_of(variant, options.steps, options.size_px)
    short_run(recipe, Paths(options.data, options.runs / variant.trained), options.start)


def short_run(recipe: Recipe, paths: Paths, start: Path | None = None) -> None:
    """Train as `recipe` says, from a checkpoint or from nothing; the losses go to stderr."""
    features = load_features(paths.data / FEATURES)
    device = best_device()
    run = PerceptualRun(recipe, paths, features, device)
    if start is not None:
        run.start_from(start)

    def report(step: int, terms: dict[str, float], seconds: float) -> None:
        if step % 50 == 0:
            text = "  ".join(f"{name} {value:.3f}" for name, value in terms.items())
            print(f"{step}  {seconds:.2f} s  {text}", file=sys.stderr, flush=True)

    train_run(run, report)


def measure(options: argparse.Namespace) -> None:
    """Measure every variant whose run is there; write the table, with the rows it had before."""
    features = load_features(options.data / FEATURES)
    clips = [
        (clip, correspondence(clip))
        for clip in all_clips(options.data)
        if clip.name in options.clips
    ]
    photos = [read(options.data / "content/research_only" / name) for name in PHOTOS]
    dark = [darkened(photo) for photo in photos]
    faces = faces_in(options.data / FACES)
    features.calibrate([to_image(photo) for photo in photos])
    table: dict[str, Any] = {}
    if options.out.exists():
        table = json.loads(options.out.read_text(encoding="utf-8"))["results"]
    for name, variant in VARIANTS.items():
        checkpoint = options.runs / variant.trained / "checkpoint.safetensors"
        if not checkpoint.exists():
            continue
        painter = Trained(checkpoint, smoothed=variant.smoothed)
        table[name] = {"step": painter.step, "size_px": painter.recipe.size_px}
        pictures = {s.name: s.path(options.data) for s in painter.recipe.styles}
        rows = []
        for style, picture in pictures.items():
            row = measure_photos(photos, painter, style, features, picture)
            in_the_dark = measure_photos(dark, painter, style, features, picture)
            row["style_left_dark"] = in_the_dark["style_left"]
            row |= measure_faces(faces, painter, style, features)
            for clip, truth in clips:
                for key, value in measure_clip(clip, truth, painter, style).items():
                    row[f"{clip.name} {key}"] = value
            excess = [value for key, value in row.items() if key.endswith("excess")]
            rows.append({**row, "excess": mean(excess)} if excess else row)
        table[name] |= {key: float(f"{mean(r[key] for r in rows):.4g}") for key in rows[0]}
        print(name, json.dumps(table[name]), file=sys.stderr, flush=True)
    report = {
        "schema": SCHEMA,
        "machine": asdict(this_machine()),
        "packages": package_versions(),
        "styles": STYLES,
        "variants": {name: asdict(v) for name, v in VARIANTS.items() if name in table},
        "results": table,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Train one variant, or measure all."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.recipes")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, default=Path("runs/temporal"))
    parser.add_argument("--threads", type=int, default=0)
    commands = parser.add_subparsers(required=True)
    trains = commands.add_parser("train", help="make the run of one variant")
    trains.add_argument("name", choices=sorted({v.trained for v in VARIANTS.values()}))
    trains.add_argument("--start", type=Path, default=Path("engines/checkpoints/bank8.safetensors"))
    trains.add_argument("--steps", type=int, default=1500)
    trains.add_argument("--size-px", type=int, default=192)
    trains.set_defaults(run=train)
    measures = commands.add_parser("measure", help="measure all runs that are there")
    measures.add_argument("--out", type=Path, default=Path("benchmarks/results/recipes.json"))
    measures.add_argument("--clips", nargs="*", default=CLIPS, help="only these clips")
    measures.set_defaults(run=measure)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.run(options)


if __name__ == "__main__":
    main()
