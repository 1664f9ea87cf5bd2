"""Other descriptors of pictures, to compare with `rtstyle.descriptor`: what networks make of them.

Both describe a picture by the mean and the deviation of each channel of each layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rtstyle.descriptor import Descriptor
from rtstyle.frame import Pixels
from rtstyle.sizes import resize
from rtstyle.style import ORIGINAL, load_styles
from train.features import load_features
from train.generators.unshuffle import ConditionalConv
from train.shelved import load_shelved

SHORT_SIDE_PX = 256
FAINT = 1e-3


class GeneratorStatistics:
    """Of what a generator of the shelf normalises, when it paints the style `original`."""

    def __init__(self, onnx: Path) -> None:
        self._net = load_shelved(onnx).net.eval()
        self._style = torch.from_numpy(load_styles(onnx.with_suffix(".styles"))[ORIGINAL].vector)
        self._layers: list[torch.Tensor] = []
        for layer in self._net.modules():
            if isinstance(layer, ConditionalConv):
                layer.conv.register_forward_hook(self._keep)

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> Descriptor:
        self._layers.clear()
        self._net(_image(pixels, self._net.config.size_multiple), self._style[None])
        return _statistics(self._layers)

    def _keep(self, _layer: object, _inputs: object, output: torch.Tensor) -> None:
        self._layers.append(output)


class FeatureStatistics:
    """Of VGG16's relu1_2, 2_2, 3_3 and 4_3."""

    def __init__(self, weights: Path) -> None:
        self._features = load_features(weights)

    @torch.no_grad()
    def __call__(self, pixels: Pixels) -> Descriptor:
        return _statistics(list(self._features(_image(pixels)).values()))


def _image(pixels: Pixels, multiple: int = 1) -> torch.Tensor:
    scale = SHORT_SIDE_PX / min(pixels.shape[:2])
    height, width = (
        max(1, round(length * scale / multiple)) * multiple for length in pixels.shape[:2]
    )
    return torch.from_numpy(resize(pixels, height, width)).permute(2, 0, 1)[None].float() / 255


def _statistics(layers: list[torch.Tensor]) -> Descriptor:
    parts = [
        part for x in layers for part in (x.mean(dim=(2, 3)), (x.std(dim=(2, 3)) + FAINT).log())
    ]
    return torch.cat(parts, dim=1)[0].numpy().astype(np.float32)
