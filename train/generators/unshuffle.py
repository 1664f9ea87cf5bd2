"""`UnshuffleNet`: a multi-style generator in which no convolution sees full resolution.

Pixel-unshuffle moves the picture to a quarter of its resolution (or half), the residual body works
at an eighth, and pixel-shuffle moves the result back, so every large tensor vanishes. The style is
an input: one vector holds the scale and shift of every normalisation (conditional instance
normalisation, Dumoulin et al. 2017, "A Learned Representation for Artistic Style"), the gates of
the skip connection that carries fine detail past the narrow body, and how much grain is seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5

UP_SCALE = 0.25
"""Initial scale of what the body adds to the skip."""

INITIAL_GATE = 0.6
"""Initial share of the picture that passes through the skip."""

GRAIN_PERIODS = 31, 33
"""Blocks after which the two parts of the grain repeat: together after 4,092 px."""

GRAIN_LEVELS = 3.0
"""Standard deviation of the grain that a style begins with, in levels of 255."""

Normalisation = Literal["instance", "frozen"]


@dataclass(frozen=True)
class UnshuffleConfig:
    """Shape of an `UnshuffleNet`.

    `unshuffle` is the space-to-depth factor, `front` the channels at that resolution, `middle`
    those at half of it (0: there is no such level), `body` those at half of the last, and `blocks`
    the number of residual blocks there. `normalisation` is "instance" for one by each picture's own
    statistics, or "frozen" for none: the style's scale and shift then contain what was typical in
    training (`freeze.py`). With `grain` it sees some on every picture (`Grain`).
    """

    unshuffle: int = 4
    front: int = 32
    body: int = 64
    blocks: int = 4
    normalisation: Normalisation = "instance"
    middle: int = 0
    grain: bool = False

    @property
    def size_multiple(self) -> int:
        """Height and width of a frame must be multiples of this many pixels."""
        return (4 if self.middle else 2) * self.unshuffle

    def asdict(self) -> dict[str, int | str]:
        return asdict(self)


class ConditionalConv(nn.Module):
    """Reflection-padded 3x3 convolution, normalisation, then the style's scale and shift.

    Reflection keeps frames and stripes from growing along the borders of the picture.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        *,
        normalisation: Normalisation = "instance",
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, 3, stride, padding=1, padding_mode="reflect", bias=False
        )
        self.normalise = nn.InstanceNorm2d(out_channels, eps=EPSILON)
        if normalisation == "frozen":
            self.normalise = nn.Identity()
        self.num_style_values = 2 * out_channels

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x` (B, C, H, W) and `style` (B, 2 * out_channels) -> (B, out_channels, H', W')."""
        x = self.normalise(self.conv(x))
        scale, shift = style[:, :, None, None].to(x.dtype).chunk(2, dim=1)
        return x * scale + shift


class ResidualBlock(nn.Module):
    """Two conditional convolutions around an identity connection."""

    def __init__(self, channels: int, normalisation: Normalisation = "instance") -> None:
        super().__init__()
        self.first = ConditionalConv(channels, channels, normalisation=normalisation)
        self.second = ConditionalConv(channels, channels, normalisation=normalisation)
        self.num_style_values = self.first.num_style_values + self.second.num_style_values

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x` (B, C, H, W), `style` (B, 4 * C) -> (B, C, H, W)."""
        first, second = style.chunk(2, dim=1)
        return x + self.second(F.relu(self.first(x, first)), second)


class Grain(nn.Module):
    """The same faint, soft noise for every picture, as a canvas has it: strokes begin there.

    Where a picture is plain, nothing else tells one place from another, and it stayed bare, or was
    filled with what depends on the place in a block. Noise for strokes is from Ulyanov et al. 2016,
    "Texture Networks"; here it never changes, so that what stays still is painted alike.
    """

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        for number, period in enumerate(GRAIN_PERIODS):
            noise = torch.randn(1, 1, period, period, generator=random)
            soft = F.avg_pool2d(F.pad(noise, (0, 1, 0, 1), "circular"), 2, stride=1)
            share = 2 * GRAIN_LEVELS / 255 / len(GRAIN_PERIODS) ** 0.5
            self.register_buffer(f"tile{number}", soft / soft.std() * share)

    def forward(self, blocks: Tensor) -> Tensor:
        """Grain (1, 1, H, W) for blocks (B, C, H, W) in [-1, 1]; any part in training."""
        parts = []
        for number, period in enumerate(GRAIN_PERIODS):
            tile = self.get_buffer(f"tile{number}")
            rows, columns = (torch.arange(n, device=tile.device) for n in blocks.shape[2:])
            if self.training:
                down, right = torch.randint(period, (2, 1), device=tile.device)
                rows, columns = rows + down, columns + right
            parts.append(tile[:, :, rows % period][..., columns % period])
        return sum(parts[1:], parts[0])


class UnshuffleNet(nn.Module):
    """Image (B, 3, H, W) in [0, 1] and style (B, P) -> stylized image (B, 3, H, W), not clamped.

    H and W must be multiples of `config.size_multiple`.
    """

    def __init__(self, config: UnshuffleConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UnshuffleConfig()
        pixels, kind = 3 * config.unshuffle**2, config.normalisation
        around = config.middle or config.front
        self.enter = ConditionalConv(pixels, config.front, normalisation=kind)
        if config.middle:
            self.widen = ConditionalConv(config.front, around, stride=2, normalisation=kind)
        self.down = ConditionalConv(around, config.body, stride=2, normalisation=kind)
        self.body = nn.ModuleList(ResidualBlock(config.body, kind) for _ in range(config.blocks))
        self.up = ConditionalConv(config.body, around, normalisation=kind)
        if config.middle:
            self.narrow = ConditionalConv(around, config.front, normalisation=kind)
        self.skip = nn.Conv2d(pixels, config.front, 1, bias=False)
        self.leave = nn.Conv2d(config.front, pixels, 3, padding=1, padding_mode="reflect")
        self.grain = Grain() if config.grain else None
        _initialise_as_identity(self)

    @property
    def _downs(self) -> list[ConditionalConv]:
        return [self.widen, self.down] if self.config.middle else [self.down]

    @property
    def _ups(self) -> list[ConditionalConv]:
        return [self.up, self.narrow] if self.config.middle else [self.up]

    @property
    def conditional_layers(self) -> list[ConditionalConv | ResidualBlock]:
        """The layers that read the style vector, in the order in which it holds their values."""
        blocks = [block for block in self.body if isinstance(block, ResidualBlock)]
        return [self.enter, *self._downs, *blocks, *self._ups]

    @property
    def conditional_convs(self) -> list[ConditionalConv]:
        """The same, one by one."""
        convs = []
        for layer in self.conditional_layers:
            convs += [layer.first, layer.second] if isinstance(layer, ResidualBlock) else [layer]
        return convs

    @property
    def num_style_values(self) -> int:
        """P: scale and shift of every normalised channel, one gate per skip channel, the grain."""
        return sum(self._num_values)

    @property
    def _num_values(self) -> list[int]:
        """Style values of each layer, of the skip, and of the grain."""
        layers = [layer.num_style_values for layer in self.conditional_layers]
        return [*layers, self.config.front, int(self.config.grain)]

    def neutral_style(self) -> Tensor:
        """Style vector (P,) with which the untrained network shows the picture almost unchanged."""
        parts = []
        for conv in self.conditional_convs:
            half = conv.num_style_values // 2
            scale = UP_SCALE if conv is self._ups[-1] else 1.0
            parts += [torch.full((half,), scale), torch.zeros(half)]
        parts.append(torch.full((self.config.front,), INITIAL_GATE))
        return torch.cat([*parts, torch.ones(int(self.config.grain))])

    def forward(self, image: Tensor, style: Tensor, grain: Tensor | None = None) -> Tensor:
        """`grain` (B, 1, H', W') of blocks is seen in place of its own."""
        *values, gates, amount = style.split(self._num_values, dim=1)
        layer_styles = iter(values)

        x = blocks = F.pixel_unshuffle(image * 2 - 1, self.config.unshuffle)
        if self.grain is not None:
            seen = self.grain(blocks) if grain is None else grain
            x = blocks + seen * amount[:, :, None, None].to(x.dtype)
        x = F.relu(self.enter(x, next(layer_styles)))
        for down in self._downs:
            x = F.relu(down(x, next(layer_styles)))
        for block in self.body:
            x = block(x, next(layer_styles))
        for up in self._ups:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = F.relu(up(x, next(layer_styles)))
        x = x + self.skip(blocks) * gates[:, :, None, None].to(x.dtype)
        return F.pixel_shuffle(self.leave(x), self.config.unshuffle) * 0.5 + 0.5


def _block_basis(num: int, factor: int) -> Tensor:
    """The first `num` of an orthonormal basis of RGB blocks, (num, 3 * factor**2); zeros past it.

    Products of cosines (DCT-II) in luma and two chroma axes, smooth ones first, three luma values
    for each chroma value: what a picture's blocks mostly consist of. Channels are ordered as
    `pixel_unshuffle` orders them.
    """
    n = torch.arange(factor)
    dct = torch.cos(torch.pi / factor * (n[None] + 0.5) * n[:, None])
    dct = dct / dct.norm(dim=1, keepdim=True)
    colors = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
    colors = colors / colors.norm(dim=1, keepdim=True)
    blocks = [
        ((v + h) * (1 if color == 0 else 3), torch.einsum("c,y,x->cyx", axis, dct[v], dct[h]))
        for color, axis in enumerate(colors)
        for v in range(factor)
        for h in range(factor)
    ]
    blocks.sort(key=lambda block: block[0])
    basis = torch.zeros(num, 3 * factor**2)
    for row, (_, block) in zip(basis, blocks, strict=False):
        row.copy_(block.flatten())
    return basis


def _initialise_as_identity(net: UnshuffleNet) -> None:
    """Let the network start by showing the picture, through the skip, with little else added.

    Training then begins from the content, and from smooth blocks rather than a grid of pixels.
    """
    front, factor = net.config.front, net.config.unshuffle
    basis = _block_basis(front, factor)
    offset = UP_SCALE * (2 * torch.pi) ** -0.5  # mean of relu(N(0, UP_SCALE**2))
    with torch.no_grad():
        net.skip.weight.copy_(basis[:, :, None, None])
        nn.init.normal_(net.leave.weight, std=0.01)
        net.leave.weight[:, :, 1, 1] += basis.T
        assert net.leave.bias is not None
        net.leave.bias.copy_(-offset * net.leave.weight.sum(dim=(1, 2, 3)))
