"""Batches of pairs to train on, from made pairs or from two folders that are not paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatch
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import load_picture
from ..errors import TrainError
from ..features import VGGFeatures
from .faces import CropOptions, read_faces
from .pairs import read_facts, read_lines
from .recipe import DomainRecipe
from .similarity import descriptors, similarity_matrix

MIN_PAIRS = 8
DESCRIBE_BATCH = 16
MIN_CROP = 0.85
"""Random crops keep at least this share of a picture's side: more would no longer be aligned."""


@dataclass(frozen=True)
class Batch:
    """Pairs: `source`, `target` (B, 3, S, S) in [0, 1]; `style` (B, K), the label as shares of the
    styles with a sum of 1; `similarity` (B,), the label of `similarity.py`."""

    source: Tensor
    target: Tensor
    style: Tensor
    similarity: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))


@dataclass(frozen=True, eq=False)
class PairSet:
    """All pairs in memory: `sources` and `targets` (N, 3, S, S) uint8, `labels` (N,) int64 into
    `styles`, `similarity` (N,); what was `skipped`, why; what `licence` the pairs have, and their
    `origin`, in words for a card."""

    sources: Tensor
    targets: Tensor
    labels: Tensor
    similarity: Tensor
    styles: tuple[str, ...]
    licence: str
    skipped: tuple[str, ...] = ()
    origin: str = ""

    def __len__(self) -> int:
        return len(self.sources)

    def part(self, chosen: slice) -> PairSet:
        """Some of the pairs."""
        return replace(
            self,
            sources=self.sources[chosen],
            targets=self.targets[chosen],
            labels=self.labels[chosen],
            similarity=self.similarity[chosen],
        )

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """`count` random pairs, each cropped a little and mirrored or not, source as target.

        None comes twice, as far as they go: a critic takes the others of a batch for wrong ones.
        """
        parts = [torch.randperm(len(self), generator=generator) for _ in range(0, count, len(self))]
        picks = torch.cat(parts)[:count]
        zoom = MIN_CROP + (1 - MIN_CROP) * torch.rand(count, generator=generator)
        at = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - zoom[:, None])
        mirror = torch.randint(2, (count,), generator=generator) * 2 - 1
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = zoom * mirror, zoom, at
        grid = F.affine_grid(theta, [count, 3, *self.sources.shape[2:]], align_corners=False)
        whole = self._pick(picks)
        moved = [
            F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
            for pictures in (whole.source, whole.target)
        ]
        return replace(whole, source=moved[0], target=moved[1])

    def first(self, count: int) -> Batch:
        """`count` whole pairs spread over the set, always the same."""
        return self._pick(torch.linspace(0, len(self) - 1, count).round().long())

    def _pick(self, picks: Tensor) -> Batch:
        style = F.one_hot(self.labels[picks], len(self.styles)).float()
        source, target = self.sources[picks].float() / 255, self.targets[picks].float() / 255
        return Batch(source, target, style, self.similarity[picks])


def load_pairs(
    folder: Path, size_px: int, styles: Sequence[str] = (), exclude: Sequence[str] = ()
) -> PairSet:
    """Made pairs (see `pairs.py`) of some styles; all of them where none is named.

    Pictures that cannot be read are listed and passed over, and so are faces whose origin matches
    a pattern of `exclude`, which are kept for testing.

    Raises:
        TrainError: no pairs there, a style of which there are none, too few, or damage.
    """
    lines = read_lines(folder)
    if not lines:
        raise TrainError(f"no pairs in {folder}", fix="make some with: python -m train pairs")
    names = tuple(styles or dict.fromkeys(line["style"] for line in lines))
    if missing := set(names) - {line["style"] for line in lines}:
        raise TrainError(f"{folder} holds no pairs in the style '{min(missing)}'")
    sources, targets, labels, similar, skipped = [], [], [], [], []
    for line in lines:
        is_kept = any(fnmatch(line["origin"], pattern) for pattern in exclude)
        if line["style"] not in names or is_kept:
            continue
        try:
            pair = [_picture(folder / line[part], size_px) for part in ("source", "target")]
        except TrainError as error:
            skipped.append(str(error))
            continue
        sources.append(pair[0])
        targets.append(pair[1])
        labels.append(names.index(line["style"]))
        similar.append(line["similarity"])
    if len(sources) < MIN_PAIRS:
        raise TrainError(f"only {len(sources)} pairs in {folder}", f"{MIN_PAIRS} are needed")
    facts = read_facts(folder)
    return PairSet(
        torch.stack(sources),
        torch.stack(targets),
        torch.tensor(labels),
        torch.tensor(similar),
        names,
        facts["licence"],
        tuple(skipped),
        _made_of(facts, [names[label] for label in labels]),
    )


@torch.no_grad()
def match_unpaired(
    sources: Sequence[Path],
    targets: Sequence[Path],
    crops: CropOptions,
    features: VGGFeatures,
    licence: str,
    exclude: Sequence[str] = (),
) -> PairSet:
    """Two unpaired domains as pairs: each source face with the target face most similar to it.

    Such pairs have a low similarity label, and all weights that follow it are small. Targets are
    not aligned: the detector does not know most drawn faces. Files that match a pattern of
    `exclude` are kept for testing.

    Raises:
        TrainError: too few faces in one of them.
    """
    real, drawn = (
        read_faces(places, options, min_faces=MIN_PAIRS, exclude=exclude)
        for places, options in ((sources, crops), (targets, replace(crops, align=False)))
    )
    device = next(features.buffers()).device
    described = [
        torch.cat(
            [
                descriptors(features, part.float().to(device) / 255).cpu()
                for part in faces.stack().split(DESCRIBE_BATCH)
            ]
        )
        for faces in (real, drawn)
    ]
    best = similarity_matrix(*described).max(dim=1)
    return PairSet(
        real.stack(),
        drawn.stack()[best.indices],
        torch.zeros(len(real), dtype=torch.long),
        best.values,
        ("domain",),
        licence,
        (*real.skipped, *drawn.skipped),
        f"{len(real)} faces and {len(drawn)} painted ones, unpaired",
    )


def pairs_for(
    recipe: DomainRecipe, folder: Path | None, data: Path, features: VGGFeatures
) -> PairSet:
    """The pairs that a recipe learns from: those in `folder`, or its two unpaired domains.

    Raises:
        TrainError: neither is given, there are too few, or nothing is said of a licence.
    """
    if folder is not None:
        return load_pairs(folder, recipe.size_px, recipe.styles, recipe.exclude)
    if not (recipe.sources and recipe.targets):
        raise TrainError(
            f"{recipe.name} has nothing to learn from",
            fix="name a folder of pairs with --pairs, or sources and targets in the recipe",
        )
    if not recipe.licence:
        raise TrainError(
            f"{recipe.name} does not say what may be done with what learns from its domains",
            fix='say it in the recipe: licence = "..."',
        )
    crops = replace(recipe.crops, size_px=recipe.size_px)
    sources, targets = ([data / p for p in places] for places in (recipe.sources, recipe.targets))
    return match_unpaired(sources, targets, crops, features, recipe.licence, recipe.exclude)


def _made_of(facts: dict, styles: Sequence[str]) -> str:
    """Made pairs in words: the recipe, and how many after which picture."""
    titles = {style["name"]: style for style in facts["styles"]}
    parts = []
    for name, count in Counter(styles).items():
        style = titles.get(name, {})
        known = [style[key] for key in ("title", "author", "year") if style.get(key)]
        parts.append(f"{count} after {', '.join(known) or name}")
    return f"pairs made by optimisation (recipe `{facts['name']}`: {'; '.join(parts)})"


def _picture(path: Path, size_px: int) -> Tensor:
    picture = load_picture(path)
    if picture.shape[1:] != (size_px, size_px):
        picture = F.interpolate(
            picture[None], (size_px, size_px), mode="bilinear", antialias=True, align_corners=False
        )[0]
    return (picture * 255).round().clamp(0, 255).to(torch.uint8)
