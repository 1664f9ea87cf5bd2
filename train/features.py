"""VGG features for perceptual losses (Simonyan & Zisserman 2015; Johnson et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from .errors import TrainError

LAYERS = {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22}
"""Name of a feature layer -> index in torchvision's `vgg16().features`."""

VGG19_LAYERS = {**LAYERS, "relu4_3": 24}
"""The same for `vgg19().features`: its third stage has one convolution more."""

DOWNLOAD_MB = {16: 528, 19: 548}
"""What VGG16's and VGG19's weights take."""

CONTENT_LAYER = "relu3_3"
CONTENT_STRIDE = 4
"""Pixels of the image to one of the content layer."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """Image (B, 3, H, W) in [0, 1] -> {layer: features (B, C, h, w)}, each of unit rms.

    `calibrate` divides the features of each layer by their root mean square over a set of photos,
    so that loss weights do not depend on which feature file is used. Whether the weights are those
    of VGG16 or of VGG19 is told by their names.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        from torchvision.models import vgg16, vgg19

        self.layers = layers_of(weights)
        network = vgg19 if self.layers is VGG19_LAYERS else vgg16
        # On "meta" nothing is allocated: the classifier, which is not needed, has 124 M weights.
        with torch.device("meta"):
            features = network(weights=None, init_weights=False).features
        self.features = nn.Sequential(*list(features.children())[: max(self.layers.values()) + 1])
        for layer in self.features:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        own = {name: value.clone() for name, value in weights.items()}
        self.features.load_state_dict(own, assign=True)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        # A fifth faster on a CPU than weights that are turned round in every pass.
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    def forward(self, image: Tensor, until: str = "relu4_3") -> dict[str, Tensor]:
        x = (image - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        names = {index: name for name, index in self.layers.items()}
        found: dict[str, Tensor] = {}
        for index, layer in enumerate(self.features[: self.layers[until] + 1]):
            x = layer(x)
            if index in names:
                found[names[index]] = x
        return found

    @torch.no_grad()
    def calibrate(self, photos: Iterable[Tensor]) -> None:
        """Give every layer unit rms over batches of photos (B, 3, H, W) in [0, 1].

        ReLU and max pooling commute with a positive factor, so the factors go into the weights
        (as in Gatys et al. 2016) and cost nothing afterwards.
        """
        squares = torch.zeros(len(self.layers))
        count = 0
        for batch in photos:
            squares += torch.stack([f.float().square().mean() for f in self(batch).values()]).cpu()
            count += 1
        if count == 0:
            raise ValueError("calibrate needs at least one batch of photos")
        rms = (squares / count).sqrt().tolist()
        self._rescale(dict(zip(self.layers.values(), rms, strict=True)))

    def _rescale(self, rms: dict[int, float]) -> None:
        """Divide the output of the layers by `rms` and undo it at the input of what follows."""
        pending = 1.0
        for index, layer in enumerate(self.features):
            if not isinstance(layer, nn.Conv2d):
                continue
            divisor = rms.get(index + 1, 1.0)
            layer.weight *= pending / divisor
            if layer.bias is not None:
                layer.bias /= divisor
            pending = divisor


def layers_of(weights: dict[str, Tensor]) -> dict[str, int]:
    """Where the feature layers are in the network whose weights these are, named as in it."""
    return VGG19_LAYERS if "16.weight" in weights else LAYERS


def load_features(file: Path | None, *, download: bool = False, depth: int = 16) -> VGGFeatures:
    """VGG16 or VGG19 with pretrained weights from `file`, or from torchvision's cache.

    Only with `download` is the network used. Weights are never random. `depth`, 16 or 19, says
    which of the two is looked for where no file is given.

    Raises:
        TrainError: no weights found or fetched, or `file` holds neither's.
    """
    path = file or _torchvision_file(download, depth)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainError(f"no such feature file: {path}") from error
    except Exception as error:
        raise TrainError(
            f"cannot read the feature file {path}", "it is damaged, or no file of torch's weights"
        ) from error
    try:
        weights = {
            name.removeprefix("features."): value.float()
            for name, value in state.items()
            if name.startswith("features.")
        }
        last = max(layers_of(weights).values())
        return VGGFeatures({n: v for n, v in weights.items() if int(n.split(".")[0]) <= last})
    except (AttributeError, RuntimeError, ValueError) as error:  # no dictionary, or of another net
        raise TrainError(
            f"{path} does not hold VGG16's or VGG19's weights up to relu4_3",
            "it must have torchvision's names: features.0.weight, features.0.bias, ...",
        ) from error


def _torchvision_file(download: bool, depth: int) -> Path:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    source = (VGG19_Weights if depth == 19 else VGG16_Weights).IMAGENET1K_V1
    path = Path(torch.hub.get_dir()) / "checkpoints" / source.url.rsplit("/", 1)[-1]
    if path.exists():
        return path
    if not download:
        raise TrainError(
            f"VGG{depth}'s weights are not here: {path} does not exist",
            fix=f"name a local file with --features FILE, or allow {DOWNLOAD_MB[depth]} MB "
            "with --download-features",
        )
    try:
        source.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise TrainError(
            f"cannot download VGG{depth}'s weights from {source.url}",
            str(error),
            "try again, or name a local file with --features FILE",
        ) from error
    return path
