"""The game of painter and critic: what each of them learns from in its turn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import TrainError
from ..features import VGGFeatures
from .adversarial import (
    AdversarialConfig,
    AdversarialGenerator,
    Critic,
    confidence,
    least_squares,
)
from .augment import augment
from .batches import Batch
from .pair_losses import (
    Features,
    feature_loss,
    pair_weights,
    pixel_loss,
    small_target_weights,
    style_loss,
    texture_loss,
)
from .player import Player
from .recipe import DomainRecipe, factors, shape_of
from .similarity import described, similarity

CRITIC_WEIGHTS = {"real": 1.0, "fake": 1.0, "wrong": 0.5, "score": 1.0, "r1": 0.5}
PAINTER_WEIGHTS = {
    "adversarial": 0.5,
    "pixels": 10.0,
    "features": 1.0,
    "style": 2.0,
    "texture": 5.0,
}


class Seen:
    """What VGG sees in a batch of pairs: both players look at it, each in its turn."""

    def __init__(self, features: VGGFeatures) -> None:
        self.features = features
        self._batch: Batch | None = None
        self._found: tuple[Features, Features] = ({}, {})

    @torch.no_grad()
    def __call__(self, batch: Batch) -> tuple[Features, Features]:
        """Features of sources and of targets."""
        if self._batch is not batch:
            self._found = (self.features(batch.source), self.features(batch.target))
            self._batch = batch
        return self._found


class CriticObjective(nn.Module):
    """`Batch` -> what the critic got wrong, and R1.

    `real` pairs are to be judged 1; `fake` ones, of a face and what the generator makes of it, 0;
    and so are `wrong` ones, of a face and the painting of another: the critic judges pairs. `score`
    is the squared error of the predicted similarity: on real pairs against their label, on wrong
    and on fake ones against what is measured. Wrong ones make labels spread: those of real pairs
    are nearly alike. `r1` is the squared gradient of the judgement on real pairs.
    """

    def __init__(self, net: Critic, generator: AdversarialGenerator, seen: Seen) -> None:
        super().__init__()
        self.net, self.seen = net, seen
        # In a tuple, so that its weights are not this objective's: it only plays against them.
        self._generator = (generator,)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            painted = self._generator[0](batch.source, batch.style).float().clamp(0, 1)
        shown = (batch.target, painted, batch.target.roll(1, 0))
        judged = [self.net(*augment(batch.source, picture)) for picture in shown]
        (real, fake, wrong), scores = zip(*judged, strict=True)
        errors = torch.cat(scores) - self._similarities(batch, painted)
        return {
            "real": least_squares(real, 1.0),
            "fake": least_squares(fake, 0.0),
            "wrong": least_squares(wrong, 0.0),
            "score": errors.float().square().mean(),
            "r1": self._r1(batch),
        }

    @torch.no_grad()
    def _similarities(self, batch: Batch, painted: Tensor) -> Tensor:
        """Labels of real, fake and wrong pairs, one after the other (3 B,)."""
        source, target = (described(found) for found in self.seen(batch))
        fakes = similarity(source, described(self.seen.features(painted)))
        return torch.cat([batch.similarity, fakes, similarity(source, target.roll(1, 0))])

    def _r1(self, batch: Batch) -> Tensor:
        """Mean over real pairs of |gradient of the mean judgement|^2, in float32."""
        with torch.autocast(batch.source.device.type, enabled=False):
            pair = [part.detach().requires_grad_() for part in (batch.source, batch.target)]
            patches, _ = self.net(*pair)
            judged = patches.mean(dim=(1, 2, 3)).sum()
            gradients = torch.autograd.grad(judged, pair, create_graph=True)
        return sum(gradient.square().sum(dim=(1, 2, 3)) for gradient in gradients).mean()  # type: ignore[union-attr]


class PainterObjective(nn.Module):
    """`Batch` -> what the generator got wrong: `adversarial`, L_tgt (`pixels`, `features`), L_stl
    (`style`) and L_tex (`texture`); see `pair_losses`."""

    def __init__(self, net: AdversarialGenerator, critic: Critic, seen: Seen) -> None:
        super().__init__()
        self.net, self.seen = net, seen
        self._critic = (critic,)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        painted = self.net(batch.source, batch.style).float()
        patches = self._judged(batch.source, painted)
        source, target = self.seen(batch)
        found = self.seen.features(painted)
        weights = pair_weights(batch.similarity)
        pixel_weights = small_target_weights(batch.source, batch.target)
        pixels = pixel_loss(painted, batch.target, pixel_weights, confidence(patches))
        return {
            "adversarial": least_squares(patches, 1.0),
            "pixels": (weights * pixels).mean(),
            "features": (weights * feature_loss(found, target)).mean(),
            "style": (weights * style_loss(source, found, target)).mean(),
            "texture": (weights * texture_loss(found, target)).mean(),
        }

    def _judged(self, source: Tensor, painted: Tensor) -> Tensor:
        """The critic's patches; it passes gradients on and keeps none for itself."""
        critic = self._critic[0].requires_grad_(False)
        try:
            return critic(*augment(source, painted))[0]
        finally:
            critic.requires_grad_(True)


def config_of(recipe: DomainRecipe) -> AdversarialConfig:
    """The shape that a recipe asks for."""
    return shape_of(AdversarialConfig, recipe)


def players(recipe: DomainRecipe, num_styles: int, features: VGGFeatures) -> list[Player]:
    """Who learns: first the critic, then the generator.

    Raises:
        TrainError: a batch of one face, or an unknown shape or loss.
    """
    if recipe.batch < 2:
        raise TrainError(
            f"{recipe.name}: batch must be 2 or more",
            "the critic learns from the paintings of other faces in the batch too",
        )
    config = config_of(recipe)
    critic, generator = Critic(config), AdversarialGenerator(num_styles, config)
    seen = Seen(features)
    found = factors(recipe, {**CRITIC_WEIGHTS, **PAINTER_WEIGHTS})
    return [
        Player(
            "critic",
            critic,
            CriticObjective(critic, generator, seen),
            {name: found[name] for name in CRITIC_WEIGHTS},
        ),
        Player(
            "generator",
            generator,
            PainterObjective(generator, critic, seen),
            {name: found[name] for name in PAINTER_WEIGHTS},
        ),
    ]
