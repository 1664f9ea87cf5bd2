from __future__ import annotations

import pytest
import torch

from train.generators import UnshuffleConfig, UnshuffleNet


@pytest.fixture(scope="module")
def net() -> UnshuffleNet:
    torch.manual_seed(0)
    return UnshuffleNet()


@torch.no_grad()
def test_shapes_and_number_of_style_values(net: UnshuffleNet) -> None:
    assert net.num_style_values == 1312
    assert net.neutral_style().shape == (1312,)
    image = torch.rand(2, 3, 64, 96)
    assert net(image, net.neutral_style().repeat(2, 1)).shape == image.shape


@pytest.mark.parametrize(
    "config",
    [
        UnshuffleConfig(2, 16, 32, 1),
        UnshuffleConfig(4, 48, 96, 3),
        UnshuffleConfig(2, 16, 32, 1, middle=24),
    ],
)
@torch.no_grad()
def test_other_shapes(config: UnshuffleConfig) -> None:
    net = UnshuffleNet(config)
    image = torch.rand(1, 3, 8 * config.size_multiple, 6 * config.size_multiple)
    assert net(image, net.neutral_style()[None]).shape == image.shape


@pytest.mark.parametrize("config", [UnshuffleConfig(), UnshuffleConfig(2, 32, 48, 2, middle=40)])
@torch.no_grad()
def test_untrained_it_shows_the_picture(config: UnshuffleConfig) -> None:
    torch.manual_seed(0)
    net = UnshuffleNet(config)
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    image = torch.stack([x / 127, y / 127, (x + y) / 254])[None].float()
    shown = net(image, net.neutral_style()[None])
    correlation = torch.corrcoef(torch.stack([image.flatten(), shown.flatten()]))[0, 1]
    assert correlation > 0.8


@pytest.mark.parametrize("config", [UnshuffleConfig(), UnshuffleConfig(2, 16, 32, 2, middle=24)])
@torch.no_grad()
def test_every_style_value_matters(config: UnshuffleConfig) -> None:
    torch.manual_seed(0)
    net = UnshuffleNet(config)
    image = torch.rand(1, 3, 64, 64)
    style = net.neutral_style()[None].requires_grad_()
    with torch.enable_grad():
        net(image, style).square().sum().backward()
    assert style.grad is not None
    assert (style.grad != 0).float().mean() > 0.95


@torch.no_grad()
def test_a_flat_picture_has_no_frame_along_its_border(net: UnshuffleNet) -> None:
    shown = net(torch.full((1, 3, 64, 64), 0.4), net.neutral_style()[None])
    blocks = torch.nn.functional.pixel_unshuffle(shown, 8)
    assert (blocks - blocks[..., :1, :1]).abs().max() < 1e-4
