"""Mixture centroids inside a network against `train/centroid.py`, and against the plain mean."""

from __future__ import annotations

import pytest
import torch

from train.centroid import centroid_weights
from train.domains.centroid import CELLS, CLASSES, CentroidFusion, memberships


def groups(num_few: int) -> torch.Tensor:
    """Samples (1, 2 x CELLS^2, 3): two tight groups, the first the larger, mixed in order."""
    torch.manual_seed(1)
    count = 2 * CELLS**2
    samples = 0.1 * torch.randn(count, 3)
    samples[torch.randperm(count)[:num_few]] += 5
    return samples[None]


@pytest.mark.parametrize("is_soft", [True, False])
def test_memberships_are_shares_of_the_classes(is_soft: bool) -> None:
    member = memberships(groups(40), is_soft=is_soft)
    assert member.shape == (1, 2 * CELLS**2, CLASSES)
    torch.testing.assert_close(member.sum(dim=2), torch.ones(1, 2 * CELLS**2))
    assert is_soft or set(member.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("is_soft", [True, False])
def test_no_class_holds_samples_of_both_groups(is_soft: bool) -> None:
    samples = groups(40)
    member = memberships(samples, is_soft=is_soft)[0]
    few = samples[0, :, 0] > 2.5
    shared = torch.minimum(member[few].mean(dim=0), member[~few].mean(dim=0))
    assert shared.max() < 0.01


@pytest.mark.parametrize("fusion", ["mixture", "greedy"])
def test_what_is_rare_counts_less_than_in_the_plain_mean(fusion: str) -> None:
    samples = groups(12)
    maps = samples.transpose(1, 2).reshape(1, 3, 2 * CELLS, CELLS).chunk(2, dim=2)
    fused = CentroidFusion(fusion)(*maps)  # type: ignore[arg-type]
    mean = samples.mean(dim=1)
    assert fused.shape == (1, 3)
    assert (fused.abs() < 0.8 * mean.abs()).all()
    method = "mixture" if fusion == "mixture" else "kmeans"
    offline = torch.from_numpy(
        centroid_weights(samples[0].numpy(), method, CLASSES) @ samples[0].numpy()
    )
    assert (fused[0] - offline.float()).abs().max() < 0.5 * mean.abs().max()


@pytest.mark.parametrize("fusion", ["mixture", "greedy"])
def test_of_equal_maps_it_is_their_value_and_gradients_pass(fusion: str) -> None:
    flat = torch.full((2, 5, 4, 4), 3.0, requires_grad=True)
    fused = CentroidFusion(fusion)(flat, flat)  # type: ignore[arg-type]
    torch.testing.assert_close(fused, torch.full((2, 5), 3.0))
    maps = torch.randn(2, 5, 8, 8, requires_grad=True)
    CentroidFusion(fusion)(maps, maps * 2).square().sum().backward()  # type: ignore[arg-type]
    assert maps.grad is not None and torch.isfinite(maps.grad).all()
    assert maps.grad.abs().sum() > 0
