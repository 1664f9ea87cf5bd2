from __future__ import annotations

import pytest
import torch

from train.generators import UnshuffleConfig, UnshuffleNet
from train.generators.unshuffle import GRAIN_LEVELS, GRAIN_PERIODS, Grain
from train.loop import averaged


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
        UnshuffleConfig(grain=True),
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


@pytest.mark.parametrize(
    "config",
    [
        UnshuffleConfig(),
        UnshuffleConfig(2, 16, 32, 2, middle=24),
        UnshuffleConfig(2, 16, 32, 2, grain=True),
    ],
)
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
    assert not config.grain or style.grad[0, -1] != 0


@torch.no_grad()
def test_a_flat_picture_has_no_frame_along_its_border(net: UnshuffleNet) -> None:
    shown = net(torch.full((1, 3, 64, 64), 0.4), net.neutral_style()[None])
    blocks = torch.nn.functional.pixel_unshuffle(shown, 8)
    assert (blocks - blocks[..., :1, :1]).abs().max() < 1e-4


@pytest.fixture
def grained() -> UnshuffleNet:
    torch.manual_seed(0)
    return UnshuffleNet(UnshuffleConfig(grain=True)).eval()


@torch.no_grad()
def test_grain_tells_places_of_a_plain_picture_apart_and_stays(grained: UnshuffleNet) -> None:
    style, plain = grained.neutral_style()[None], torch.full((1, 3, 64, 96), 0.4)
    shown = grained(plain, style)
    assert shown.std() > 1e-3
    assert torch.equal(grained(plain, style), shown)


@torch.no_grad()
def test_a_style_may_do_without_grain(grained: UnshuffleNet) -> None:
    bare = UnshuffleNet()
    image, style = torch.rand(1, 3, 64, 96), grained.neutral_style()[None]
    weights = {k: v for k, v in grained.state_dict().items() if not k.startswith("grain.")}
    bare.load_state_dict(weights)
    style[:, -1] = 0
    assert torch.equal(grained(image, style), bare(image, style[:, :-1]))


def test_grain_is_faint_soft_and_the_same_at_any_size() -> None:
    grain = Grain().eval()
    small, large = (grain(torch.zeros(1, 48, *size)) for size in ((45, 60), (270, 480)))
    assert small.shape == (1, 1, 45, 60)
    assert torch.equal(large[..., :45, :60], small)
    assert 0.8 < large.std() * 255 / 2 / GRAIN_LEVELS < 1.2
    beside = torch.corrcoef(torch.stack([large[..., :-1].flatten(), large[..., 1:].flatten()]))
    assert beside[0, 1] > 0.3


@pytest.mark.parametrize("period", GRAIN_PERIODS)
def test_neither_part_of_the_grain_alone_makes_it_repeat(period: int) -> None:
    grain = Grain().eval()(torch.zeros(1, 48, 270, 480))
    far = torch.stack([grain[..., :-period].flatten(), grain[..., period:].flatten()])
    assert torch.corrcoef(far)[0, 1] < 0.7


def test_training_sees_grain_from_anywhere_of_it() -> None:
    grain = Grain()
    torch.manual_seed(0)
    first, second = (grain(torch.zeros(2, 48, 16, 16)) for _ in range(2))
    assert not torch.equal(first, second)


@torch.no_grad()
def test_the_average_in_training_paints_as_in_use() -> None:
    net = UnshuffleNet(UnshuffleConfig(grain=True))
    average = averaged(net, 0.9).module
    style, image = net.neutral_style()[None], torch.rand(1, 3, 64, 64)
    assert torch.equal(average(image, style), average(image, style))
