"""A light student: `UnshuffleNet` learns on face crops what a domain network paints.

The runtime paints faces on crops of 384 px (`rtstyle.face.align.CROP_PX`), the documents' networks
learn at 128. So the student sees crops of its own size, and its target is what the teacher makes of
the crop at a size of its own (`teacher_px`), enlarged: the larger that is, the finer the strokes.

It has one style, part of the graph (P = 0), and may begin as a generator of the shelf that paints
in a style of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rtstyle.inference import is_non_commercial
from rtstyle.shelf import find_generator
from rtstyle.style import load_styles

from ..errors import TrainError
from ..features import VGGFeatures
from ..generators import UnshuffleConfig, UnshuffleNet
from ..shelved import load_shelved
from .batches import MIN_PAIRS, PairSet
from .dcnn import WEIGHTS, PaintingObjective
from .faces import read_faces
from .player import Player
from .recipe import DomainRecipe, check_size, factors, shape_of

if TYPE_CHECKING:
    from .networks import Trained

PART = 8
"""Faces that the teacher paints at once."""


class Student(nn.Module):
    """Face (B, 3, H, W) in [0, 1] -> its painting, not clamped: an `UnshuffleNet` and its style."""

    num_style_values = 0

    def __init__(self, config: UnshuffleConfig | None = None) -> None:
        super().__init__()
        self.net = UnshuffleNet(config)
        self.size_multiple = self.net.config.size_multiple
        self.style = nn.Parameter(self.net.neutral_style())

    def forward(self, image: Tensor) -> Tensor:
        return self.net(image, self.style[None])


@torch.no_grad()
def taught_pairs(
    recipe: DomainRecipe, data: Path, teacher: Trained, device: torch.device
) -> PairSet:
    """Faces of the recipe's `sources`, at its size, with what the teacher makes of them.

    The recipe names one style of the teacher; without a name it is its first.

    Raises:
        TrainError: no or too few faces, a style that the teacher does not know, or a size at which
            it cannot paint.
    """
    if not recipe.sources:
        raise TrainError(
            f"{recipe.name} has no faces to be taught on", "name them: sources = [...]"
        )
    taught = teacher.recipe
    check_size(taught_px(recipe, teacher), teacher.size_multiple, "teacher_px")
    known = taught.styles
    style = recipe.styles[0] if recipe.styles else known[0]
    if style not in known:
        raise TrainError(f"the teacher paints {', '.join(known)}, not '{style}'")
    crops = replace(recipe.crops, size_px=recipe.size_px)
    places = [data / place for place in recipe.sources]
    faces = read_faces(places, crops, min_faces=MIN_PAIRS, exclude=recipe.exclude)
    teacher.net.to(device)
    targets = []
    number = known.index(style) if teacher.num_style_values else 0
    for part in faces.stack().split(PART):
        crop = part.float().to(device) / 255
        small = resized(crop, taught_px(recipe, teacher))
        painted = teacher.paint(small, number)
        targets.append(resized(painted, recipe.size_px).mul(255).round().clamp(0, 255))
    return PairSet(
        faces.stack(),
        torch.cat(targets).to("cpu", torch.uint8),
        torch.zeros(len(faces), dtype=torch.long),
        torch.ones(len(faces)),  # all weigh the same
        (style,),
        licence_of(recipe, teacher),
        tuple(faces.skipped),
        f"{len(faces)} faces as painted by its teacher, network {taught.network}, recipe "
        f"`{taught.name}`, {teacher.step} steps; that learned from {taught.learned_from}",
    )


def licence_of(recipe: DomainRecipe, teacher: Trained) -> str:
    """That of the student: it has learned from its faces and from all that its teacher has seen."""
    licences = (teacher.recipe.licence, recipe.licence)
    bound = [licence for licence in licences if is_non_commercial(licence)]
    return (bound or [recipe.licence or teacher.recipe.licence])[0]


def resized(image: Tensor, size_px: int) -> Tensor:
    """Square pictures (B, 3, S, S) at another size."""
    if image.shape[-1] == size_px:
        return image
    smaller = size_px < image.shape[-1]
    return F.interpolate(
        image, (size_px, size_px), mode="bilinear" if smaller else "bicubic",
        antialias=smaller, align_corners=False,
    )  # fmt: skip


def config_of(recipe: DomainRecipe) -> UnshuffleConfig:
    """The shape that a recipe asks for."""
    return shape_of(UnshuffleConfig, recipe)


def restore(weights: Mapping[str, Tensor], config: UnshuffleConfig) -> Student:
    """The network of a checkpoint, with these weights."""
    net = Student(config)
    net.load_state_dict(dict(weights))
    return net


def taught_px(recipe: DomainRecipe, teacher: Trained) -> int:
    """The size at which the teacher paints, and at which paintings are compared."""
    return recipe.teacher_px or teacher.recipe.size_px


def begin_as(net: Student, generator: str, style: str) -> None:
    """Take the weights of a generator of the shelf, and the vector of one of its styles.

    Raises:
        EngineError: no such generator, or of another kind.
        StyleError: no such style.
        TrainError: the two differ in shape.
    """
    shelved = find_generator(generator)
    other = load_shelved(shelved.onnx).net
    if other.config != net.net.config:
        raise TrainError(
            f"cannot begin as {generator}: it has another shape",
            f"{other.config.asdict()} instead of {net.net.config.asdict()}",
        )
    net.net.load_state_dict(other.state_dict())
    vector = torch.from_numpy(load_styles(shelved.styles)[style].vector)
    with torch.no_grad():
        net.style.copy_(vector)


def players(recipe: DomainRecipe, features: VGGFeatures, compared_px: int) -> list[Player]:
    """Who learns: the student. Features are compared at the size that the teacher paints at.

    A recipe with `start_from` has a style.
    """
    net = Student(config_of(recipe))
    if recipe.start_from:
        begin_as(net, recipe.start_from, recipe.styles[0])
    objective = PaintingObjective(net, features, compared_px)
    return [Player("generator", net, objective, factors(recipe, WEIGHTS))]
