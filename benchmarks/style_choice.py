"""How well `--style auto` chooses: are crops of a painting known, and does the choice hold still?

    python -m benchmarks.style_choice train/recipes/bank24.toml --data ../shared/data

Each painting is cut into two halves; the graph is made of one half and of three in four photos.
Asked are crops of the other half (the painting's style is right), the remaining photos with other
framing and exposure (the choice should not change), and frames of clips that follow each other.
Beside the field stand its baselines without a graph: the nearest part of a painting, and the
nearest mean of one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtstyle.capture import Source, open_source
from rtstyle.capture.video import VideoSourceOptions
from rtstyle.cli.choosing import opening
from rtstyle.descriptor import Descriptor, describe
from rtstyle.frame import Pixels
from rtstyle.shelf import find_generator
from rtstyle.style_graph import Floats, StyleGraph, squared_distances
from train.graph import (
    EXPOSURES,
    GraphOptions,
    build_graph,
    read_paintings,
    read_photos,
    square_crops,
    variations,
)
from train.recipe import Recipe, load_recipe

from .machine import RESULTS, machine_facts
from .measure import write_result

SCHEMA = 1
NUM_TEST_CROPS = 16
NUM_TEST_PHOTOS = 100
HELD_OUT_EVERY = 4
FRAME_STEP_SECONDS = 0.2
CLIP_SECONDS = 6.0
LATER_SECONDS = 0.5

Describe = Callable[[Pixels], Descriptor]
Choice = NDArray[np.integer]
Scores = Callable[[Floats], Floats]
"""Descriptors (m, d) -> scores of styles (m, S)."""


@dataclass(frozen=True)
class Asked:
    """Descriptors of what is asked for.

    `crops` (m, d) are of paintings `labels` (m,); `photos` (p, d) are `varied` (v, p, d);
    `clips` are frames in order, each (t, d); `openings` those that decide for the same clips,
    and for the clips half a second later.
    """

    crops: Floats
    labels: Choice
    photos: Floats
    varied: Floats
    clips: Mapping[str, Floats]
    openings: Sequence[tuple[Floats, Floats]]


def methods(graph: StyleGraph) -> dict[str, Scores]:
    """The field and what it is measured against."""
    num_styles = len(graph.names)
    means = np.stack([graph.parts[graph.owners == s].mean(axis=0) for s in range(num_styles)])

    def nearest(points: Floats, owners: Choice, descriptors: Floats) -> Floats:
        distances = squared_distances(graph.metric.points(descriptors), points)
        return np.eye(num_styles)[owners[distances.argmin(axis=1)]]

    return {
        "field": graph.beliefs_of,
        "nearest part": partial(nearest, graph.parts, graph.owners),
        "nearest mean": partial(nearest, means, np.arange(num_styles)),
    }


def measure(scores: Scores, asked: Asked) -> dict[str, Any]:
    """Shares of right and of steady answers."""

    def choose(descriptors: Floats) -> Choice:
        return scores(descriptors).argmax(axis=1)

    chosen = choose(asked.photos)
    same = np.stack([choose(each) for each in asked.varied]) == chosen
    framed, exposed = same[: -len(EXPOSURES)], same[-len(EXPOSURES) :]
    strong = np.abs(EXPOSURES) == np.max(EXPOSURES)
    counts = np.bincount(chosen) / len(chosen)
    clips = {
        name: float(np.mean([a == b for a, b in pairwise(choose(frames))]))
        for name, frames in asked.clips.items()
    }
    later = [
        scores(now).mean(axis=0).argmax() == scores(then).mean(axis=0).argmax()
        for now, then in asked.openings
    ]
    return {
        "crops_right": _share(choose(asked.crops) == asked.labels),
        "same_when_cropped": _share(framed),
        "same_at_0.3_stops": _share(exposed[~strong]),
        "same_at_0.6_stops": _share(exposed[strong]),
        "same_as_next_frame": _share(list(clips.values())),
        "least_steady_clip": min(clips, key=clips.__getitem__),
        "least_steady_share": round(min(clips.values()), 3),
        "same_half_a_second_later": _share(later),
        "styles_chosen": int((counts > 0).sum()),
        "largest_share": round(float(counts.max()), 3),
    }


def prepare(recipe: Recipe, data: Path, describe: Describe) -> tuple[StyleGraph, Asked]:
    """The graph of one half of everything, and questions from the other."""
    names = [style.name for style in recipe.styles]
    paintings = {name: pair[0] for name, pair in read_paintings(recipe, data, names).items()}
    photos = read_photos(recipe, data)
    held_out = photos[::HELD_OUT_EVERY][:NUM_TEST_PHOTOS]
    kept = [photo for index, photo in enumerate(photos) if index % HELD_OUT_EVERY]
    options = replace(GraphOptions(), describe=describe)
    one_half = {name: [halves(painting)[0]] for name, painting in paintings.items()}
    graph = build_graph(one_half, kept, options)

    def described(pictures: Sequence[Pixels]) -> Floats:
        return np.stack([describe(picture) for picture in pictures])

    rng = np.random.default_rng(1)
    crops = [square_crops(halves(each)[1], NUM_TEST_CROPS, rng) for each in paintings.values()]
    varied = [described(variations(photo, rng)) for photo in held_out]
    files = sorted(path for path in (data / "clips" / "open").iterdir() if path.is_file())
    asked = Asked(
        crops=described([crop for each in crops for crop in each]),
        labels=np.repeat(np.arange(len(crops)), NUM_TEST_CROPS),
        photos=described(held_out),
        varied=np.stack(varied, axis=1),
        clips={path.name: described(list(frames_of(path))) for path in files},
        openings=[
            (described(opening(open_source(str(path)))), described(opening(later(path))))
            for path in files
        ],
    )
    return graph, asked


def halves(painting: Pixels) -> tuple[Pixels, Pixels]:
    """The two halves of a painting, across its long side."""
    height, width = painting.shape[:2]
    if width > height:
        return painting[:, : width // 2], painting[:, width // 2 :]
    return painting[: height // 2], painting[height // 2 :]


def later(path: Path) -> Source:
    """The clip from half a second on."""
    return open_source(str(path), VideoSourceOptions(start_seconds=LATER_SECONDS))


def frames_of(path: Path) -> Iterator[Pixels]:
    """Five frames a second of a clip's first seconds."""
    last = -FRAME_STEP_SECONDS
    source = open_source(str(path), VideoSourceOptions(end_seconds=CLIP_SECONDS))
    for frame in source:
        if frame.pts_seconds - last >= FRAME_STEP_SECONDS:
            last = frame.pts_seconds
            yield frame.pixels
    source.close()


def describer(name: str, data: Path) -> Describe:
    """`rtstyle.descriptor`, or one of `benchmarks.describers`."""
    if name == "pictures":
        return describe
    from .describers import FeatureStatistics, GeneratorStatistics

    if name == "generator":
        return GeneratorStatistics(find_generator().onnx)
    return FeatureStatistics(data / "features" / "vgg16_relu4_3_fp16.pth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.style_choice")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--describe", choices=("pictures", "generator", "vgg"), default="pictures")
    parser.add_argument("--out", type=Path, default=RESULTS / "style_choice.json")
    options = parser.parse_args()
    recipe = load_recipe(options.recipe)
    graph, asked = prepare(recipe, options.data, describer(options.describe, options.data))
    result = {
        "schema": SCHEMA,
        "recipe": recipe.name,
        "described_by": options.describe,
        "num_styles": len(graph.names),
        "num_crops": len(asked.crops),
        "num_photos": len(asked.photos),
        "num_clips": len(asked.clips),
        "methods": {name: measure(scores, asked) for name, scores in methods(graph).items()},
        "machine": machine_facts(),
    }
    write_result(options.out, result)


def _share(values: Any) -> float:
    return round(float(np.mean(values)), 3)


if __name__ == "__main__":
    main()
