"""Moves what was seen in an earlier frame to where it is now, along the measured motion."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Frame, Mask, positions

Box = tuple[float, float, float, float]

_KEPT_FRAMES = 12
"""As many frames as pass in 300 ms, and some more."""


class Drift:
    """The flow of the last few frames, in the shape that faces and masks need."""

    def __init__(self) -> None:
        self._flows: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=_KEPT_FRAMES)
        self._frame_hw = (1, 1)

    def observe(self, frame: Frame) -> None:
        """Remember how the frame before moved into this one; a frame without motion stands."""
        flow = None if frame.motion is None else frame.motion.flow
        self._frame_hw = frame.height, frame.width
        if flow is not None:
            self._flows.append((frame.index, flow))

    def reset(self) -> None:
        self._flows.clear()

    def of_box(self, box: Box, since_index: int) -> tuple[float, float]:
        """How far (x, y) in pixels what filled `box` in frame `since_index` has moved."""
        x, y = 0.0, 0.0
        for index, flow in self._flows:
            if index > since_index:
                dx, dy = self._step((box[0] + x, box[1] + y, box[2], box[3]), flow)
                x, y = x + dx, y + dy
        return x, y

    def of_mask(self, mask: Mask, since_index: int) -> Mask:
        """A mask of frame `since_index`, at any size, as it lies over the newest frame."""
        for index, flow in self._flows:
            if index > since_index:
                mask = _warp(mask, flow)
        return mask

    def _step(self, box: Box, flow: NDArray[np.float32]) -> tuple[float, float]:
        height, width = flow.shape[:2]
        scale_x, scale_y = width / self._frame_hw[1], height / self._frame_hw[0]
        left, top, box_width, box_height = box
        # The middle of the box is face whatever its outline; the median forgets the rest.
        columns = _span((left + box_width / 4) * scale_x, box_width / 2 * scale_x, width)
        rows = _span((top + box_height / 4) * scale_y, box_height / 2 * scale_y, height)
        inside = flow[rows, columns].reshape(-1, 2)
        if inside.size == 0:
            return 0.0, 0.0
        x, y = np.median(inside, axis=0)
        return -float(x) / scale_x, -float(y) / scale_y


def _span(start: float, length: float, limit: int) -> slice:
    first = max(0, int(start))
    return slice(first, max(first, min(limit, int(np.ceil(start + length)))))


def _warp(mask: Mask, flow: NDArray[np.float32]) -> Mask:
    height, width = mask.shape
    if flow.shape[:2] != mask.shape:
        scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        flow = np.asarray(cv2.resize(flow, (width, height)), np.float32) * scale
    at = positions(height, width) + flow
    return cv2.remap(mask, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]
