"""The game of painter and critic: what each of them learns from in its turn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..features import VGGFeatures
from ..recipe import build
from .adversarial import (
    AdversarialConfig,
    AdversarialGenerator,
    Critic,
    confidence,
    least_squares,
)
from .augment import augment
from .batches import Batch
from .dcnn import MATCHED
from .pair_losses import (
    feature_loss,
    pair_weights,
    pixel_loss,
    small_target_weights,
    style_loss,
)
from .player import Player
from .recipe import DomainRecipe, factors
from .similarity import descriptors, similarity

CRITIC_WEIGHTS = {"real": 1.0, "fake": 1.0, "wrong": 0.5, "score": 1.0, "r1": 0.5}
PAINTER_WEIGHTS = {"adversarial": 0.5, "pixels": 10.0, "features": 1.0, "style": 2.0}


class CriticObjective(nn.Module):
    """`Batch` -> what the critic got wrong, and R1.

    `real` pairs are to be judged 1; `fake` ones, of a face and what the generator makes of it, 0;
    and so are `wrong` ones, of a face and the painting of another: the critic judges pairs. `score`
    is the squared error of the predicted similarity, on real pairs against their label, on wrong
    ones against what is measured. `r1` is the squared gradient of the judgement on real pairs.
    """

    def __init__(self, net: Critic, generator: AdversarialGenerator, features: VGGFeatures) -> None:
        super().__init__()
        self.net, self.features = net, features
        # In a tuple, so that its weights are not this objective's: it only plays against them.
        self._generator = (generator,)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            painted = self._generator[0](batch.source, batch.style).float().clamp(0, 1)
            others = batch.target.roll(1, 0)
            measured = similarity(
                descriptors(self.features, batch.source), descriptors(self.features, others)
            )
        real, real_score = self.net(*augment(batch.source, batch.target))
        fake, _ = self.net(*augment(batch.source, painted))
        wrong, wrong_score = self.net(*augment(batch.source, others))
        errors = (real_score - batch.similarity).square() + (wrong_score - measured).square()
        return {
            "real": least_squares(real, 1.0),
            "fake": least_squares(fake, 0.0),
            "wrong": least_squares(wrong, 0.0),
            "score": errors.float().mean(),
            "r1": self._r1(batch),
        }

    def _r1(self, batch: Batch) -> Tensor:
        """Mean over real pairs of |gradient of the mean judgement|^2, in float32."""
        with torch.autocast(batch.source.device.type, enabled=False):
            pair = [part.detach().requires_grad_() for part in (batch.source, batch.target)]
            patches, _ = self.net(*pair)
            judged = patches.mean(dim=(1, 2, 3)).sum()
            gradients = torch.autograd.grad(judged, pair, create_graph=True)
        return sum(gradient.square().sum(dim=(1, 2, 3)) for gradient in gradients).mean()  # type: ignore[union-attr]


class PainterObjective(nn.Module):
    """`Batch` -> what the generator got wrong: `adversarial`, L_tgt (`pixels`, `features`) and
    L_stl (`style`); see `pair_losses`."""

    def __init__(self, net: AdversarialGenerator, critic: Critic, features: VGGFeatures) -> None:
        super().__init__()
        self.net, self.features = net, features
        self._critic = (critic,)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        painted = self.net(batch.source, batch.style).float()
        patches = self._judged(batch.source, painted)
        with torch.no_grad():
            seen, aim = self._features(batch.source), self._features(batch.target)
        found = self._features(painted)
        weights = pair_weights(batch.similarity)
        pixel_weights = small_target_weights(batch.source, batch.target)
        pixels = pixel_loss(painted, batch.target, pixel_weights, confidence(patches))
        return {
            "adversarial": least_squares(patches, 1.0),
            "pixels": (weights * pixels).mean(),
            "features": (weights * feature_loss(found, aim)).mean(),
            "style": (weights * style_loss(seen, found, aim)).mean(),
        }

    def _judged(self, source: Tensor, painted: Tensor) -> Tensor:
        """The critic's patches; it passes gradients on and keeps none for itself."""
        critic = self._critic[0].requires_grad_(False)
        try:
            return critic(*augment(source, painted))[0]
        finally:
            critic.requires_grad_(True)

    def _features(self, image: Tensor) -> dict[str, Tensor]:
        found = self.features(image)
        return {layer: found[layer] for layer in MATCHED}


def config_of(recipe: DomainRecipe) -> AdversarialConfig:
    """The shape that a recipe asks for."""
    return build(AdversarialConfig, dict(recipe.shape))


def players(recipe: DomainRecipe, num_styles: int, features: VGGFeatures) -> list[Player]:
    """Who learns: first the critic, then the generator."""
    config = config_of(recipe)
    critic, generator = Critic(config), AdversarialGenerator(num_styles, config)
    found = factors(recipe, {**CRITIC_WEIGHTS, **PAINTER_WEIGHTS})
    return [
        Player(
            "critic",
            critic,
            CriticObjective(critic, generator, features),
            {name: found[name] for name in CRITIC_WEIGHTS},
        ),
        Player(
            "generator",
            generator,
            PainterObjective(generator, critic, features),
            {name: found[name] for name in PAINTER_WEIGHTS},
        ),
    ]
