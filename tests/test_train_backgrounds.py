"""Some photos get a plain background; what is kept of them is kept as it was."""

from __future__ import annotations

import torch

from train.backgrounds import on_plain_backgrounds, recoloured, softened


def photos(count: int) -> torch.Tensor:
    """Noise, so that a pixel of a photo is told from one of a background."""
    return torch.rand(count, 3, 64, 80)


def test_of_every_chosen_photo_a_part_is_left_and_the_rest_is_plain() -> None:
    torch.manual_seed(1)
    before = photos(40)
    after = on_plain_backgrounds(before, 1.0)
    assert after.shape == before.shape
    assert after.min() >= 0
    assert after.max() <= 1
    kept = (after == before).all(dim=1)
    assert (kept.float().mean(dim=(1, 2)) > 0.1).all()
    assert (kept.float().mean(dim=(1, 2)) < 0.95).all()
    steps = (after[..., 1:] - after[..., :-1]).abs().amax(dim=1)
    plain = (steps < 0.02).float().mean(dim=(1, 2))
    assert plain.mean() > 0.15
    assert ((before[..., 1:] - before[..., :-1]).abs().amax(dim=1) < 0.02).float().mean() < 0.01


def test_the_share_is_kept_and_the_others_are_untouched() -> None:
    torch.manual_seed(2)
    before = photos(400)
    copy = before.clone()
    after = on_plain_backgrounds(before, 0.3)
    changed = (after != before).any(dim=3).any(dim=2).any(dim=1)
    assert 0.2 < changed.float().mean() < 0.4
    assert before.equal(copy)
    assert on_plain_backgrounds(before, 0.0) is before


def test_a_seed_decides_all() -> None:
    def drawn() -> torch.Tensor:
        torch.manual_seed(3)
        return on_plain_backgrounds(torch.full((8, 3, 32, 32), 0.5), 0.5)

    assert drawn().equal(drawn())


def test_soft_photos_have_their_colours_and_less_detail() -> None:
    torch.manual_seed(5)
    before = photos(60)
    after = softened(before, 1.0)
    assert after.shape == before.shape
    assert after.min() >= 0
    assert after.max() <= 1
    torch.testing.assert_close(after.mean(dim=(2, 3)), before.mean(dim=(2, 3)), rtol=0, atol=0.02)

    def detail(crops: torch.Tensor) -> torch.Tensor:
        return (crops[..., 1:] - crops[..., :-1]).abs().mean(dim=(1, 2, 3))

    assert (detail(after) < detail(before)).float().mean() > 0.9
    assert detail(after).min() < detail(before).min() / 4


def test_the_others_stay_sharp() -> None:
    before = photos(200)
    copy = before.clone()
    torch.manual_seed(6)
    after = softened(before, 0.3)
    changed = (after != before).flatten(1).any(dim=1)
    assert 0.2 < changed.float().mean() < 0.4
    assert before.equal(copy)
    torch.manual_seed(6)
    assert softened(before, 0.3).equal(after)
    assert softened(before, 0.0).equal(before)


def test_in_other_colours_light_stays_light_and_dark_stays_dark() -> None:
    torch.manual_seed(7)
    before = (photos(60) * 100).round() / 100
    after = recoloured(before, 1.0)
    assert after.shape == before.shape
    assert after.min() >= 0
    assert after.max() <= 1
    orders = before.flatten(2).argsort(dim=2, stable=True)
    places = set()
    for photo, known in zip(after.flatten(2).argsort(dim=2, stable=True), orders, strict=True):
        from_ = [[channel.equal(other) for other in known].index(True) for channel in photo]
        assert sorted(from_) == [0, 1, 2]
        places.add(tuple(from_))
    assert len(places) == 6
    means = after.mean(dim=(1, 2, 3))
    assert means.min() < 0.4
    assert means.max() > 0.6
    assert (after.mean(dim=(2, 3)).std(dim=1) > 0.02).float().mean() > 0.8


def test_a_share_is_recoloured_and_the_others_are_untouched() -> None:
    before = photos(200)
    copy = before.clone()
    torch.manual_seed(8)
    after = recoloured(before, 0.3)
    changed = (after != before).flatten(1).any(dim=1)
    assert 0.2 < changed.float().mean() < 0.4
    assert before.equal(copy)
    assert recoloured(before, 0.0) is before
