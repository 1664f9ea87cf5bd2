"""How steady a painted clip is, as numbers. Pictures are uint8; levels are of 255."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from rtstyle.frame import Pixels, positions

EDGE_WINDOW_PX = 50
"""To each side of a moving edge, what belongs to its profile."""

RECEPTIVE_FIELD_PX = 80
"""How far a generator looks: nearer to motion even an unmoved pixel may change by right."""

Flow = NDArray[np.float32]
Seen = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where the pixels of each frame are in the next one, and which of them count.

    `flow` (T - 1, H, W, 2) in pixels, frame t -> t + 1; `counts` (T - 1, H, W).
    """

    flow: Flow
    counts: Seen


def known_correspondence(flow: Flow, visible: Seen) -> Correspondence:
    """From exact flow; pixels at motion boundaries do not count (as in `estimated`)."""
    return Correspondence(flow, visible & ~np.stack([_motion_boundary(f) for f in flow]))


def estimated_correspondence(frames: Sequence[Pixels]) -> Correspondence:
    """From the input frames, with DIS flow (medium preset) where Lai et al. use FlowNet2.

    With f the flow t -> t + 1, b the flow t + 1 -> t and b~(x) = b(x + f(x)), a pixel is occluded,
    and does not count, if |b~ + f|^2 > 0.01 (|b~|^2 + |f|^2) + 0.5, nor does it at a motion
    boundary, |grad f|^2 > 0.01 |f|^2 + 0.002, nor where x + f(x) lies outside the picture. As coded
    for Lai et al. 2018, "Learning Blind Video Temporal Consistency" (after Ruder et al. 2016).
    """
    flows, counts = [], []
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    lumas = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    for now, then in pairwise(lumas):
        empty = np.zeros((*now.shape, 2), np.float32)
        forth, back = dis.calc(now, then, empty.copy()), dis.calc(then, now, empty.copy())
        returned, inside = follow(back, forth)
        apart = np.square(returned + forth).sum(axis=-1)
        lengths = np.square(returned).sum(axis=-1) + np.square(forth).sum(axis=-1)
        agree = apart <= 0.01 * lengths + 0.5
        flows.append(forth)
        counts.append(inside & agree & ~_motion_boundary(forth))
    return Correspondence(np.stack(flows), np.stack(counts))


def follow(values: NDArray[np.float32], flow: Flow) -> tuple[NDArray[np.float32], Seen]:
    """`values` (H, W, C) at x + flow(x), bilinear, and where that lies inside the picture."""
    height, width = flow.shape[:2]
    at_x, at_y = cv2.split(positions(height, width) + flow)
    inside = (at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)
    found = cv2.remap(values, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32), inside


def warping_error(frames: Sequence[Pixels], truth: Correspondence) -> float:
    """E_warp of Lai et al.: the mean over t of sum M (O_t+1(x + f(x)) - O_t(x))^2 / sum M.

    Values in [0, 1]; M is summed over the three channels too, so that this is a mean squared error
    per channel (as their code has it; other papers print three times as much).
    """
    errors = []
    for t, counts in enumerate(truth.counts):
        if not counts.any():
            continue
        moved, inside = follow(frames[t + 1].astype(np.float32) / 255, truth.flow[t])
        difference = moved - frames[t].astype(np.float32) / 255
        errors.append(float(np.square(difference)[counts & inside].mean()))
    return float(np.mean(errors))


def excess_warping_error(
    painted: Sequence[Pixels], frames: Sequence[Pixels], truth: Correspondence
) -> float:
    """E_warp of the painted clip less that of its input, at least 0: what the painting adds."""
    return max(0.0, warping_error(painted, truth) - warping_error(frames, truth))


def noise_gain(painted: Sequence[Pixels], frames: Sequence[Pixels]) -> float:
    """Deviation over time (rms over pixels and channels) of the painted clip over the input's.

    For a still with sensor noise: above 1 the painting makes noise worse.
    """
    return _deviation(painted) / _deviation(frames)


def tint_drift(painted: Sequence[Pixels], unmoved: Seen) -> float:
    """Levels by which the mean colour of pixels that did not move wanders.

    The standard deviation over time of the mean over `unmoved` (H, W), the largest of the channels.
    """
    tints = np.stack([frame[unmoved].astype(np.float64).mean(axis=0) for frame in painted])
    return float(tints.std(axis=0).max())


def held_exactly(painted: Sequence[Pixels], unmoved: Seen) -> float:
    """Share of the frames that equal the one before, bit by bit, wherever nothing moved.

    Counted are pixels that are unmoved and further than `RECEPTIVE_FIELD_PX` from all that moved.
    """
    distance = cv2.distanceTransform(unmoved.astype(np.uint8), cv2.DIST_L2, 5)
    far = distance > RECEPTIVE_FIELD_PX if not unmoved.all() else unmoved
    same = [bool((now[far] == then[far]).all()) for now, then in pairwise(painted)]
    return float(np.mean(same))


def edge_lag_px(
    painted: Sequence[Pixels], unsmoothed: Sequence[Pixels], edge_px: NDArray[np.int64]
) -> float:
    """How far a vertical edge that moves trails behind the same painting without smoothing, px.

    Let p(x) be the mean luma at a distance x from where the edge is, over all rows and frames from
    the third on, of the unsmoothed painting, and q(x) that of the smoothed one. The edge moves by v
    px a frame, so that the last frame's painting, seen from where the edge is now, is p(x + v). The
    share s of it that fits best, q = (1 - s) p(x) + s p(x + v) + tint by least squares, is how much
    of its last step the painting has still to make: the lag is s v. For a moving average in which a
    share a of the last output stays it is a v; paint that reaches past the edge counts as well.
    """
    speed = int(edge_px[1] - edge_px[0])
    now, late = _edge_profile(unsmoothed, edge_px), _edge_profile(painted, edge_px)
    step = now[speed:] - now[:-speed]
    missing = (late - now)[:-speed]
    step -= step.mean()
    return speed * float((missing * step).sum() / np.square(step).sum())


def cut_error(painted: Sequence[Pixels], unsmoothed: Sequence[Pixels], cut: int) -> int:
    """Largest difference, in levels, of the first frame after a cut from the unsmoothed one."""
    return int(cv2.absdiff(painted[cut], unsmoothed[cut]).max())


def _deviation(frames: Sequence[Pixels]) -> float:
    values = np.stack(frames).astype(np.float32)
    return float(np.sqrt(values.var(axis=0).mean()))


def _edge_profile(frames: Sequence[Pixels], edge_px: NDArray[np.int64]) -> NDArray[np.float64]:
    profiles = []
    for frame, edge in list(zip(frames, edge_px, strict=True))[2:]:
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        window = luma[:, edge - EDGE_WINDOW_PX : edge + EDGE_WINDOW_PX]
        profiles.append(window.mean(axis=0, dtype=np.float64))
    return np.mean(profiles, axis=0)


def _motion_boundary(flow: Flow) -> Seen:
    """(H, W): where the flow changes faster, from a pixel to the next, than its length allows."""
    steps = np.zeros(flow.shape[:2], np.float32)
    steps[:, :-1] += np.square(np.diff(flow, axis=1)).sum(axis=-1)
    steps[:-1] += np.square(np.diff(flow, axis=0)).sum(axis=-1)
    return steps > 0.01 * np.square(flow).sum(axis=-1) + 0.002
