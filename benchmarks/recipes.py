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
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtstyle.frame import Pixels
from rtstyle.machine import package_versions, this_machine
from train.bank import trained
from train.checkpoint import load_checkpoint
from train.data import load_picture
from train.features import CONTENT_LAYER, VGGFeatures, load_features
from train.loop import Paths
from train.loop import train as train_run
from train.losses import content_distance, gram_matrix, style_distance
from train.perceptual import PerceptualRun
from train.recipe import Recipe, load_recipe

from . import stability
from .flicker import all_clips, correspondence
from .flicker_clips import Clip

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
DARK_GAIN, DARK_LIFT, DARK_NOISE_STD = 0.25, 12.0, 3.0
"""A webcam in the evening: a quarter of the light, lifted blacks, noise (levels of 255)."""

KEPT_SHARE = 0.9
"""Share of the running statistics that `smoothed` keeps from frame to frame."""


@dataclass(frozen=True)
class Variant:
    """One change to the recipe; `smoothed` paints with running statistics."""

    trained: str
    weights: dict[str, float]
    frozen: bool = False
    smoothed: bool = False


VARIANTS = {
    "stability 0": Variant("stability0", {"stability": 0.0}),
    "stability 2": Variant("stability2", {"stability": 2.0}),
    "stability 8": Variant("stability8", {"stability": 8.0}),
    "equivariance": Variant("equivariance", {"stability": 2.0, "equivariance": 2.0}),
    "frame difference": Variant("frames", {"stability": 2.0, "frame_difference": 4.0}),
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
        weights=replace(base.weights, **variant.weights),
        generator={"normalisation": "frozen" if variant.frozen else "instance"},
    )


def train(options: argparse.Namespace) -> None:
    """Make the run of one variant, from the checkpoint that all share."""
    variant = next(v for v in VARIANTS.values() if v.trained == options.name)
    recipe = recipe_of(variant, options.steps, options.size_px)
    features = load_features(options.features)
    out = options.runs / variant.trained
    run = PerceptualRun(recipe, Paths(options.data, out), features, torch.device("cpu"))
    run.start_from(options.start)

    def report(step: int, terms: dict[str, float], seconds: float) -> None:
        if step % 50 == 0:
            text = "  ".join(f"{name} {value:.3f}" for name, value in terms.items())
            print(f"{step}  {seconds:.2f} s  {text}", file=sys.stderr, flush=True)

    train_run(run, report)


class RunningNorm(nn.Module):
    """Instance normalisation by a running average of the statistics, one frame after another."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        now = torch.stack([x.mean(dim=(2, 3)), x.var(dim=(2, 3), correction=0)])
        if self.moments is None:
            self.moments = now
        self.moments = torch.lerp(now, self.moments, KEPT_SHARE)
        mean, variance = self.moments[..., None, None]
        return (x - mean) / (variance + 1e-5).sqrt()


class Trained:
    """A run's averaged weights, painting frames (H, W, 3)."""

    def __init__(self, checkpoint: Path, *, smoothed: bool) -> None:
        saved = load_checkpoint(checkpoint)
        self.step = saved.step
        self.model, self.recipe = trained(saved)
        self.norms: list[RunningNorm] = []
        if smoothed:
            self.norms = [RunningNorm() for _ in self.model.net.conditional_convs]
            for conv, norm in zip(self.model.net.conditional_convs, self.norms, strict=True):
                conv.normalise = norm

    def reset(self) -> None:
        """Forget the frames before."""
        for norm in self.norms:
            norm.moments = None

    @torch.no_grad()
    def paint(self, pixels: Pixels, style: str) -> Pixels:
        weights = torch.zeros(1, len(self.recipe.style_names))
        weights[0, self.recipe.style_names.index(style)] = 1
        height, width = pixels.shape[:2]
        image = _image(pixels)
        image = F.pad(image, (0, -width % 8, 0, -height % 8), mode="reflect")
        painted = self.model(image, weights)[0, :, :height, :width]
        rounded = (painted.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        return np.ascontiguousarray(rounded.permute(1, 2, 0).numpy())


def measure_clip(
    clip: Clip, truth: stability.Correspondence, painter: Trained, style: str
) -> dict[str, float]:
    """What `benchmarks.flicker` measures, of frames painted one by one."""
    painter.reset()
    painted = []
    for index, frame in enumerate(clip.frames):
        if index == clip.cut:
            painter.reset()
        painted.append(painter.paint(frame, style))
    found = {"excess": stability.excess_warping_error(painted, clip.frames, truth)}
    if clip.name == "noise":
        found["noise_gain"] = stability.noise_gain(painted, clip.frames)
    elif clip.unmoved is not None:
        found["tint_drift"] = stability.tint_drift(painted, clip.unmoved)
    if clip.cut is not None:
        painter.reset()
        alone = painter.paint(clip.frames[-1], style)
        found["settled_after_cut"] = float(cv2.absdiff(painted[-1], alone).mean())
    return found


@torch.no_grad()
def measure_photos(
    photos: Sequence[Pixels], painter: Trained, style: str, features: VGGFeatures, picture: Path
) -> dict[str, float]:
    """Style loss over that of the unpainted photo, and content loss; means over photos."""
    target = {
        layer: gram_matrix(found)
        for layer, found in features(load_picture(picture, short_side=512)[None]).items()
    }

    def distance(found: dict[str, Tensor]) -> float:
        return mean(style_distance(gram_matrix(found[k]), target[k]).item() for k in target)

    left, content = [], []
    for photo in photos:
        painter.reset()
        seen, found = features(_image(photo)), features(_image(painter.paint(photo, style)))
        left.append(distance(found) / distance(seen))
        content.append(content_distance(found[CONTENT_LAYER], seen[CONTENT_LAYER]).item())
    return {"style_left": mean(left), "content": mean(content)}


def measure(options: argparse.Namespace) -> None:
    """Measure every variant whose run is there; write the table."""
    features = load_features(options.features)
    clips = [(clip, correspondence(clip)) for clip in all_clips(options.data) if clip.name in CLIPS]
    photos = [_read(options.data / "content/research_only" / name) for name in PHOTOS]
    dark = [_dark(photo) for photo in photos]
    features.calibrate([_image(photo) for photo in photos])
    table: dict[str, Any] = {}
    for name, variant in VARIANTS.items():
        checkpoint = options.runs / variant.trained / "checkpoint.safetensors"
        if not checkpoint.exists():
            continue
        painter = Trained(checkpoint, smoothed=variant.smoothed)
        table[name] = {"step": painter.step, "size_px": painter.recipe.size_px}
        pictures = {s.name: options.data / s.file for s in painter.recipe.styles}
        rows = []
        for style, picture in pictures.items():
            row = measure_photos(photos, painter, style, features, picture)
            in_the_dark = measure_photos(dark, painter, style, features, picture)
            row["style_left_dark"] = in_the_dark["style_left"]
            for clip, truth in clips:
                for key, value in measure_clip(clip, truth, painter, style).items():
                    row[f"{clip.name} {key}"] = value
            excess = [value for key, value in row.items() if key.endswith("excess")]
            rows.append({**row, "excess": mean(excess)})
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


def _read(file: Path) -> Pixels:
    return cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _dark(photo: Pixels) -> Pixels:
    noise = np.random.default_rng(1).normal(0, DARK_NOISE_STD, photo.shape)
    return np.clip(photo * DARK_GAIN + DARK_LIFT + noise, 0, 255).astype(np.uint8)


def _image(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


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
    measures.set_defaults(run=measure)
    options = parser.parse_args()
    options.features = options.data / "features/vgg16_relu4_3_fp16.pth"
    if options.threads:
        torch.set_num_threads(options.threads)
    options.run(options)


if __name__ == "__main__":
    main()
