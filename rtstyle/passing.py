"""A change of the size at which frames are painted passes over slowly, so that nothing pops.

Another size means another brush: nearly every stroke changes. So the last picture of the old size
stays as an afterimage over the new ones: it moves along with what it shows, and fades.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .frame import Mask, Motion, Pixels, positions
from .temporal.warp import Way

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
        pixels, trust = self.pixels, known
        if motion.flow.any():
            pixels = Way(motion.flow, *pixels.shape[:2]).moved(pixels)
        if self.trust is not None:
            trust = np.minimum(_moved(self.trust, motion), known)
        return Afterimage(pixels, trust, self.num_left - 1)


def _moved(trust: Mask, motion: Motion) -> Mask:
    """Weights (h, w) of the small picture from where the flow points."""
    at = cv2.add(positions(*trust.shape), motion.flow)
    return cv2.remap(trust, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
