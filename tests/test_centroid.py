"""The mixture centroid against means that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from train.centroid import Method, centroid_weights

METHODS: tuple[Method, ...] = ("mixture", "kmeans")


def two_groups(num_many: int, num_few: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    many = rng.normal(0, 0.1, (num_many, 3))
    few = rng.normal(5, 0.1, (num_few, 3))
    return np.concatenate([many, few])


@pytest.mark.parametrize("method", METHODS)
def test_it_is_the_formula_of_the_documents(method: Method) -> None:
    samples = two_groups(60, 20)
    found = centroid_weights(samples, method, 2) @ samples
    shares, centers = [0.75, 0.25], [samples[:60].mean(0), samples[60:].mean(0)]
    expected = sum(p * p * mu for p, mu in zip(shares, centers, strict=True))
    np.testing.assert_allclose(found, expected / (0.75**2 + 0.25**2), atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_with_equal_weights_of_the_classes_it_is_the_plain_mean(method: Method) -> None:
    samples = two_groups(60, 20)
    found = centroid_weights(samples, method, 2, alpha=[1, 1]) @ samples
    np.testing.assert_allclose(found, samples.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_rare_counts_less_than_in_the_plain_mean(method: Method) -> None:
    samples = two_groups(90, 10)
    mean = samples.mean(axis=0)
    centroid = centroid_weights(samples, method, 2) @ samples
    assert (np.abs(centroid) < 0.5 * np.abs(mean)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 5, 40])
def test_the_weights_are_a_mean_whatever_the_number_of_samples(method: Method, count: int) -> None:
    samples = np.random.default_rng(count).normal(size=(count, 300))
    weights = centroid_weights(samples, method)
    assert weights.shape == (count,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_equal_samples_weigh_the_same(method: Method) -> None:
    weights = centroid_weights(np.ones((32, 4)), method)
    np.testing.assert_allclose(weights, 1 / 32)


def test_two_runs_agree() -> None:
    samples = np.random.default_rng(0).normal(size=(100, 20))
    np.testing.assert_array_equal(centroid_weights(samples), centroid_weights(samples))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        centroid_weights(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="2 values, got 3"):
        centroid_weights(two_groups(20, 20), num_classes=2, alpha=[1, 1, 1])
