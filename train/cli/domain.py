"""`python -m train dcnn`, and the other networks that learn a domain: one command each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Course, Means
from .progress import step_report

if TYPE_CHECKING:
    import torch

    from ..domains.batches import PairSet
    from ..domains.player import Player
    from ..domains.recipe import DomainRecipe, Network
    from ..features import VGGFeatures

RecipeArgument = Annotated[Path, typer.Argument(help="TOML recipe, see train/recipes/domains/.")]
OutOption = Annotated[Path, typer.Option(help="Folder for checkpoint, log and sheets.")]
PairsOption = Annotated[
    Path | None,
    typer.Option(help="Folder of pairs; not needed where the recipe names two unpaired domains."),
]

Cast = Callable[["DomainRecipe", "PairSet", "VGGFeatures"], "list[Player]"]
"""Builds the players of a network; on the CPU, they are moved afterwards."""

Find = Callable[["DomainRecipe", "VGGFeatures"], "PairSet"]


@dataclass(frozen=True)
class Order:
    """What is to be trained on what."""

    recipe: Path
    out: Path
    means: Means
    course: Course
    pairs: Path | None = None
    features_depth: int = 16


def dcnn(
    recipe: RecipeArgument,
    out: OutOption,
    means: Means,
    course: Course,
    pairs: PairsOption = None,
) -> None:
    """Train DCNN: VGG19's (or, with --features, VGG16's) features decoded into a painting."""

    def cast(plan: DomainRecipe, pairs: PairSet, features: VGGFeatures) -> list[Player]:
        from ..domains import dcnn

        return dcnn.players(dcnn.create(features), plan, features)

    train_network("dcnn", Order(recipe, out, means, course, pairs, features_depth=19), cast)


def drn(
    recipe: RecipeArgument,
    out: OutOption,
    means: Means,
    course: Course,
    pairs: PairsOption = None,
    resnet: Annotated[
        Path | None,
        typer.Option(help="File with ResNet-50's weights (torchvision's names); else random ones."),
    ] = None,
) -> None:
    """Train DRN: ResNet-50 with self-attention and a fitted matrix of similarities."""

    def cast(plan: DomainRecipe, pairs: PairSet, features: VGGFeatures) -> list[Player]:
        from ..domains import drn

        return drn.players(drn.create(resnet), plan, features)

    train_network("drn", Order(recipe, out, means, course, pairs), cast)


def adversarial(
    recipe: RecipeArgument,
    out: OutOption,
    means: Means,
    course: Course,
    pairs: PairsOption = None,
) -> None:
    """Train the adversarial network: a painter told by a style label, and a critic of pairs."""

    def cast(plan: DomainRecipe, pairs: PairSet, features: VGGFeatures) -> list[Player]:
        from ..domains import game

        return game.players(plan, len(pairs.styles), features)

    train_network("adversarial", Order(recipe, out, means, course, pairs), cast)


def student(
    recipe: RecipeArgument,
    out: OutOption,
    means: Means,
    course: Course,
    teacher: Annotated[Path, typer.Option(help="checkpoint.safetensors of a domain network.")],
) -> None:
    """Distil a trained domain network into a light one that runs live with --region face."""

    def find(plan: DomainRecipe, features: VGGFeatures) -> PairSet:
        from ..domains.networks import load_trained
        from ..domains.student import taught_pairs

        device = next(features.buffers()).device
        return taught_pairs(plan, means.data, load_trained(teacher), device)

    def cast(plan: DomainRecipe, pairs: PairSet, features: VGGFeatures) -> list[Player]:
        from ..domains.networks import load_trained
        from ..domains.student import players, taught_px

        named = replace(plan, styles=list(pairs.styles))
        return players(named, features, taught_px(plan, load_trained(teacher)))

    train_network("student", Order(recipe, out, means, course), cast, find)


def train_network(network: Network, order: Order, cast: Cast, find: Find | None = None) -> None:
    """Train a network as its recipe says; under torchrun, several processes together.

    `find` finds the pairs where they are not what `batches.pairs_for` finds.
    """
    import torch

    from ..domains.batches import pairs_for
    from ..domains.processes import joined
    from ..domains.recipe import load_domain_recipe
    from ..domains.run import DomainRun, calibrate, train_together
    from ..features import load_features
    from ..loop import Paths

    means, course = order.means, order.course
    plan = load_domain_recipe(order.recipe, network)
    if course.steps is not None:
        plan = replace(plan, steps=course.steps)
    if means.threads:
        torch.set_num_threads(means.threads)
    vgg = load_features(
        means.features, download=means.download_features, depth=order.features_depth
    )
    with joined() as process:
        vgg = vgg.to(process.device)
        pairs = find(plan, vgg) if find else pairs_for(plan, order.pairs, means.data, vgg)
        calibrate(vgg, pairs)
        torch.manual_seed(plan.seed)
        players = [_moved(player, process.device) for player in cast(plan, pairs, vgg)]
        run = DomainRun(plan, Paths(means.data, order.out), pairs, players, process)
        if course.resume:
            run.resume()
        if process.is_first:
            for reason in pairs.skipped:
                print(f"skipped {reason}", file=sys.stderr)
        with step_report(plan, run.step, quiet=not process.is_first) as report:
            train_together(run, report)


def export_domain(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.safetensors of a training run.")],
    photo: Annotated[Path, typer.Option(help="Photo on which torch and the graphs are compared.")],
    name: Annotated[str, typer.Option(help="Name of the generator on the shelf.")],
    out: Annotated[Path, typer.Option(help="The shelf.")] = Path("engines"),
) -> None:
    """Write a trained domain network to the shelf: ONNX graphs, styles if any, and card."""
    from ..data import load_picture
    from ..domains.export import export_domain as write

    result = write(checkpoint, out, name, load_picture(photo, short_side=256))
    print(
        f"{out / name}.onnx: within {result.max_difference} of 255 of torch; "
        f"float16 {result.fp16_psnr_db:.1f} dB"
    )


def _moved(player: Player, device: torch.device) -> Player:
    player.objective.to(device)
    return player
