"""The game: who learns in whose turn, formulas worked out by hand, augmentation, centroids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from domain_data import made_pairs, random_features, recipe, run_of

from train.domains import pair_losses
from train.domains.adversarial import (
    AdversarialConfig,
    AdversarialGenerator,
    Critic,
    agreement,
    confidence,
    least_squares,
)
from train.domains.augment import augment
from train.domains.game import CRITIC_WEIGHTS, PAINTER_WEIGHTS, CriticObjective, Seen, players
from train.domains.run import DomainRun, calibrate

SMALL = {"width": 8, "blocks": 1}


def game_run(out: Path, shape: dict | None = None, **changes: object) -> DomainRun:
    plan = recipe("adversarial", shape={**SMALL, **(shape or {})}, **changes)
    pairs, features = made_pairs(styles=("a", "b")), random_features()
    calibrate(features, pairs)
    torch.manual_seed(plan.seed)
    return run_of(plan, pairs, players(plan, 2, features), out)


def weights_of(run: DomainRun, player: int) -> list[torch.Tensor]:
    return [value.detach().clone() for value in run.players[player].net.parameters()]


def test_each_turn_moves_one_player_only(tmp_path: Path) -> None:
    run = game_run(tmp_path)
    batch = run.pairs.first(4)
    for turn, other in ((0, 1), (1, 0)):
        mine, theirs = weights_of(run, turn), weights_of(run, other)
        terms = run._turn(run.players[turn], run.objectives[turn], run.optimizers[turn], batch)
        assert any(not torch.equal(a, b) for a, b in zip(mine, weights_of(run, turn), strict=True))
        assert all(torch.equal(a, b) for a, b in zip(theirs, weights_of(run, other), strict=True))
        assert set(terms) - {f"{run.players[turn].name} total"} == set(run.players[turn].factors)
        assert all(value.requires_grad for value in run.players[other].net.parameters())


@pytest.mark.parametrize("fusion", ["none", "mixture", "greedy"])
def test_it_learns_to_paint_and_to_score(tmp_path: Path, fusion: str) -> None:
    shape = {"fuse_generator": fusion, "fuse_critic": fusion}
    run = game_run(tmp_path, shape, steps=1000, learning_rate=4e-3, batch=4)
    fixed = run.pairs.first(8)

    def pixels() -> float:
        with torch.no_grad():
            painted = run.generator(fixed.source, fixed.style)
        return float((painted - fixed.target).square().mean())

    before = pixels()
    scores = [run.advance()["score"] for _ in range(25)]
    assert pixels() < 0.7 * before
    assert np.mean(scores[-5:]) < np.mean(scores[:5])
    if fusion != "none":
        for player in run.players:
            assert player.net.get_parameter("fused.turn.weight").abs().max() > 0


def test_a_resumed_run_makes_the_same_steps(tmp_path: Path) -> None:
    whole = game_run(tmp_path)
    terms = [whole.advance() for _ in range(3)]
    half = game_run(tmp_path)
    half.advance()
    half.save()
    resumed = game_run(tmp_path)
    resumed.resume()
    assert [resumed.advance() for _ in range(2)] == terms[1:]


def test_the_style_label_is_the_style_input_on_the_shelf(tmp_path: Path) -> None:
    from rtstyle.api import load
    from train.domains.export import export_domain

    run = game_run(tmp_path, {"fuse_generator": "mixture"}, steps=1000)
    for _ in range(3):
        run.advance()
    run.save()
    result = export_domain(run.paths.checkpoint, tmp_path, "tiny", torch.rand(3, 200, 200))
    assert result.max_difference <= 1
    engine, bank = load(str(tmp_path / "tiny.onnx"), "onnxruntime")
    assert bank.names == ["a", "b"]
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    one, other = (engine.stylize(pixels, bank[name]).astype(int) for name in "ab")
    assert one.shape == pixels.shape and np.abs(one - other).max() > 0
    mixed = engine.stylize(pixels, bank.mix([("a", 0.5), ("b", 0.5)]))
    assert mixed.shape == pixels.shape
    engine.close()


def test_a_mixture_of_labels_is_a_mixture_of_styles() -> None:
    torch.manual_seed(0)
    net = AdversarialGenerator(2, AdversarialConfig(width=8, blocks=1))
    with torch.no_grad():
        net.styles[1] = net.styles[0]
    image = torch.rand(1, 3, 16, 16)
    half = net(image, torch.tensor([[0.5, 0.5]]))
    torch.testing.assert_close(half, net(image, torch.tensor([[1.0, 0.0]])))


def test_r1_is_the_squared_gradient_of_the_judgement() -> None:
    class Linear(torch.nn.Module):
        """Judges by 3 times the mean of the source minus the mean of the target."""

        def forward(self, source: torch.Tensor, target: torch.Tensor) -> tuple:
            judged = 3 * source.mean(dim=(1, 2, 3)) - target.mean(dim=(1, 2, 3))
            return judged[:, None, None, None], judged

    seen = Seen(random_features())
    objective = CriticObjective(Linear(), torch.nn.Identity(), seen)  # type: ignore[arg-type]
    found = objective._r1(made_pairs().first(4))
    assert found.item() == pytest.approx((9 + 1) / (3 * 32 * 32), rel=1e-4)


def test_the_critic_normalises_its_layers_and_judges_pairs_in_patches() -> None:
    torch.manual_seed(0)
    critic = Critic(AdversarialConfig(width=8, blocks=1))
    for _ in range(30):  # each pass brings the estimate of a layer's norm nearer
        critic(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    patches, score = critic(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    assert patches.shape == (2, 1, 4, 4) and score.shape == (2,)
    weight = critic.stem[0].weight.flatten(1)  # type: ignore[union-attr]
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1.0, abs=0.02)


def test_confidence_and_least_squares() -> None:
    patches = torch.tensor([[2.0, 2.0], [0.2, 0.6], [-1.0, 0.0]]).reshape(3, 1, 1, 2)
    torch.testing.assert_close(confidence(patches), torch.tensor([1.0, 0.4, 0.0]))
    assert least_squares(torch.tensor([1.0, 3.0]), 1.0).item() == pytest.approx(2.0)


def test_pixels_of_a_convincing_painting_count_less() -> None:
    painted, target = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    weights = torch.ones(2, 1, 4, 4)
    losses = pair_losses.pixel_loss(painted, target, weights, torch.tensor([0.0, 0.8]))
    torch.testing.assert_close(losses, torch.tensor([0.25, 0.05]))


def test_small_targets_weigh_more_where_both_pictures_are_busy() -> None:
    face, painting = torch.full((1, 3, 64, 64), 0.5), torch.full((1, 3, 64, 64), 0.5)
    checks = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 1.0
    face[..., 8:16, 8:16] = painting[..., 8:16, 8:16] = checks  # an eye, in both
    painting[..., 40:48, 40:48] = checks  # strokes on a wall
    weights = pair_losses.small_target_weights(face, painting)
    assert weights.mean().item() == pytest.approx(1.0, abs=1e-4)
    eye, stroke, wall = (float(weights[0, 0, at, at]) for at in (12, 44, 30))
    assert eye > 2 * wall
    assert stroke == pytest.approx(wall, rel=1e-3)


def test_similar_pairs_weigh_more() -> None:
    weights = pair_losses.pair_weights(torch.tensor([0.9, 0.3, -0.5]))
    assert weights.mean().item() == pytest.approx(1.0)
    assert weights[0].item() == pytest.approx(3 * weights[1].item())
    assert weights[2] > 0


def test_style_loss_compares_what_was_done_to_the_face() -> None:
    source, done = {"l": torch.rand(2, 4, 8, 8)}, {"l": torch.rand(2, 4, 8, 8)}
    target = {"l": source["l"] + done["l"]}
    shuffled = done["l"].flatten(2)[..., torch.randperm(64)].reshape(2, 4, 8, 8)
    elsewhere = {"l": source["l"] + shuffled}
    same_statistics = pair_losses.style_loss(source, elsewhere, target)
    nothing_done = pair_losses.style_loss(source, source, target)
    assert same_statistics.max() < 1e-5 < 100 * nothing_done.min()
    assert nothing_done.shape == (2,)


def test_texture_is_what_is_there_wherever_it_is() -> None:
    target = {"l": torch.rand(2, 4, 8, 8)}
    elsewhere = {"l": target["l"].flatten(2)[..., torch.randperm(64)].reshape(2, 4, 8, 8)}
    # The same means and deviations, but each channel's strokes apart from the other channels'.
    apart = {"l": torch.stack([target["l"][:, c].roll(c + 1, -1) for c in range(4)], dim=1)}
    same, other = (pair_losses.texture_loss(found, target) for found in (elsewhere, apart))
    assert same.max() < 1e-8 < other.min() and same.shape == (2,)
    torch.testing.assert_close(
        pair_losses.statistics(apart["l"]), pair_losses.statistics(target["l"])
    )


def test_agreement_is_of_what_stands_where() -> None:
    one = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(agreement(one, 5 * one + 2), torch.ones(2, 3), atol=1e-4, rtol=0)
    torch.testing.assert_close(agreement(one, -one), -torch.ones(2, 3), atol=1e-4, rtol=0)
    assert agreement(one, torch.rand(2, 3, 16, 16)).abs().max() < 0.9


def test_what_is_seen_of_a_batch_is_seen_once() -> None:
    seen, pairs = Seen(random_features()), made_pairs()
    batch = pairs.first(2)
    first = seen(batch)
    assert all(a is b for a, b in zip(first, seen(batch), strict=True))
    assert not any(value.requires_grad for part in first for value in part.values())
    other = seen(pairs.batch(2, torch.Generator().manual_seed(0)))
    assert not torch.equal(other[0]["relu3_3"], first[0]["relu3_3"])


def test_both_pictures_of_a_pair_are_moved_alike_and_gradients_pass() -> None:
    torch.manual_seed(0)
    source = torch.rand(3, 3, 32, 32, requires_grad=True)
    first, second = augment(source, source.detach())
    holes = (first == 0).all(dim=1)
    torch.testing.assert_close(holes, (second == 0).all(dim=1))
    assert holes.any() and not holes.all()
    first.sum().backward()
    assert source.grad is not None and source.grad.abs().sum() > 0


def test_terms_of_the_recipe_are_those_of_the_players() -> None:
    from train.errors import TrainError

    with pytest.raises(TrainError, match="unknown loss 'pixel'"):
        players(recipe("adversarial", weights={"pixel": 1.0}, shape=SMALL), 1, random_features())
    found = players(recipe("adversarial", weights={"r1": 7.0}, shape=SMALL), 1, random_features())
    assert found[0].factors["r1"] == 7.0
    assert set(found[0].factors) == set(CRITIC_WEIGHTS)
    assert set(found[1].factors) == set(PAINTER_WEIGHTS)


def test_a_batch_of_one_face_holds_no_wrong_pairs_to_learn_from() -> None:
    from train.errors import TrainError

    with pytest.raises(TrainError, match="batch must be 2 or more"):
        players(recipe("adversarial", batch=1, shape=SMALL), 1, random_features())


def test_a_checkpoint_of_another_critic_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from train.domains.networks import load_critic
    from train.errors import TrainError

    run = game_run(tmp_path)
    run.save()
    assert isinstance(load_critic(run.paths.checkpoint), Critic)
    run.recipe = replace(run.recipe, shape={"width": 16})
    run.save()
    with pytest.raises(TrainError, match="does not hold its critic"):
        load_critic(run.paths.checkpoint)


def test_the_label_is_made_where_the_faces_are() -> None:
    from train.domains.networks import Trained

    class Painter(torch.nn.Module):
        num_style_values = 2

        def forward(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            assert label.device == image.device
            return image

    trained = Trained(Painter(), recipe("adversarial", styles=["a", "b"]), 1)
    faces = torch.empty(2, 3, 32, 32, device="meta")  # as good as a GPU to see this
    assert trained.paint(faces, 1).device == faces.device
