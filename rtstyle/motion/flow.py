"""Flow between two small pictures, and how far it is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import NEIGHBOURS, Each, Mask, Pixels, positions

MIN_SIDE_PX, MIN_LONG_SIDE_PX = 10, 12
"""Below these no flow is looked for: DIS matches patches of 8 px, and refuses smaller pictures."""

ASTRAY_PX = 1.0
"""So far a way there and back may miss its start, on the small picture."""

AREA, BESIDE = np.ones((7, 7), np.uint8), np.ones((11, 11), np.uint8)
"""Beside areas that return, up to 16 px at 720p, flow counts for half: at moving edges it is often
astray but does explain the picture, and flicker is seen sooner than strokes from a little beside.
Single places that return say nothing, since those where something was hidden do so by chance."""

AVERAGED_PX, AVERAGED_SIGMA_PX = (5, 5), 0.9
"""How far the picture is off is averaged over so many pixels of the small picture."""

TORN_PX = 4.0
"""Flow that differs so much between neighbours is not to be followed there: what lies between its
two ends would be drawn together to a line."""

RESIDUAL_TAU = 6.0
"""Levels of 255 by which the warped last frame may miss before the warp counts for little."""

RELIABLE_AT_MISS = np.exp(-np.square(np.arange(256) / RESIDUAL_TAU)).astype(np.float32)
RELIABLE_AT_MISS[RELIABLE_AT_MISS < 1e-3] = 0
"""How much the flow is worth by how far the picture that it explains is off.

Without values so small that a processor takes a hundred times as long for them."""


@dataclass(frozen=True)
class Look:
    """How DIS (Kroeger et al. 2016) looks for flow.

    The picture is made smaller by `shrink`; patches are `stride_px` apart, each with so many steps
    of descent. On every scale so many fixed-point `refinements` follow (Brox et al. 2004).
    """

    shrink: int
    stride_px: int
    descents: int
    refinements: int = 0


QUICK = Look(shrink=2, stride_px=4, descents=8)
"""Half of the steps of the preset "fast": hardly less exact."""

CLOSE = Look(shrink=1, stride_px=3, descents=12, refinements=2)
"""Takes ten times as long, for motion that the quick look loses."""

REFINEMENTS = 5
"""Of the flow once it has been checked: an eighth to a quarter less error."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Flow (h, w, 2) from a picture to the last one, and how far it explains the picture.

    `reliable` (h, w) is exp(-(miss / tau)^2) where the flow there and back agree, half of it just
    beside, 0 further off and where the flow tears. `residual` is the mean difference in levels, and
    `lost` the share of the picture where the flow is not to be followed.
    """

    vectors: NDArray[np.float32]
    reliable: Mask
    residual: float
    lost: float


def find_flow(small: Pixels, last: Pixels, look: Look = QUICK, each: Each = map) -> Flow:
    """Flow from a picture (h, w, 3) to the last one; `each` may call in several threads."""
    luma, last_luma = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (small, last))
    height, width = luma.shape
    smaller = height // look.shrink, width // look.shrink
    here, there = (_resized(picture, *smaller) for picture in (luma, last_luma))
    pairs = (here, there), (there, here)
    back, forth = each(lambda pair: _dis(pair[0], pair[1], look), pairs)
    returns = _resized(_returns(back, forth, ASTRAY_PX / look.shrink), height, width)
    back = look.shrink * _refined(back, here, there)
    back = _resized(back, height, width)
    return _explaining(luma, last_luma, back, returns)


def _explaining(
    luma: cv2.typing.MatLike,
    last_luma: cv2.typing.MatLike,
    back: cv2.typing.MatLike,
    returns: cv2.typing.MatLike,
) -> Flow:
    """The flow, and no flow where that explains the picture better."""
    at = cv2.add(positions(*luma.shape), back)
    moved = cv2.remap(last_luma, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    # Averaged narrowly: beside what moves, the ground would be taken along with it.
    apart, unmoved_apart = (
        cv2.GaussianBlur(cv2.absdiff(luma, each), AVERAGED_PX, AVERAGED_SIGMA_PX)
        for each in (moved, last_luma)
    )
    unmoved = cv2.compare(cv2.add(unmoved_apart, 2), apart, cv2.CMP_LT)  # type: ignore[call-overload]
    back = cv2.copyTo(np.zeros_like(back), unmoved, back)
    known = cv2.bitwise_and(cv2.bitwise_or(returns, unmoved), _whole(back))
    miss = _miss(luma, cv2.copyTo(last_luma, unmoved, moved))
    reliable = cv2.multiply(cv2.LUT(miss, RELIABLE_AT_MISS), known, scale=1 / 255, dtype=cv2.CV_32F)
    difference = float(cv2.min(apart, unmoved_apart).mean())
    lost = 1 - cv2.countNonZero(known) / luma.size
    return Flow(np.asarray(back, np.float32), np.asarray(reliable, np.float32), difference, lost)


def _whole(flow: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """255 where the flow (h, w, 2) is much the same as around it, 0 where it tears."""
    spread = cv2.subtract(cv2.dilate(flow, NEIGHBOURS), cv2.erode(flow, NEIGHBOURS))
    return cv2.inRange(spread, (0, 0), (TORN_PX, TORN_PX))  # type: ignore[call-overload]


def _miss(luma: cv2.typing.MatLike, explained: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Levels by which the luma lies outside what the explanation shows within a pixel, averaged.

    Flow is off by parts of a pixel, which in a fine pattern is many levels and means nothing (as
    in the clamping of "temporal anti-aliasing", Karis 2014).
    """
    over = cv2.subtract(luma, cv2.dilate(explained, NEIGHBOURS))
    under = cv2.subtract(cv2.erode(explained, NEIGHBOURS), luma)
    return cv2.blur(cv2.max(over, under), AVERAGED_PX)


def _returns(back: NDArray, forth: NDArray, astray_px: float) -> cv2.typing.MatLike:
    """255 where the flow there and back agree, 128 just beside areas of it, else 0.

    The test of Lai et al. 2018, "Learning Blind Video Temporal Consistency", after Sundaram et al.
    2010; its constant of 0.5 is for exacter flow. What may be a little astray is smoothed rather
    than not: the colours of both paintings have to agree as well (`temporal`).
    """
    at = cv2.add(positions(*back.shape[:2]), back)
    # Outside the picture nothing returns: the far value fails the test below.
    returned = cv2.remap(forth, at, None, cv2.INTER_LINEAR, borderValue=(1e3, 1e3))  # type: ignore[call-overload]
    apart = _squared_length(cv2.add(back, returned))
    lengths = cv2.add(_squared_length(back), _squared_length(returned))
    agree = cv2.compare(apart, cv2.addWeighted(lengths, 0.01, lengths, 0, astray_px**2), cv2.CMP_LE)
    near = cv2.dilate(cv2.erode(agree, AREA), BESIDE)
    return cv2.max(agree, cv2.convertScaleAbs(near, alpha=0.5))


def _dis(luma: cv2.typing.MatLike, other: cv2.typing.MatLike, look: Look) -> NDArray:
    flow = np.zeros((*luma.shape, 2), np.float32)
    if _is_tiny(luma):
        return flow
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(0)
    dis.setPatchStride(look.stride_px)
    dis.setVariationalRefinementIterations(look.refinements)
    dis.setGradientDescentIterations(look.descents)
    return dis.calc(luma, other, flow)


def _refined(flow: NDArray, luma: cv2.typing.MatLike, other: cv2.typing.MatLike) -> NDArray:
    """The flow (h, w, 2) after some steps towards a smooth one that explains the picture better.

    For flow that has been checked on the way back already: where something was hidden, refined flow
    passes that check.
    """
    if _is_tiny(luma):
        return flow
    refinement = cv2.VariationalRefinement.create()
    refinement.setFixedPointIterations(REFINEMENTS)
    return refinement.calc(luma, other, flow)


def _is_tiny(luma: cv2.typing.MatLike) -> bool:
    return min(luma.shape) < MIN_SIDE_PX or max(luma.shape) < MIN_LONG_SIDE_PX


def _resized(values: cv2.typing.MatLike, height: int, width: int) -> cv2.typing.MatLike:
    """Averaged on the way down to half, interpolated on the way up."""
    smaller = height < values.shape[0]
    mode = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(values, (width, height), interpolation=mode)


def _squared_length(vectors: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """(h, w, 2) float32 -> (h, w)."""
    return cv2.transform(cv2.multiply(vectors, vectors), np.ones((1, 2), np.float32))
