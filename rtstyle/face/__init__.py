"""Faces and people: found, held steady, painted on their own, and marked as regions.

The flow of data: `vision` (MediaPipe, one picture) → `finder` (which frames, on which thread) →
`drift` (to where it is now) → `steady` and `person` (over time) → the frame → `align`, `patch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import cv2
import numpy as np

from ..controls import Controls
from ..errors import UsageError
from ..frame import Frame, Mask
from .drift import Drift
from .finder import Finder, Sighting
from .patch import face_mask as face_mask
from .patch import needs_whole as needs_whole
from .patch import paint_faces as paint_faces
from .person import PersonMask
from .steady import Steady
from .vision import Detection, FaceRange, MediaPipeVision, Vision, Wanted

CORE = 0.8
"""A face's oval is this much smaller where it counts against the segmenter, which overlooks parts
of close-ups; beyond, up to the whole oval, the segmenter decides."""


@dataclass(frozen=True)
class FaceOptions:
    """Fixed for a stream: the detector's range, and whether frames may be skipped to keep up."""

    face_range: FaceRange = "full"
    live: bool = False

    def __post_init__(self) -> None:
        if self.face_range not in get_args(FaceRange):
            raise UsageError(f"--face-range must be short or full, got '{self.face_range}'")


def wanted_by(controls: Controls) -> Wanted:
    """What must be found for these controls; nothing, most of the time."""
    if controls.strength == 0 or controls.compare == "before":
        return Wanted()
    by_region = controls.region != "frame"
    on_faces = controls.face_detail or controls.face_strength < 1
    return Wanted(faces=by_region or on_faces, person=by_region)


def paints_faces(controls: Controls) -> bool:
    """Whether faces are painted on crops of their own."""
    return controls.region == "face" or (controls.face_detail and controls.region != "background")


class People:
    """The faces and people of one stream. Nothing is loaded until controls ask for it."""

    def __init__(
        self,
        options: FaceOptions = FaceOptions(),
        open_vision: Callable[[], Vision] | None = None,
    ) -> None:
        open_vision = open_vision or partial(MediaPipeVision, options.face_range)
        self._finder = Finder(open_vision, live=options.live)
        self._drift, self._steady, self._person = Drift(), Steady(), PersonMask()
        self._wanted = Wanted()
        self._seen: dict[str, bool] = {}

    def find(self, frame: Frame, controls: Controls) -> Frame:
        """The frame with its `faces`, `face_mask` and `person`, as far as `controls` need them.

        Raises:
            EngineError: in files, MediaPipe or a model cannot be loaded.
        """
        wanted = wanted_by(controls)
        if wanted != self._wanted or (frame.motion is not None and frame.motion.is_cut):
            self.reset()
            self._wanted = wanted
        if not wanted:
            return frame
        self._drift.observe(frame)
        for state in (self._steady, self._person):
            state.carry(self._drift, frame.index - 1)
        sighting = self._finder.find(frame, wanted)
        if sighting is not None:
            self._take(sighting)
        faces = self._steady.faces(frame.pts_seconds, controls.max_faces)
        mask, person = face_mask(faces, frame.height, frame.width), None
        if wanted.person:
            surely = face_mask(faces, frame.height, frame.width, CORE)
            person = self._person.refined(frame.pixels, surely)
            mask = mask if person is None else _within(mask, person, surely)
        by_person = controls.region in ("person", "background")
        self._note(*("person", person) if by_person else ("face", mask))
        return replace(frame, faces=faces, face_mask=mask, person=person)

    def reset(self) -> None:
        """A new scene, source or size: forget who was there."""
        for state in (self._finder, self._drift, self._steady, self._person):
            state.reset()

    def close(self) -> None:
        """End the thread and free the models; using the object again loads them again."""
        self._finder.close()
        self.reset()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user should hear at the end of a stream, one line each."""
        missing = {"face": "no face", "person": "nobody"}
        return tuple(f"{missing[what]} was found" for what, seen in self._seen.items() if not seen)

    def _take(self, sighting: Sighting) -> None:
        """Move what was found in an earlier frame to this one, then take it in."""
        faces, person = sighting.finding.faces, sighting.finding.person
        if faces is not None:
            moved = tuple(self._moved(face, sighting.index) for face in faces)
            self._steady.see(moved, sighting.pts_seconds)
        if person is not None:
            self._person.see(self._drift.of_mask(person, sighting.index))

    def _note(self, what: str, mask: Mask | None) -> None:
        found = mask is not None and bool(mask.max() > 0.5)
        self._seen[what] = self._seen.get(what, False) or found

    def _moved(self, face: Detection, since_index: int) -> Detection:
        offset = np.array(self._drift.of_box(face.box, since_index))
        if not offset.any():
            return face
        left, top, width, height = face.box
        return replace(
            face,
            box=(left + offset[0], top + offset[1], width, height),
            eyes=face.eyes + offset,
            ears=face.ears + offset,
            mouth=face.mouth + offset,
        )


def _within(faces: Mask, person: Mask, surely: Mask) -> Mask:
    """The ovals, cut along the outline of the person; at the size of `person`."""
    size = person.shape[1], person.shape[0]
    ovals = cv2.resize(faces, size, interpolation=cv2.INTER_LINEAR)
    cores = cv2.resize(surely, size, interpolation=cv2.INTER_LINEAR)
    return np.maximum(cores, np.minimum(ovals, person))
