"""Compares a compiled engine with ONNX Runtime before anybody sees what it paints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import EngineError
from ..frame import Pixels
from ..style import Style

MIN_PSNR_DB = 40.0
"""Least fidelity: float16 through the whole generator gives 50 to 60 dB, and from 40 dB on nobody
tells two pictures apart."""


def photo_like(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture (H, W, 3) uint8 with a photo's statistics: amplitudes fall with frequency.

    Random phases under a 1/f spectrum (Field 1987, "Relations between the statistics of natural
    images and the response properties of cortical cells"), shared by the colours for the most part.
    """
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    planes = []
    for _ in range(4):
        spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / frequency
        spectrum[0, 0] = 0
        plane = np.fft.irfft2(spectrum, s=(height, width))
        planes.append(plane / max(plane.std(), 1e-9))
    luma, *colors = planes
    channels = [120 + 50 * luma + 15 * color for color in colors]
    return np.ascontiguousarray(np.clip(np.stack(channels, axis=2), 0, 255).astype(np.uint8))


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
    """PSNR in dB of `stylize` against `reference` on one picture.

    Raises:
        EngineError: it is under `MIN_PSNR_DB`.
    """
    pixels = photo_like(*size_hw)
    psnr = psnr_db(stylize(pixels, style), reference(pixels, style))
    if not psnr >= MIN_PSNR_DB:
        raise EngineError(
            f"the compiled engine paints something else than ONNX Runtime: {psnr:.1f} dB",
            f"at least {MIN_PSNR_DB:.0f} dB are needed (PSNR, {size_hw[1]}x{size_hw[0]})",
            "use --backend openvino, and report your GPU and driver (rtstyle doctor)",
        )
    return psnr
