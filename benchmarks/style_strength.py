"""How much of a style a painting has taken on, by the features that training uses."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch

from rtstyle.frame import Pixels
from train.data import load_picture
from train.features import load_features
from train.losses import gram_matrix, style_distance

STYLE_SHORT_SIDE_PX = 512

Grams = dict[str, torch.Tensor]


class StyleStrength:
    """Compares Gram matrices of VGG16 features (relu1_2, 2_2, 3_3, 4_3), as training does."""

    def __init__(self, features: Path) -> None:
        self._features = load_features(features)
        self._of_picture = cache(self._load)
        self._of_photo = lru_cache(maxsize=8)(self._grams_of_bytes)

    def left(self, painted: Pixels, photo: Pixels, picture: Path) -> float:
        """Style loss of the painting over that of the unpainted photo, both (H, W, 3).

        The loss is the squared distance of Gram matrices relative to the picture's (short side of
        512 px), mean over the layers. 1: not painted at all; 0: the picture's own statistics.
        """
        target = self._of_picture(picture)
        unpainted = self._of_photo(photo.tobytes(), photo.shape)
        return self._distance(self._grams_of(painted), target) / self._distance(unpainted, target)

    def _grams_of_bytes(self, content: bytes, shape: tuple[int, ...]) -> Grams:
        return self._grams_of(np.frombuffer(bytearray(content), np.uint8).reshape(shape))

    def _grams_of(self, pixels: Pixels) -> Grams:
        return self._grams(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255)

    @staticmethod
    def _distance(grams: Grams, target: Grams) -> float:
        distances = [style_distance(grams[layer], target[layer]).item() for layer in target]
        return sum(distances) / len(distances)

    def _load(self, picture: Path) -> Grams:
        return self._grams(load_picture(picture, short_side=STYLE_SHORT_SIDE_PX))

    @torch.no_grad()
    def _grams(self, image: torch.Tensor) -> Grams:
        return {layer: gram_matrix(found) for layer, found in self._features(image[None]).items()}
