"""Figures of a painting that need no network."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from rtstyle.frame import Pixels

LATTICE_PX = 8
"""Generators work on cells of 4 or 8 px; what repeats with 4 repeats with 8 too. Of strokes that
know of no cells a sixteenth repeats, of these photos a little more."""


def luma_ssim(painted: Pixels, photo: Pixels) -> float:
    """Structural similarity of light and dark (Wang et al. 2004): how much of the photo is left."""
    from skimage.metrics import structural_similarity

    luma = [np.array(Image.fromarray(pixels).convert("L")) for pixels in (painted, photo)]
    similarity: Any = structural_similarity(*luma)
    return float(similarity)


def lattice_share(pixels: Pixels) -> float:
    """Share of the detail that repeats or alternates from one cell of a generator to the next."""
    from train.data import picture_tensor
    from train.losses import lattice

    return lattice(picture_tensor(Image.fromarray(pixels))[None], LATTICE_PX).item()


def cell_share(pixels: Pixels) -> float:
    """Share of the detail's autocorrelation that depends on where in such a cell it is."""
    from train.data import picture_tensor
    from train.losses import cell_dependence

    return cell_dependence(picture_tensor(Image.fromarray(pixels))[None], LATTICE_PX).item()
