"""Fréchet distances: known values, and what each of them sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from domain_data import random_features

from benchmarks.frechet import (
    Components,
    Values,
    channel_means,
    conditional_frechet_distance,
    frechet_distance,
    place_means,
)


def questions_and_answers(count: int = 400) -> tuple[Values, Values]:
    """Answers (N, 3) that follow questions (N, 2), with a little of their own."""
    rng = np.random.default_rng(1)
    given = rng.normal(size=(count, 2))
    answers = given @ np.array([[1.0, 0, 2], [0, 1, -1]]) + 0.1 * rng.normal(size=(count, 3))
    return given, answers


def test_equal_sets_have_no_distance_and_gaussians_the_known_one() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, (20000, 3))
    assert frechet_distance(one, one) < 1e-6
    other = rng.normal((1, 0, 0), 2, (20000, 3))
    assert frechet_distance(one, other) == pytest.approx(1 + 3 * (2 - 1) ** 2, rel=0.05)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))


def test_answers_to_other_questions_are_far_only_when_it_is_asked_what_they_answer() -> None:
    given, answers = questions_and_answers()
    assert conditional_frechet_distance(given, answers, answers) < 1e-6
    shuffled = np.roll(answers, 1, axis=0)
    assert frechet_distance(shuffled, answers) < 1e-6
    spread = answers.var(axis=0, ddof=1).sum()
    # All that follows from the question is missing, and comes again as chance.
    assert conditional_frechet_distance(given, shuffled, answers) > spread


def test_the_conditional_distance_of_known_gaussians() -> None:
    given, answers = questions_and_answers(4000)
    moved = conditional_frechet_distance(given, answers + np.array([0, 2, 0]), answers)
    assert moved == pytest.approx(4.0)
    noise = 0.3 * np.random.default_rng(2).normal(size=answers.shape)
    clean = answers - (answers - given @ np.linalg.lstsq(given, answers, rcond=None)[0])
    # Deviations of 0 and 0.3 on each of three axes.
    blurred = conditional_frechet_distance(given, clean + noise, clean)
    assert blurred == pytest.approx(3 * 0.3**2, rel=0.05)
    # Answers that follow the question twice as strongly, and are otherwise alike.
    doubled = conditional_frechet_distance(given, 2 * clean, clean)
    assert doubled == pytest.approx(clean.var(axis=0, ddof=1).sum(), rel=0.01)


def test_how_questions_are_measured_does_not_matter() -> None:
    given, answers = questions_and_answers(50)
    other = answers[::-1]
    plain = conditional_frechet_distance(given, other, answers)
    turned = given @ np.array([[3.0, 1.0], [0.0, 0.01]]) + 7
    assert conditional_frechet_distance(turned, other, answers) == pytest.approx(plain)
    assert conditional_frechet_distance(given, answers, other) == pytest.approx(plain)


def test_components_keep_what_varies_most() -> None:
    rng = np.random.default_rng(3)
    sample = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 9)) + 5
    found = Components.of(sample, 2)
    assert found(sample).shape == (60, 2)
    np.testing.assert_allclose(found(sample) @ found.axes + found.mean, sample, atol=1e-9)
    assert np.abs(found(sample).mean(axis=0)).max() < 1e-9


def test_places_tell_a_picture_from_its_mirror_image_and_means_hardly_do() -> None:
    features, ramp = random_features(), torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    both = torch.cat([ramp, ramp.flip(3)])
    places = place_means(features, both)
    means = channel_means(places)
    assert means.shape == (2, 256) and places.shape == (2, 256 * 16)

    def apart(values: Values) -> float:
        return float(np.abs(values[0] - values[1]).mean() / np.abs(values).mean())

    assert apart(places) > 2 * apart(means)
