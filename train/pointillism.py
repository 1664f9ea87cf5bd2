"""Paint a picture in dots, to learn pointillism from: `python -m train pointillism IN OUT`.

After the divisionism of Seurat and Signac: dots that touch, on a toned ground and not on white, and
beside the colour itself its neighbours in hue and its complement.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rtstyle.frame import Pixels

SHORT_SIDE_PX = 640
LAYERS_PX = ((8.0, 8.6), (6.2, 7.6), (4.9, 8.6))
"""Radius of the dots and distance between them, from the first layer to the last."""

COMPLEMENTARY, NEIGHBOURING = 0.16, 0.24
"""Shares of the dots that have the complement, and a neighbouring hue, of their colour."""

SUBPIXEL_BITS = 3

Lab = NDArray[np.float32]


def paint(picture: Pixels, seed: int = 3) -> Pixels:
    """(H, W, 3) RGB -> the same in dots, its short side `SHORT_SIDE_PX`."""
    random = np.random.default_rng(seed)
    scale = SHORT_SIDE_PX / min(picture.shape[:2])
    width, height = (round(side * scale) for side in picture.shape[1::-1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    colors = _enriched(cv2.GaussianBlur(small, (0, 0), 5))  # type: ignore[arg-type]
    along = np.degrees(_directions(colors[..., 0])) + 90
    painted = _rgb(colors * (0.9, 0.5, 0.5)).repeat(2, axis=0).repeat(2, axis=1)
    for radius, step in LAYERS_PX:
        places = np.mgrid[0:height:step, 0:width:step].reshape(2, -1).T
        for y, x in random.permutation(places + random.uniform(-0.55, 0.55, places.shape) * step):
            row, column = (int(np.clip(at, 0, end - 1)) for at, end in ((y, height), (x, width)))
            color = _rgb(_divided(colors[row, column], random)[None, None])[0, 0]
            size = 2 * radius * random.uniform(0.8, 1.15)
            center, axes = (
                tuple(round(value * 2**SUBPIXEL_BITS) for value in pair)
                for pair in ((2 * x, 2 * y), (1.15 * size, 0.85 * size))
            )
            angle = along[row, column] + random.normal(0, 12)
            cv2.ellipse(
                painted, center, axes, angle, 0, 360, color.tolist(), -1, cv2.LINE_AA, SUBPIXEL_BITS
            )
    return cv2.resize(painted, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _enriched(picture: Pixels) -> Lab:
    """In L*a*b*, around the middle of the scale, with more contrast and far more colour."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, colors = lab[..., :1], lab[..., 1:]
    return np.concatenate([58 + 1.25 * (lightness - lightness.mean()), 1.9 * colors], axis=2)


def _directions(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the steepest rise, in radians."""
    soft = cv2.GaussianBlur(lightness, (0, 0), 6)
    return np.arctan2(*(cv2.Sobel(soft, cv2.CV_32F, *order) for order in ((0, 1), (1, 0))))


def _divided(color: Lab, random: np.random.Generator) -> Lab:
    """What a dot has in place of the colour (3,): a shade of it, of its neighbour or complement."""
    light, chroma = color[0], color[1:]
    kind = random.random()
    if kind < COMPLEMENTARY:
        light, chroma = light + random.normal(0, 4), -0.55 * chroma + random.normal(0, 10, 2)
    elif kind < COMPLEMENTARY + NEIGHBOURING:
        turn = np.exp(random.choice([-0.9, 0.9]) * 1j) * complex(*chroma) * 1.2
        light, chroma = light + random.normal(0, 5), np.array([turn.real, turn.imag])
    else:
        light, chroma = light + random.normal(0, 7), chroma + random.normal(0, 6, 2)
    return np.array([light, *chroma], np.float32)


def _rgb(lab: Lab) -> Pixels:
    allowed = np.clip(lab, (4, -90, -90), (97, 90, 90)).astype(np.float32)
    return np.rint(cv2.cvtColor(allowed, cv2.COLOR_LAB2RGB).clip(0, 1) * 255).astype(np.uint8)
