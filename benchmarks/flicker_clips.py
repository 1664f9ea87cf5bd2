"""Clips to measure flicker on: made ones whose motion is known exactly, and excerpts of real ones.

Flow is forward: the pixel of frame t at x is at x + flow[t](x) in frame t + 1, in pixels (dx, dy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtstyle.frame import Pixels

SIZE_HW = (360, 640)
NUM_FRAMES = 16
NOISE_STD = 2.0
"""Sensor noise of the noisy still, in levels of 255."""

BAR_SPEED_PX = 10
BAR_WIDTH_PX = 120
EXPOSURE_GAINS = (1.0, 1.06, 0.94)
"""Brightness of the steps of an automatic exposure; each lasts a third of the clip."""

GTFLOW = ("pan_zoom", "handheld", "layers")
EXCERPTS = {
    "obama_speaking.mp4": 60,
    "pexels_woman_turning.mp4": 100,
    "two_people_720p.mp4": 50,
    "bigbuckbunny_720p.mp4": 30,
    "sintel_ambush_4.mp4": 12,
    "pan_1080p30.mp4": 40,
}
"""Real clips and the frame at which the excerpt starts."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames (T) of (H, W, 3) and what is known of them.

    `flow` (T - 1, H, W, 2) and `visible` (T - 1, H, W), which pixels are in the next frame too, are
    None where nobody knows. `unmoved` (H, W): pixels that show the same throughout, None if none
    do. `cut` is the first frame of another scene. `edge_px` (T,): where a bar's left edge is.
    """

    name: str
    frames: list[Pixels]
    flow: NDArray[np.float32] | None = None
    visible: NDArray[np.bool_] | None = None
    unmoved: NDArray[np.bool_] | None = None
    cut: int | None = None
    edge_px: NDArray[np.int64] | None = None


def made_clips(photo: Pixels, other: Pixels) -> list[Clip]:
    """Clips made of two photos: noise, an occluder, a bar, steps of exposure, a cut."""
    photo, other = _fitted(photo), _fitted(other)
    return [
        noisy_still(photo),
        occluder(photo, other),
        moving_bar(photo),
        exposure_steps(photo),
        cut(photo, other),
    ]


def noisy_still(photo: Pixels) -> Clip:
    """Nothing moves, but every frame has its own sensor noise."""
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(NUM_FRAMES):
        noise = rng.normal(0, NOISE_STD, photo.shape)
        frames.append(np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8))
    return Clip("noise", frames, *_nothing_moves(photo), unmoved=np.ones(photo.shape[:2], np.bool_))


def occluder(photo: Pixels, texture: Pixels) -> Clip:
    """A disc cut out of another photo glides over a photo that stands still."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width]
    radius, step = height // 5, 8
    centres = [width // 4 + step * t for t in range(NUM_FRAMES)]
    discs = [(x - cx) ** 2 + (y - height // 2) ** 2 < radius**2 for cx in centres]
    frames = [
        np.where(disc[..., None], np.roll(texture, step * t, axis=1), photo)
        for t, disc in enumerate(discs)
    ]
    flow = np.zeros((NUM_FRAMES - 1, height, width, 2), np.float32)
    visible = np.ones((NUM_FRAMES - 1, height, width), np.bool_)
    for t in range(NUM_FRAMES - 1):
        flow[t, discs[t], 0] = step
        visible[t] = discs[t] | ~discs[t + 1]
    return Clip("occluder", frames, flow, visible, unmoved=~np.any(discs, axis=0))


def moving_bar(photo: Pixels) -> Clip:
    """A light bar moves to the right, `BAR_SPEED_PX` a frame, over a darkened photo."""
    ground = (photo * 0.4).astype(np.uint8)
    bar = (155 + photo[:, :BAR_WIDTH_PX] * 0.35).astype(np.uint8)
    edges = 80 + BAR_SPEED_PX * np.arange(NUM_FRAMES)
    frames = []
    for left in edges:
        frame = ground.copy()
        frame[:, left : left + BAR_WIDTH_PX] = bar
        frames.append(frame)
    return Clip("bar", frames, edge_px=edges)


def exposure_steps(photo: Pixels) -> Clip:
    """Nothing moves, but the brightness jumps twice."""
    frames = []
    for t in range(NUM_FRAMES):
        gain = EXPOSURE_GAINS[t * len(EXPOSURE_GAINS) // NUM_FRAMES]
        frames.append(np.clip(np.rint(photo * gain), 0, 255).astype(np.uint8))
    return Clip("exposure", frames, *_nothing_moves(photo))


def cut(photo: Pixels, other: Pixels) -> Clip:
    """Two still scenes, one after the other; across the cut nothing is visible again."""
    half = NUM_FRAMES // 2
    frames = [photo] * half + [other] * (NUM_FRAMES - half)
    flow, visible = _nothing_moves(photo)
    visible[half - 1] = False
    return Clip("cut", frames, flow, visible, cut=half)


def gtflow_clips(folder: Path) -> Iterator[Clip]:
    """The clips with exact flow in `folder`: JPEGs and `flow_fwd.npz`, flow in 1/16 px."""
    for name in GTFLOW:
        files = sorted((folder / name).glob("frame_*.jpg"))[:NUM_FRAMES]
        frames = [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files]
        held = np.load(folder / name / "flow_fwd.npz")
        width = int(held["shape"][2])
        flow = held["flow_q16"][: len(files) - 1].astype(np.float32) / 16
        visible = np.unpackbits(held["valid"], axis=-1)[: len(files) - 1]
        yield Clip(f"gtflow/{name}", frames, flow, visible[..., :width].astype(np.bool_))


def real_clips(folder: Path) -> Iterator[Clip]:
    """Short excerpts of real clips, at most as large as `SIZE_HW`."""
    import av

    for name, first in EXCERPTS.items():
        frames = []
        with av.open(str(folder / name)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= first + NUM_FRAMES:
                    break
                if index >= first:
                    frames.append(_shrunk(frame.to_ndarray(format="rgb24")))
        yield Clip(Path(name).stem, frames)


def _nothing_moves(photo: Pixels) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    flow = np.zeros((NUM_FRAMES - 1, *photo.shape[:2], 2), np.float32)
    return flow, np.ones(flow.shape[:3], np.bool_)


def _fitted(photo: Pixels) -> Pixels:
    """The middle of the photo at exactly `SIZE_HW`."""
    height, width = SIZE_HW
    scale = max(height / photo.shape[0], width / photo.shape[1])
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    grown = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (grown.shape[0] - height) // 2, (grown.shape[1] - width) // 2
    return np.ascontiguousarray(grown[top : top + height, left : left + width])


def _shrunk(pixels: Pixels) -> Pixels:
    """At most as large as `SIZE_HW`, with sides that are multiples of 8."""
    height, width = pixels.shape[:2]
    scale = min(1.0, (SIZE_HW[0] * SIZE_HW[1] / (height * width)) ** 0.5)
    size = (round(width * scale / 8) * 8, round(height * scale / 8) * 8)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
