from __future__ import annotations

import torch

from train.bank import StyledGenerator
from train.freeze import freeze
from train.generators import UnshuffleConfig

TINY = UnshuffleConfig(front=16, body=16, blocks=1)


def styled(num_styles: int = 2) -> StyledGenerator:
    """A generator whose styles differ."""
    torch.manual_seed(0)
    model = StyledGenerator(num_styles, TINY)
    with torch.no_grad():
        model.styles.add_(0.3 * torch.randn_like(model.styles))
    return model


@torch.no_grad()
def test_on_the_photo_that_it_was_frozen_on_nothing_changes() -> None:
    model, photo = styled(), torch.rand(1, 3, 64, 64)
    frozen = freeze(model, [photo])
    assert frozen.net.config.normalisation == "frozen"
    for weights in torch.eye(2)[:, None]:
        torch.testing.assert_close(
            frozen(photo, weights), model(photo, weights), atol=1e-3, rtol=1e-3
        )


@torch.no_grad()
def test_frozen_a_corner_does_not_change_the_far_side() -> None:
    model, photo = styled(), torch.rand(1, 3, 256, 256)
    frozen = freeze(model, [photo])
    touched = photo.clone()
    touched[..., :16, :16] = 1
    weights = torch.eye(2)[:1]

    def far_change(painter: StyledGenerator) -> float:
        change = (painter(touched, weights) - painter(photo, weights)).abs()
        return float(change[..., 192:, 192:].max())

    assert far_change(frozen) < 1e-5
    assert far_change(model) > 1e-4


def test_frozen_the_model_itself_stays_as_it_was() -> None:
    model = styled()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    freeze(model, [torch.rand(2, 3, 64, 64)])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
