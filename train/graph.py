"""The graph of styles of a bank, computed from its paintings and from photos.

What it is, and what the source documents leave open, stands in `rtstyle.style_graph`. Its
descriptors are of the pictures, not of the layers of VGG16, which is absent at run time, nor of the
generator, which is trained to see through a picture's look: of paintings' other halves it knew
fewer (`python -m benchmarks.style_choice --describe generator`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from rtstyle.descriptor import Descriptor, describe
from rtstyle.frame import Pixels
from rtstyle.style_graph import (
    FieldOptions,
    Floats,
    Metric,
    Owners,
    StyleGraph,
    mean_field_step,
    own_preferences,
    similarities,
    squared_distances,
)

from .data import list_pictures, load_picture
from .errors import TrainError
from .recipe import ORIGINAL, Recipe

PICTURE_SHORT_SIDE_PX = 512
MIN_CROP = 0.45
"""Smallest side of a crop, as a share of the picture's short side."""

PHOTO_CROP = 0.9
EXPOSURES = (-0.6, -0.3, 0.3, 0.6)
"""How photos are varied to see what should not count, in stops."""

GAMMA = 2.2
FIELD_STEPS = 100
MIN_PHOTOS = 16


@dataclass(frozen=True)
class GraphOptions:
    """How many crops of each painting and how many classes of them and of all photos are nodes.

    `num_varied` photos are also described at other framings and exposures; `shrinkage` is the
    share of an unbiased, round covariance in the metric's.
    """

    num_crops: int = 24
    num_crop_classes: int = 8
    num_photo_classes: int = 120
    num_varied: int = 60
    shrinkage: float = 0.3
    seed: int = 0
    field: FieldOptions = field(default_factory=FieldOptions)
    describe: Callable[[Pixels], Descriptor] = describe


def build_graph(
    paintings: Mapping[str, Sequence[Pixels]],
    photos: Sequence[Pixels],
    options: GraphOptions = GraphOptions(),
) -> StyleGraph:
    """The graph of the styles by name, each with its paintings (H, W, 3) uint8.

    Raises:
        TrainError: too few photos.
    """
    if len(photos) < MIN_PHOTOS:
        raise TrainError(f"only {len(photos)} photos, the graph needs at least {MIN_PHOTOS}")
    rng = np.random.default_rng(options.seed)

    def described(pictures: Sequence[Pixels]) -> Floats:
        return np.stack([options.describe(picture) for picture in pictures])

    crops = [
        described([crop for each in parts for crop in square_crops(each, options.num_crops, rng)])
        for parts in paintings.values()
    ]
    seen = described(photos)
    picks = rng.permutation(len(photos))[: options.num_varied]
    varied = [described(variations(photos[index], rng)) - seen[index] for index in picks]
    metric = fit_metric(seen, crops, np.concatenate(varied), options.shrinkage)
    parts = [centroids(metric.points(each), options.num_crop_classes) for each in crops]
    nodes = np.concatenate([*parts, centroids(metric.points(seen), options.num_photo_classes)])
    owners = np.repeat(np.arange(len(parts), dtype=np.int32), [len(points) for points in parts])
    reach, beliefs = settled_field(nodes, owners, options.field)
    return StyleGraph(tuple(paintings), metric, owners, nodes, reach, beliefs, options.field)


def read_paintings(recipe: Recipe, data: Path, names: Sequence[str]) -> dict[str, list[Pixels]]:
    """The paintings of the styles called `names` (those of a bank), short side 512 px.

    Raises:
        TrainError: a picture is missing, or the recipe is not that of the bank.
    """
    files = {style.name: style.path(data) for style in recipe.styles}
    if unknown := [name for name in names if name != ORIGINAL and name not in files]:
        raise TrainError(f"the recipe {recipe.name} has no picture for: {', '.join(unknown)}")
    return {name: [_read(path)] for name, path in files.items() if name in names}


def read_photos(recipe: Recipe, data: Path) -> list[Pixels]:
    """The photos of a recipe's folders; files that are no pictures are passed over."""
    photos = []
    for path in list_pictures([data / folder for folder in recipe.photos], recipe.exclude):
        try:
            photos.append(_read(path))
        except TrainError:
            continue
    return photos


def square_crops(picture: Pixels, count: int, rng: np.random.Generator) -> list[Pixels]:
    """Squares from anywhere in a picture, of many sizes."""
    height, width = picture.shape[:2]
    crops = []
    for _ in range(count):
        side = round(min(height, width) * rng.uniform(MIN_CROP, 1))
        top, left = (int(rng.integers(0, length - side + 1)) for length in (height, width))
        crops.append(np.ascontiguousarray(picture[top : top + side, left : left + side]))
    return crops


def variations(photo: Pixels, rng: np.random.Generator) -> list[Pixels]:
    """The same photo for a person: two other framings and four exposures."""
    height, width = (round(length * PHOTO_CROP) for length in photo.shape[:2])
    framed = []
    for _ in range(2):
        top = int(rng.integers(0, photo.shape[0] - height + 1))
        left = int(rng.integers(0, photo.shape[1] - width + 1))
        framed.append(np.ascontiguousarray(photo[top : top + height, left : left + width]))
    return framed + [exposed(photo, stops) for stops in EXPOSURES]


def exposed(photo: Pixels, stops: float) -> Pixels:
    """As if the light had been 2**stops times as strong; what is too bright is cut off."""
    light = (np.arange(256) / 255) ** GAMMA * 2.0**stops
    table = (np.clip(light, 0, 1) ** (1 / GAMMA) * 255).round().astype(np.uint8)
    return cv2.LUT(photo, table)  # type: ignore[return-value]


def fit_metric(photos: Floats, crops: Sequence[Floats], varied: Floats, shrinkage: float) -> Metric:
    """A metric in which differences within a painting, and between variations, count little.

    Values are first measured in deviations of the photos (n, d); then what varies among the crops
    of a painting (each (m, d)) or by framing and exposure (differences (v, d)) is made round
    (within-class covariance normalisation, Hatch et al. 2006).
    """
    mean, deviation = photos.mean(axis=0), photos.std(axis=0) + 1e-3
    relative = Metric(mean, deviation, np.eye(len(mean), dtype=np.float32))
    points = [relative.points(each) for each in crops]
    within = np.concatenate([each - each.mean(axis=0) for each in points])
    by_light = varied / deviation
    covariance = np.cov(within.T) + by_light.T @ by_light / len(by_light)
    round_one = np.eye(len(mean)) * np.trace(covariance) / len(mean)
    covariance = (1 - shrinkage) * covariance + shrinkage * round_one
    values, vectors = np.linalg.eigh(covariance)
    return Metric(mean, deviation, (vectors / np.sqrt(values)).astype(np.float32))


def centroids(points: Floats, num_classes: int) -> Floats:
    """Centroids (classes, k) of points (n, k), grouped bottom up by Ward's criterion."""
    from sklearn.cluster import AgglomerativeClustering

    if len(points) <= num_classes:
        return points
    labels = AgglomerativeClustering(num_classes, linkage="ward").fit_predict(points)
    return np.stack([points[labels == label].mean(axis=0) for label in range(num_classes)])


def settled_field(nodes: Floats, owners: Owners, options: FieldOptions) -> tuple[Floats, Floats]:
    """Reach (n,) and beliefs (n, S) of nodes (n, k), of which the first belong to `owners` (m,)."""
    distances = squared_distances(nodes, nodes)
    np.fill_diagonal(distances, np.inf)
    nearest = np.partition(distances, options.num_neighbours - 1, axis=1)
    reach = np.sqrt(nearest[:, options.num_neighbours - 1])
    edges = similarities(distances, reach, reach, options.num_neighbours)
    edges = np.maximum(edges, edges.T)
    num_parts = len(owners)
    preferences = own_preferences(nodes, nodes[:num_parts], owners, options)
    known = np.eye(preferences.shape[1], dtype=np.float32)[owners]
    beliefs = mean_field_step(
        preferences, np.zeros_like(edges), np.zeros_like(preferences), options
    )
    beliefs[:num_parts] = known
    for _ in range(FIELD_STEPS):
        # Half a step: updating all nodes at once could swing between two states.
        beliefs = (beliefs + mean_field_step(preferences, edges, beliefs, options)) / 2
        beliefs[:num_parts] = known
    return reach, beliefs


def _read(path: Path) -> Pixels:
    picture = load_picture(path, short_side=PICTURE_SHORT_SIDE_PX)
    return (picture * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
