"""Where a face's square crop lies: from landmarks to a pose, from a pose to a transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .vision import Detection

Pose = NDArray[np.float64]
"""(x, y, log side, angle): centre of the crop in pixels, log of its side in pixels, radians."""

CROP_PX = 384
"""Side of the crop that is painted; one size for all faces, so that one engine serves them."""


def pose_of(detection: Detection) -> Pose:
    """The eye-aligned square around a whole head.

    Size and height are those of MediaPipe's face stylizer (face_to_rect_calculator.cc). Sideways
    the middle is halfway between those of the eyes and of the ears: of a turned head, neither is.
    The angle joins the eyes' axis with the normal of the eye-mouth axis, so that it holds in
    profile, where the eyes nearly meet (Karras et al., "Progressive growing of GANs", 2018).
    """
    between_eyes = detection.eyes[1] - detection.eyes[0]
    eye_middle = detection.eyes.mean(axis=0)
    to_mouth = detection.mouth - eye_middle
    side = max(4.0 * np.hypot(*between_eyes), 3.6 * np.hypot(*to_mouth), 1.0)
    right = between_eyes + np.array([to_mouth[1], -to_mouth[0]])
    right /= max(np.hypot(*right), 1e-6)
    centre = eye_middle + 0.1 * to_mouth
    centre = centre + right * ((detection.ears.mean(axis=0) - centre) @ right) / 2
    return np.array([*centre, np.log(side), np.arctan2(right[1], right[0])])


def side_px(pose: Pose) -> float:
    """Side of the crop in pixels of the frame."""
    return float(np.exp(pose[2]))


def crop_to_frame(pose: Pose, crop_px: int = CROP_PX) -> NDArray[np.float64]:
    """The (2, 3) similarity that maps pixels of the crop to pixels of the frame."""
    scale = side_px(pose) / crop_px
    cos, sin = scale * np.cos(pose[3]), scale * np.sin(pose[3])
    turn = np.array([[cos, -sin], [sin, cos]])
    middle = np.full(2, (crop_px - 1) / 2)
    return np.column_stack([turn, pose[:2] - turn @ middle])
