"""The Python API in one call; its parts are `capture`, `inference`, `pipeline` and `runner`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from .controls import Controls
from .descriptor import describe
from .frame import Pixels, check_pixels
from .inference import Engine, GpuOptions, load_engine
from .own_styles import with_own_styles
from .pipeline import paint_pixels
from .shelf import DEFAULT_GENERATOR, find_generator
from .style import AUTO, Style, StyleBank, load_styles
from .style_graph import load_graph


def load(
    generator: str = DEFAULT_GENERATOR,
    backend: str = "auto",
    gpu: GpuOptions | None = None,
    *,
    ahead: bool = False,
) -> tuple[Engine, StyleBank]:
    """An engine for a generator of the shelf, and its bank of styles with the user's own.

    `gpu` defaults to what the environment says of NVIDIA GPUs; `ahead` is for files, each picture
    of which is begun before the last one is finished.

    Raises:
        EngineError: generator or backend cannot be loaded.
        StyleError: the bank is damaged or does not fit the generator.
    """
    shelved = find_generator(generator)
    engine = load_engine(shelved, backend, gpu, ahead=ahead)
    info = engine.info.generator
    if info.num_style_values == 0 and not shelved.styles.exists():
        only = Style(info.name, np.zeros(0, np.float32), info.weights_sha256)
        return engine, StyleBank(only.generator, {only.name: only})
    bank = load_styles(shelved.styles, info.num_style_values or None)
    if info.num_style_values == 0:
        return engine, bank
    return engine, with_own_styles(bank.checked_for(info.weights_sha256))


def styles_of(generator: str = DEFAULT_GENERATOR) -> StyleBank:
    """The styles that a generator of the shelf paints in, with the user's own.

    Raises:
        EngineError: no such generator.
        StyleError: its bank is missing or damaged.
    """
    shelved = find_generator(generator)
    if shelved.styles.exists():
        return with_own_styles(load_styles(shelved.styles))
    # Without a bank the graph itself must say whether it needs one.
    engine, bank = load(generator)
    engine.close()
    return bank


def stylize(
    pixels: Pixels,
    style: str | Mapping[str, float],
    *,
    strength: float = 1.0,
    size_px: int | None = None,
    keep_colors: bool = False,
    generator: str = DEFAULT_GENERATOR,
    backend: str = "auto",
) -> Pixels:
    """Paint one picture.

    Args:
        pixels: RGB, uint8, (H, W, 3), any size.
        style: a style's name, "auto" for the first of `styles_like`, or names with shares to mix.
        strength: 0 gives `pixels` exactly, 1 the whole style.
        size_px: height at which to paint; the result always has the size of `pixels`.
        keep_colors: take only luma from the painting.
        generator: a generator of the shelf.
        backend: "auto" or one of `rtstyle.inference.BACKENDS`.

    Returns:
        RGB, uint8, (H, W, 3).

    Raises:
        TypeError, ValueError: `pixels` is no RGB picture.
        RtstyleError: unknown style, bad strength, no engine.
    """
    pixels = np.ascontiguousarray(pixels)
    check_pixels(pixels)
    if style == AUTO:
        style = styles_like(pixels, generator)[0][0]
    mix = ((style, 1.0),) if isinstance(style, str) else tuple(style.items())
    controls = Controls(mix, strength=strength, size_px=size_px, keep_colors=keep_colors)
    engine, bank = _loaded(generator, backend)
    return paint_pixels(engine, bank, pixels, controls)


def styles_like(pixels: Pixels, generator: str = DEFAULT_GENERATOR) -> list[tuple[str, float]]:
    """The styles of a generator's bank with scores that sum to 1, the most fitting first.

    What fits is told in `rtstyle.style_graph`; `pixels` are RGB, uint8, (H, W, 3).

    Raises:
        EngineError: no such generator.
        StyleError: its bank has no graph of styles.
    """
    shelved = find_generator(generator)
    return load_graph(shelved.graph, styles_of(generator)).ranked([describe(pixels)])


_loaded = lru_cache(maxsize=2)(load)
