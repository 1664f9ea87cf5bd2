"""The mask of the people in the picture: carried along the motion, steadied, fitted to edges."""

from __future__ import annotations

import cv2
import numpy as np

from ..frame import Mask, Pixels
from .drift import Drift

_NEW_SHARE = 0.6
"""Share of a new mask in what is kept; the rest is the old one, moved along. Less flickers less,
and lags behind where the motion is not known."""
_REFINED_HEIGHT_PX = 360
_RADIUS_PX = 6
_EDGE = 12.0
"""Steps of luma (0 to 255) above this are edges that the mask keeps to."""


class PersonMask:
    """The people of one stream; every call belongs to one frame, in order."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._mask: Mask | None = None

    def carry(self, drift: Drift, previous_index: int) -> None:
        """Move the mask with the picture, from the frame before to this one."""
        if self._mask is not None:
            self._mask = drift.of_mask(self._mask, previous_index)

    def see(self, mask: Mask) -> None:
        """Take in a segmenter's mask, at its own size, as it lies over this frame."""
        if self._mask is not None:
            mask = cv2.addWeighted(mask, _NEW_SHARE, self._mask, 1 - _NEW_SHARE, 0)  # type: ignore[assignment]
        self._mask = mask

    def refined(self, pixels: Pixels, faces: Mask) -> Mask | None:
        """The mask, its border drawn to the edges of `pixels`; None before the first was seen.

        `faces` are part of it even where the segmenter misses them, as it does in close-ups. The
        result is at most 360 pixels high (see `Frame.person`). Method: the guided filter of He, Sun
        and Tang (2010; its fast variant of 2015), with this frame's own luma as the guide.
        """
        if self._mask is None:
            return None
        rows, columns = self._mask.shape
        known = np.maximum(self._mask, cv2.resize(faces, (columns, rows)))
        height, width = pixels.shape[:2]
        scale = min(1.0, _REFINED_HEIGHT_PX / height)
        size = max(2, round(width * scale)), max(2, round(height * scale))  # it is halved
        guide = cv2.cvtColor(
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
        )
        coarse = cv2.resize(known, size, interpolation=cv2.INTER_LINEAR)
        refined = cv2.ximgproc.guidedFilter(guide, coarse, _RADIUS_PX, _EDGE**2, scale=0.5)
        return np.clip(refined, 0.0, 1.0, dtype=np.float32)
