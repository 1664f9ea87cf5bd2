"""Compares a compiled engine with ONNX Runtime before anybody sees what it paints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..frame import Pixels
from ..style import Style

PHOTO = Path(__file__).resolve().parents[1] / "photos" / "astronaut.jpg"
MIN_PSNR_DB = 40.0
"""Least fidelity: float16 through the whole generator gives 50 to 60 dB, and from 40 dB on nobody
tells two pictures apart."""


def photo(height: int, width: int) -> Pixels:
    """The photo that engines are compared on, (H, W, 3) uint8 RGB."""
    from PIL import Image

    with Image.open(PHOTO) as image:
        resized = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    return np.array(resized)


def psnr_db(a: Pixels, b: Pixels) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures in dB; infinite where they are equal."""
    error = np.square(a.astype(np.float64) - b).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def check_parity(
    stylize: Callable[[Pixels, Style], Pixels],
    reference: Callable[[Pixels, Style], Pixels],
    style: Style,
    size_hw: tuple[int, int],
) -> float:
    """PSNR in dB of `stylize` against `reference` on a photo.

    Raises:
        EngineError: it is under `MIN_PSNR_DB`.
    """
    pixels = photo(*size_hw)
    psnr = psnr_db(stylize(pixels, style), reference(pixels, style))
    if not psnr >= MIN_PSNR_DB:
        raise EngineError(
            f"the compiled engine paints something else than ONNX Runtime: {psnr:.1f} dB",
            f"at least {MIN_PSNR_DB:.0f} dB are needed (PSNR, {size_hw[1]}x{size_hw[0]})",
            "use --backend openvino, and report your GPU and driver (rtstyle doctor)",
        )
    return psnr
