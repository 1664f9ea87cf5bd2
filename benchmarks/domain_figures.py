"""How good paintings of known faces are: figures for `benchmarks.domains`.

Two distances from true paintings, those that were made by optimisation:

- the domain distance compares paintings with true paintings of *other* faces (those of one half of
  the faces with the true ones of the other half, both ways, the mean): do they look as if painted
  like that? Paintings of the right kind that show somebody else come as near as anything can: the
  two halves of the true paintings are no nearer to each other (`floor`);
- the conditional distance asks for the painting of *this* face: what is answered to each face is
  compared with the true answers, given the face (`frechet.conditional_frechet_distance`), in units
  of the variance of the true paintings.

For the second, faces and paintings are described by few numbers, since faces are few: principal
components of features in 4 x 4 cells. Those of paintings are found on true paintings and faces
together: in what varies among paintings alone, a photo is as good as its painting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.domains.adversarial import Critic
from train.domains.similarity import descriptors, similarity
from train.features import VGGFeatures

from .frechet import (
    Components,
    Values,
    channel_means,
    conditional_frechet_distance,
    frechet_distance,
    place_means,
)

COMPONENTS = 12
"""Of a face, and of a painting: well below the number of faces."""
PART = 8


@dataclass(frozen=True, eq=False)
class Ground:
    """What paintings are measured on: N faces and their true paintings.

    `faces` (N, 3, S, S) in [0, 1] and their `described` (N, D); of the true paintings `means`
    (N, 256) and the `components`, in which they are `true` (N, K); `given` (N, K) are the faces in
    components of their own.
    """

    faces: Tensor
    described: Tensor
    means: Values
    components: Components
    true: Values
    given: Values

    @classmethod
    def of(cls, features: VGGFeatures, faces: Tensor, paintings: Tensor) -> Ground:
        """Describe faces and true paintings (N, 3, S, S) in [0, 1]."""
        places = [place_means(features, pictures) for pictures in (faces, paintings)]
        given = Components.of(places[0], COMPONENTS)
        true = Components.of(np.concatenate(places), COMPONENTS)
        return cls(
            faces,
            describe(features, faces),
            channel_means(places[1]),
            true,
            true(places[1]),
            given(places[0]),
        )

    def domain_distance(self, means: Values) -> float:
        """Of paintings of all faces (N, 256), from true paintings of others."""
        halves = (slice(0, None, 2), slice(1, None, 2))
        crossed = zip(halves, reversed(halves), strict=True)
        return sum(frechet_distance(means[a], self.means[b]) for a, b in crossed) / 2

    def conditional_distance(self, answers: Values) -> float:
        """Of paintings of all faces, in the components of true ones (N, K)."""
        distance = conditional_frechet_distance(self.given, answers, self.true)
        return distance / float(self.true.var(axis=0, ddof=1).sum())

    def controls(self) -> dict[str, float]:
        """The least domain distance there is, and the conditional distance of true paintings that
        went to the wrong face."""
        return {
            "floor": round(self.domain_distance(self.means), 4),
            "shuffled_conditional": round(self.conditional_distance(_shuffled(self.true)), 4),
        }


def measure(painted: Tensor, ground: Ground, features: VGGFeatures) -> dict[str, Any]:
    """Figures of paintings (N, 3, S, S) of the faces, in [0, 1]."""
    source, result = ground.described, describe(features, painted)
    places = place_means(features, painted)
    return {
        "identity_kept": round(float(similarity(source, result).mean()), 4),
        "identity_kept_shuffled": round(float(similarity(source, result.roll(1, 0)).mean()), 4),
        "domain_distance": round(ground.domain_distance(channel_means(places)), 4),
        "conditional_distance": round(ground.conditional_distance(ground.components(places)), 4),
    }


@torch.no_grad()
def judged(
    critic: Critic, painted: Tensor, ground: Ground, features: VGGFeatures
) -> dict[str, Any]:
    """The score that a critic predicts for the paintings, and how it goes with what is measured.

    `score_correlation` is over the paintings of all faces, where that is not always the same;
    `score_correlation_unlike` over these and as many of somebody else.
    """
    result = describe(features, painted)
    scores, measured = [], []
    for shift in (0, 1):
        parts = zip(ground.faces.split(PART), painted.roll(shift, 0).split(PART), strict=True)
        scores.append(torch.cat([critic(*pair)[1] for pair in parts]))
        measured.append(similarity(ground.described, result.roll(shift, 0)))
    found = {
        "score": round(float(scores[0].mean()), 4),
        "score_unlike": round(float(scores[1].mean()), 4),
        "score_correlation_unlike": _correlation(torch.cat(scores), torch.cat(measured)),
    }
    if measured[0].std() > 1e-3:
        found["score_correlation"] = _correlation(scores[0], measured[0])
    return found


@torch.no_grad()
def describe(features: VGGFeatures, pictures: Tensor) -> Tensor:
    """`descriptors` of many pictures (N, D)."""
    return torch.cat([descriptors(features, part) for part in pictures.split(PART)])


def _correlation(one: Tensor, other: Tensor) -> float:
    return round(float(torch.corrcoef(torch.stack([one, other]))[0, 1]), 3)


def _shuffled(sample: Values) -> Values:
    return np.roll(sample, 1, axis=0)
