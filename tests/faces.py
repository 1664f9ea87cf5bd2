"""Faces made for tests: detections, frames with motion, a vision that sees what it is told."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from rtstyle.face.vision import Detection, Finding, Wanted
from rtstyle.frame import Frame, Mask, Motion, Pixels

RATE = 30


def detection(
    x: float, y: float, size: float = 100, angle: float = 0.0, score: float = 0.9
) -> Detection:
    """A frontal face around (x, y), `size` wide, turned by `angle` radians in the picture."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    drawn = np.array([[-0.2, -0.15], [0.2, -0.15], [-0.45, -0.1], [0.45, -0.1], [0.0, 0.25]])
    points = drawn * size @ turn.T + (x, y)
    box = (x - size / 2, y - size / 2, size, size)
    return Detection(box, score, eyes=points[:2], ears=points[2:4], mouth=points[4])


def flow_motion(dx: float, dy: float, *, is_cut: bool = False) -> Motion:
    """The whole picture moved by (dx, dy) pixels of a flow picture of 18 x 32."""
    flow = np.full((18, 32, 2), (-dx, -dy), np.float32)
    reliable = np.ones((18, 32), np.float32)
    none = np.zeros((2, 3), np.bool_)
    return Motion(flow, reliable, none, none, is_cut)


def frame(
    index: int, pixels: Pixels | None = None, motion: Motion | None = None, rate: int = RATE
) -> Frame:
    if pixels is None:
        pixels = np.zeros((180, 320, 3), np.uint8)
    return Frame(pixels, index, index, Fraction(1, rate), motion=motion)


class ToldVision:
    """Sees the same in every picture, and keeps the times at which it was asked."""

    def __init__(self, faces: tuple[Detection, ...] = (), person: Mask | None = None) -> None:
        self.faces, self.person = faces, person
        self.times_ms: list[int] = []
        self.closed = False

    def look(self, pixels: Pixels, time_ms: int, wanted: Wanted) -> Finding:
        self.times_ms.append(time_ms)
        return Finding(self.faces if wanted.faces else None, self.person if wanted.person else None)

    def close(self) -> None:
        self.closed = True
