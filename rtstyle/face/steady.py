"""Turns detections that shake, come and go into faces that stand still, fade in and fade out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..frame import Face
from .align import CROP_PX, Pose, crop_to_frame, pose_of
from .drift import Box, Drift
from .vision import Detection

BEGIN_SCORE = 0.7
"""A face must score this much to be taken up; `vision.KEEP_SCORE` is enough to keep it. Pipes and
shelves score up to 0.7 with the full-range model, faces 0.8 or 0.9 in most frames."""
SAME_FACE_IOU = 0.3
HOLD_SECONDS = 0.3
"""A face is used for so long after it was last seen."""
LONGEST_HOLD_SECONDS = 1.0
"""The same where nobody has looked again: on a slow machine faces would blink."""
FADE_SECONDS = 0.2
NEWCOMER_FACTOR = 1.2
"""How much larger a face must be to take the place of one that is shown."""


@dataclass(frozen=True)
class Smoothing:
    """One-euro settings: cut-off at rest, its growth with speed (sides per second), in Hz."""

    rest_hz: float = 0.6
    per_speed: float = 6.0
    speed_hz: float = 1.0


class OneEuro:
    """Low-pass filter of a pose whose cut-off rises with speed (Casiez et al., CHI 2012).

    Speeds are measured in sides of the crop, so that near and far faces are treated alike.
    """

    def __init__(self, first: Pose, time_seconds: float, smoothing: Smoothing) -> None:
        self.pose = first
        self._speed = np.zeros_like(first)
        self._time_seconds = time_seconds
        self._smoothing = smoothing

    def move(self, x: float, y: float) -> None:
        """Shift by what is known to have moved; only what remains is filtered."""
        self.pose = self.pose + np.array([x, y, 0.0, 0.0])

    def step(self, measured: Pose, time_seconds: float) -> Pose:
        """The filtered pose after one more measurement."""
        elapsed = time_seconds - self._time_seconds
        if elapsed <= 0:
            return self.pose
        self._time_seconds = time_seconds
        change = measured - self.pose
        change[3] = (change[3] + np.pi) % (2 * np.pi) - np.pi
        side = np.exp(measured[2])
        relative = change / np.array([side, side, 1.0, 1.0])
        share = _share(self._smoothing.speed_hz, elapsed)
        self._speed = self._speed + share * (relative / elapsed - self._speed)
        cutoff_hz = self._smoothing.rest_hz + self._smoothing.per_speed * np.abs(self._speed)
        self.pose = self.pose + _share(cutoff_hz, elapsed) * change
        return self.pose


@dataclass(eq=False)
class _Track:
    measured: Pose
    box: Box
    filter: OneEuro
    seen_at_seconds: float
    at_once: bool
    missed: bool = False
    alpha: float = 0.0
    chosen: bool = False

    def is_held(self, time_seconds: float) -> bool:
        age_seconds = time_seconds - self.seen_at_seconds
        return age_seconds <= (HOLD_SECONDS if self.missed else LONGEST_HOLD_SECONDS)

    def move(self, x: float, y: float) -> None:
        self.measured = self.measured + np.array([x, y, 0.0, 0.0])
        self.box = (self.box[0] + x, self.box[1] + y, self.box[2], self.box[3])
        self.filter.move(x, y)


class Steady:
    """All faces of a stream; every call belongs to one frame, in order."""

    def __init__(self, smoothing: Smoothing | None = None) -> None:
        self._smoothing = smoothing or Smoothing()
        self.reset()

    def reset(self) -> None:
        """Forget every face; the next ones are there at once, without fading in."""
        self._tracks: list[_Track] = []
        self._time_seconds: float | None = None
        self._fresh = True

    def carry(self, drift: Drift, previous_index: int) -> None:
        """Move every face with the picture, from the frame before to this one."""
        for track in self._tracks:
            track.move(*drift.of_box(track.box, previous_index))

    def see(self, detections: tuple[Detection, ...], seen_at_seconds: float) -> None:
        """Take in what was found, with boxes and landmarks as they lie in this frame."""
        left = set(range(len(detections)))
        pairs = sorted(
            (
                (_iou(track.box, found.box), number, track)
                for track in self._tracks
                for number, found in enumerate(detections)
            ),
            key=lambda pair: -pair[0],
        )
        for track in self._tracks:
            track.missed = True
        for overlap, number, track in pairs:
            if overlap >= SAME_FACE_IOU and number in left and track.missed:
                left.remove(number)
                track.missed = False
                track.measured, track.box = pose_of(detections[number]), detections[number].box
                track.seen_at_seconds = seen_at_seconds
        for number in sorted(left):
            if detections[number].score >= BEGIN_SCORE:
                self._begin(detections[number], seen_at_seconds)
        self._fresh = False

    def faces(self, time_seconds: float, max_faces: int) -> tuple[Face, ...]:
        """The steadied faces at this moment, the largest first, at most `max_faces` and those
        that are fading out."""
        elapsed = 0.0 if self._time_seconds is None else max(0.0, time_seconds - self._time_seconds)
        self._time_seconds = time_seconds
        self._choose(time_seconds, max_faces)
        faces = []
        for track in self._tracks:
            pose = track.filter.step(track.measured, time_seconds)
            step = 1.0 if track.at_once else elapsed / FADE_SECONDS
            track.at_once = False
            track.alpha = min(1.0, max(0.0, track.alpha + (step if track.chosen else -step)))
            if track.alpha > 0:
                faces.append(Face(track.box, crop_to_frame(pose), CROP_PX, track.alpha))
        self._tracks = [
            track for track in self._tracks if track.alpha > 0 or track.is_held(time_seconds)
        ]
        return tuple(faces)

    def _begin(self, found: Detection, seen_at_seconds: float) -> None:
        pose = pose_of(found)
        filter = OneEuro(pose, seen_at_seconds, self._smoothing)
        self._tracks.append(_Track(pose, found.box, filter, seen_at_seconds, self._fresh))

    def _choose(self, time_seconds: float, max_faces: int) -> None:
        def rank(track: _Track) -> float:
            return track.measured[2] + (np.log(NEWCOMER_FACTOR) if track.chosen else 0.0)

        self._tracks.sort(key=rank, reverse=True)
        present = 0
        for track in self._tracks:
            held = track.is_held(time_seconds)
            track.chosen = held and present < max_faces
            present += held


def _share(cutoff_hz: float | Pose, elapsed_seconds: float) -> float | Pose:
    """Share of the new value in a first-order low-pass filter."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff_hz * elapsed_seconds))


def _iou(one: Box, other: Box) -> float:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right = min(one[0] + one[2], other[0] + other[2])
    bottom = min(one[1] + one[3], other[1] + other[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    total = one[2] * one[3] + other[2] * other[3] - shared
    return shared / total if total > 0 else 0.0
