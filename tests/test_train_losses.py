from __future__ import annotations

import torch

from train import losses


def test_gram_matrix_is_the_mean_outer_product() -> None:
    features = torch.randn(2, 5, 7, 9)
    expected = torch.einsum("bchw,bdhw->bcd", features, features) / (5 * 7 * 9)
    torch.testing.assert_close(losses.gram_matrix(features), expected)


def test_parts_are_those_of_each_picture_in_reading_order() -> None:
    features = torch.randn(2, 3, 6, 13)
    parts = losses.parts(features, 2, 3)
    assert parts.shape == (12, 3, 3, 4)
    assert (parts[1] == features[0, :, :3, 4:8]).all()
    assert (parts[9] == features[1, :, 3:, :4]).all()
    grams = losses.gram_matrix(parts).unflatten(0, (2, 6))
    torch.testing.assert_close(grams.mean(dim=1), losses.gram_matrix(features[..., :12]))


def test_style_distance_is_relative_to_the_target() -> None:
    gram, target = torch.randn(2, 4, 4), torch.randn(2, 4, 4)
    distance = losses.style_distance(gram, target)
    torch.testing.assert_close(losses.style_distance(10 * gram, 10 * target), distance)
    torch.testing.assert_close(losses.style_distance(0 * gram, target), torch.ones(2))
    assert (losses.style_distance(target, target) == 0).all()


def test_content_distance_counts_places_by_their_weight() -> None:
    features, target = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    plain = losses.content_distance(features, target)
    torch.testing.assert_close(
        losses.content_distance(features, target, torch.ones(2, 1, 4, 4)), plain
    )
    weights = torch.zeros(2, 1, 4, 4)
    weights[..., 1, 2] = 16
    only = (features - target)[..., 1, 2].square().mean(dim=1)
    torch.testing.assert_close(losses.content_distance(features, target, weights), only)


def test_warp_by_whole_pixels_moves_the_picture() -> None:
    image = torch.rand(1, 3, 16, 20)
    flow = torch.zeros(1, 16, 20, 2)
    flow[..., 0] = 3
    warped, inside = losses.warp(image, flow)
    torch.testing.assert_close(warped[..., :-3], image[..., 3:], atol=1e-5, rtol=0)
    assert inside[..., :-3].all()
    assert not inside[..., -3:].any()


def test_compound_regularisation_vanishes_for_a_painter_that_follows_the_motion() -> None:
    torch.manual_seed(0)
    output = torch.nn.functional.avg_pool2d(torch.rand(2, 3, 72, 72), 9, 1)
    flow = losses.random_flow(2, 64, 64)
    followed, _ = losses.warp(output, flow)
    assert losses.compound_regularisation(output, followed, flow) < 1e-6
    assert losses.compound_regularisation(output, output, flow) > 1e-3


def test_random_flow_is_smooth_and_in_pixels() -> None:
    torch.manual_seed(0)
    flow = losses.random_flow(8, 256, 256)
    assert flow.shape == (8, 256, 256, 2)
    assert 3 < flow.abs().mean() < 20
    assert (flow[:, 1:] - flow[:, :-1]).abs().max() < 1


def test_total_variation_counts_edges() -> None:
    flat = torch.full((1, 3, 8, 8), 0.5)
    edge = flat.clone()
    edge[..., 4:] = 1
    assert losses.total_variation(flat) == 0
    torch.testing.assert_close(losses.total_variation(edge), torch.tensor(0.5 / 7))


def test_crops_begin_at_multiples_and_lie_inside() -> None:
    image = torch.zeros(1, 3, 64, 96)
    corners = set()
    for _ in range(200):
        rows, columns = losses.random_crop(image, 40, 8)
        assert image[..., rows, columns].shape == (1, 3, 40, 40)
        corners.add((rows.start, columns.start))
    assert corners == {(y, x) for y in range(0, 25, 8) for x in range(0, 57, 8)}


def test_frame_difference_forgives_what_the_film_does_itself() -> None:
    film = torch.rand(2, 3, 8, 8)
    assert losses.frame_difference(film * 1.0 + 0.2, film) < 1e-6
    still = film[:1].repeat(2, 1, 1, 1)
    assert losses.frame_difference(film, still) > 0.1


def test_lattice_knows_what_repeats_from_cell_to_cell() -> None:
    torch.manual_seed(0)
    strokes, dots = torch.rand(3, 70, 64), torch.rand(3, 8, 8).repeat(1, 9, 8)[:, :70]
    flat = torch.full((3, 70, 64), 0.5)
    found = losses.lattice(torch.stack([strokes, dots, flat]), 8)
    assert found[0] < 0.1
    assert found[1] > 0.95
    assert found[2] == 0
    assert losses.lattice(dots[None], 7) < 0.3


def chessboard(cell: torch.Tensor) -> torch.Tensor:
    """A cell (3, h, w) and its negative by turns, 12 x 12 of them."""
    row = torch.cat([cell, 1 - cell], dim=2)
    return torch.cat([row, 1 - row], dim=1).repeat(1, 6, 6)[None]


def test_cells_that_alternate_are_a_lattice_too() -> None:
    torch.manual_seed(0)
    board, strokes = chessboard(torch.rand(3, 8, 8)), torch.rand(1, 3, 96, 96)
    waves = torch.sin(torch.arange(96) * (torch.pi / 8)).expand(1, 3, 96, 96)
    assert losses.lattice(board, 8) > 0.95
    assert losses.lattice(waves, 8) > 0.9
    allowed = torch.tensor([0.07])
    assert losses.excess_lattice(board, 8, allowed) > 0.9
    assert losses.excess_lattice(waves, 8, allowed) > 0.8
    assert losses.excess_lattice(strokes, 8, allowed) < 0.02
    assert losses.excess_lattice(board, 8, torch.tensor([1.0])) == 0


def test_a_picture_of_dots_lets_its_paintings_have_as_many() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 15, 15).repeat(1, 1, 10, 9) + torch.rand(1, 3, 150, 135) / 2
    allowed = losses.regularity(picture)
    assert 0.6 < allowed < 0.95
    assert losses.regularity(torch.rand(1, 3, 160, 160)) < 0.1
    dots = torch.rand(1, 3, 8, 8).repeat(1, 1, 12, 12)
    assert losses.excess_lattice(dots + torch.rand(1, 3, 96, 96), 8, allowed) == 0
    strict = losses.excess_lattice(dots, 8, torch.zeros(1))
    torch.testing.assert_close(strict - losses.excess_lattice(dots, 8, allowed), allowed[0])
    assert losses.excess_cell_dependence(dots + torch.rand(1, 3, 96, 96), 8, allowed) == 0
    strict = losses.excess_cell_dependence(dots, 8, torch.zeros(1))
    excused = strict - losses.excess_cell_dependence(dots, 8, allowed)
    torch.testing.assert_close(excused, allowed[0] - 1 / 16)


def test_dots_here_and_there_depend_on_cells_wherever_they_are() -> None:
    torch.manual_seed(0)
    dot = torch.zeros(8, 8)
    dot[2:5, 3:6] = 1
    there = (torch.rand(1, 1, 32, 1, 32, 1) < 0.3) * dot[:, None, :]
    dots = there.reshape(1, 1, 256, 256).expand(1, 3, 256, 256)
    assert losses.cell_dependence(dots, 8) > 0.6
    assert losses.cell_dependence(dots, 7) < 0.15
    # A shifted lattice is one too.
    assert losses.cell_dependence(dots.roll((3, 5), (2, 3)), 8) > 0.6


def test_only_what_is_painted_by_cells_depends_on_them() -> None:
    torch.manual_seed(0)
    strokes, flat = torch.rand(1, 3, 256, 256), torch.full((1, 3, 64, 72), 0.5)
    assert losses.cell_dependence(strokes, 8) < 0.02
    assert losses.cell_dependence(torch.nn.functional.avg_pool2d(strokes, 5, 1), 8) < 0.05
    assert losses.cell_dependence(flat, 8) == 0
    assert losses.cell_dependence(chessboard(torch.rand(3, 8, 8)), 8) > 0.7
    four = torch.rand(1, 3, 4, 4).repeat(1, 1, 24, 24)
    assert losses.cell_dependence(four, 8) > 0.6


def test_training_leaves_a_lattice() -> None:
    torch.manual_seed(0)
    dots = torch.rand(1, 3, 8, 8).repeat(1, 1, 12, 12) + torch.rand(1, 3, 96, 96) / 4
    painted = dots.clone().requires_grad_()
    adam = torch.optim.Adam([painted], lr=0.01)
    for _ in range(60):
        adam.zero_grad()
        losses.excess_cell_dependence(painted, 8, torch.zeros(1)).backward()
        adam.step()
    assert losses.cell_dependence(dots, 8) > 0.5
    assert losses.cell_dependence(painted.detach(), 8) < 0.1
