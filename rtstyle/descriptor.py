"""What a picture looks like, in 78 numbers: its colours, and its texture at several scales.

Made of numpy and OpenCV alone, so that it is the same for every generator and backend and needs no
feature network at run time.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Pixels

SHORT_SIDE_PX = 256
"""Pictures are described at this size, so that a camera's resolution does not count."""

MAX_LONG_SIDE_PX = 1024
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NUM_HUES = 12
NUM_SCALES = 5
COHERENCE_PX = 9
FAINT = 1e-3
"""Contrasts (of 1) below this count as none."""

Descriptor = NDArray[np.float32]
Floats = NDArray[np.floating]


def describe(pixels: Pixels) -> Descriptor:
    """Descriptor (78,) of an RGB picture (H, W, 3) uint8 of any size.

    Colours, in CIELAB: mean, deviation, quantiles and correlations of the channels, a histogram of
    hues weighted by chroma, and the chroma. Texture, of the bands of a Laplacian pyramid: each
    channel's contrast, how sparse lightness is, in which directions its edges run, and how much
    neighbouring edges agree.
    """
    lab: Floats = cv2.cvtColor(_fitted(pixels).astype(np.float32) / 255, cv2.COLOR_RGB2Lab) / 100
    some = np.ascontiguousarray(lab[::2, ::2]).reshape(-1, 3)
    return np.concatenate([_colours(some), *_textures(lab)]).astype(np.float32)


def _fitted(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = SHORT_SIDE_PX / min(height, width)
    size = [min(MAX_LONG_SIDE_PX, round(side * scale)) for side in (width, height)]
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(pixels, size, interpolation=mode)  # type: ignore[return-value]


def _colours(lab: Floats) -> Floats:
    """Of pixels (n, 3): 38 numbers."""
    mean, deviation = lab.mean(axis=0), lab.std(axis=0)
    centred = (lab - mean) / (deviation + FAINT)
    together = centred.T @ centred / len(lab)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.arctan2(lab[:, 2], lab[:, 1])
    hues = np.histogram(hue, NUM_HUES, (-np.pi, np.pi), weights=chroma)[0] / len(lab)
    return np.concatenate(
        [
            mean,
            deviation,
            np.quantile(lab, QUANTILES, axis=0).ravel(),
            together[np.triu_indices(3, 1)],
            np.sqrt(hues),
            [chroma.mean(), chroma.std()],
        ]
    )


def _textures(lab: Floats) -> list[Floats]:
    """Of a picture (H, W, 3): for each of five bands 4 numbers, for all but the last 5 more."""
    found: list[Floats] = []
    for scale in range(NUM_SCALES):
        smaller = cv2.pyrDown(lab)
        band = lab - cv2.pyrUp(smaller, dstsize=(lab.shape[1], lab.shape[0]))
        contrast = band.reshape(-1, 3).std(axis=0) + FAINT
        sparse = np.log(np.abs(band[..., 0]).mean() / contrast[0] + FAINT)
        found.append(np.array([*np.log(contrast), sparse]))
        if scale < NUM_SCALES - 1:
            found.append(_edges(np.ascontiguousarray(lab[..., 0])))
        lab = smaller  # type: ignore[assignment]
    return found


def _edges(lightness: Floats) -> Floats:
    """Shares of four directions, and coherence (structure tensor), of a picture (H, W)."""
    x, y = (cv2.Sobel(lightness, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    products = np.stack([x * x - y * y, 2 * x * y, x * x + y * y], axis=-1)
    strength = np.sqrt(products[..., 2])
    # With the angle a of an edge, cos 2a and sin 2a times its strength: upright or level, and
    # along one diagonal or the other.
    turned = products[..., :2] / (strength[..., None] + FAINT**2)
    shares = [np.maximum(0, sign * turned[..., axis]).mean() for sign in (1, -1) for axis in (0, 1)]
    around = cv2.blur(products, (COHERENCE_PX, COHERENCE_PX))
    coherence = np.hypot(around[..., 0], around[..., 1]) / (around[..., 2] + FAINT**2)
    return np.array([*np.sqrt(np.array(shares) / (strength.mean() + FAINT)), coherence.mean()])
