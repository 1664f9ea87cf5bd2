"""Figures of paintings: whose face it is counts in one distance and not in the other."""

from __future__ import annotations

import math
from functools import cache

import pytest
import torch
from domain_data import made_pairs, random_features
from torch import Tensor

from benchmarks.domain_figures import COMPONENTS, Ground, describe, judged, measure
from train.domains.run import calibrate

PAIRS = made_pairs(count=2 * COMPONENTS + 4)
FEATURES = random_features()
calibrate(FEATURES, PAIRS)


@cache
def ground() -> Ground:
    return Ground.of(FEATURES, PAIRS.sources.float() / 255, true_paintings())


def true_paintings() -> Tensor:
    return PAIRS.targets.float() / 255


def test_true_paintings_are_at_no_distance_and_those_of_others_are() -> None:
    found = measure(true_paintings(), ground(), FEATURES)
    shuffled = measure(true_paintings().roll(2, 0), ground(), FEATURES)
    controls = ground().controls()
    assert found["conditional_distance"] < 1e-3 < 0.1 < shuffled["conditional_distance"]
    assert controls["shuffled_conditional"] > 0.1
    assert found["domain_distance"] == controls["floor"]
    # An even roll leaves each half with the same paintings.
    assert shuffled["domain_distance"] == pytest.approx(controls["floor"], abs=1e-3)


def test_faces_as_they_are_keep_identity_and_are_far_from_the_domain() -> None:
    found = measure(ground().faces, ground(), FEATURES)
    assert found["identity_kept"] == pytest.approx(1.0, abs=1e-3)
    assert found["identity_kept_shuffled"] < 0.9
    assert found["domain_distance"] > ground().controls()["floor"]
    assert found["conditional_distance"] > 0


def test_a_critic_that_measures_is_found_to() -> None:
    class Measuring(torch.nn.Module):
        """Predicts the measured similarity."""

        def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            one, other = (describe(FEATURES, picture) for picture in (source, target))
            return source, (one * other).sum(dim=1)

    found = judged(Measuring(), true_paintings(), ground(), FEATURES)  # type: ignore[arg-type]
    assert found["score_correlation"] == pytest.approx(1, abs=1e-3)
    assert found["score_correlation_unlike"] == pytest.approx(1, abs=1e-3)
    assert found["score"] > found["score_unlike"]


def test_there_is_no_correlation_with_what_is_always_the_same() -> None:
    class Constant(torch.nn.Module):
        def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            return source, target.mean(dim=(1, 2, 3))

    found = judged(Constant(), ground().faces, ground(), FEATURES)  # type: ignore[arg-type]
    assert "score_correlation" not in found
    assert not math.isnan(found["score_correlation_unlike"])
