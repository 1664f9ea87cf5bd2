"""A change of the size at which frames are painted passes over slowly, so that nothing pops.

Another size means another brush: nearly every stroke changes. So the last picture of the old size
stays as an afterimage over the new ones: it moves along with what it shows, and fades.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .frame import Mask, Motion, Pixels, positions

PASSING_FRAMES = 24
"""So long an afterimage is seen: 0.8 s of a camera's 30 frames a second."""


@dataclass(frozen=True, eq=False)
class Afterimage:
    """The last picture of the old size, (H, W, 3), as far as it has moved and faded.

    `trust` (h, w) tells where its way is known, None everywhere; `num_left` frames show it still.
    """

    pixels: Pixels
    trust: Mask | None = None
    num_left: int = PASSING_FRAMES + 1

    @property
    def share(self) -> float | Mask:
        """What there is to be seen of it: one number, or a mask that covers the picture."""
        share = self.num_left / (PASSING_FRAMES + 1)
        return share if self.trust is None else np.multiply(self.trust, share, dtype=np.float32)

    def moved(self, motion: Motion | None) -> Afterimage | None:
        """The afterimage in the next frame; None once it has faded, or after a cut."""
        if motion is None or motion.is_cut or self.num_left <= 1:
            return None
        # Where the flow explains half of the picture it is good enough to follow for a while.
        known: Mask = np.minimum(2 * motion.reliable, 1)
        trust = known if self.trust is None else np.minimum(_warped(self.trust, motion), known)
        return Afterimage(_warped(self.pixels, motion), trust, self.num_left - 1)


def _warped(values: np.ndarray, motion: Motion) -> np.ndarray:
    """Values at any size, (H, W) or (H, W, 3), from where the flow points; the dtype stays."""
    if not motion.flow.any():
        return values
    height, width = values.shape[:2]
    scale = np.array([width / motion.flow.shape[1], height / motion.flow.shape[0]], np.float32)
    flow = cv2.resize(motion.flow * scale, (width, height), interpolation=cv2.INTER_LINEAR)
    at = cv2.add(positions(height, width), flow)
    return cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
