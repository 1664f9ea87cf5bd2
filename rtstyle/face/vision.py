"""Finds faces and people in one picture with MediaPipe; nothing here knows of time or frames.

MediaPipe is imported when a `MediaPipeVision` is made and not before.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from ..frame import Mask, Pixels

logger = logging.getLogger(__name__)

FaceRange = Literal["short", "full"]
"""`short`: faces within about two metres, as before a webcam. `full`: smaller ones too, slower."""

KEEP_SCORE = 0.4
"""Detections below this are not reported."""

MODEL_FOLDER = Path(__file__).parent / "models"

MODEL_SHA256 = {
    "face_detection_short_range.tflite": (
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
    ),
    "face_detection_full_range_sparse.tflite": (
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
    ),
    "selfie_segmentation_landscape.tflite": (
        "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd"
    ),
}

_DETECTORS: dict[FaceRange, tuple[str, int]] = {
    "short": ("face_detection_short_range.tflite", 128),
    "full": ("face_detection_full_range_sparse.tflite", 192),
}
_SEGMENTER = ("selfie_segmentation_landscape.tflite", (144, 256))
_ANALYSED_PX = 256


@dataclass(frozen=True, eq=False)
class Detection:
    """A face as the detector sees it, in pixels of the picture.

    `box` is (left, top, width, height), to whole pixels of the detector's small picture. Of
    `eyes` and `ears`, (2, 2) float64, the one on the left of the picture comes first, as (x, y);
    `mouth` (2,) is its centre.
    """

    box: tuple[float, float, float, float]
    score: float
    eyes: NDArray[np.float64]
    ears: NDArray[np.float64]
    mouth: NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """What to look for."""

    faces: bool = False
    person: bool = False

    def __bool__(self) -> bool:
        return self.faces or self.person


@dataclass(frozen=True, eq=False)
class Finding:
    """What was found in one picture; None where it was not looked for.

    `person` is a mask at the segmenter's own small size, stretched over the whole picture.
    """

    faces: tuple[Detection, ...] | None = None
    person: Mask | None = None


class Vision(Protocol):
    """Looks at pictures in the order of their `time_ms`, which must rise from call to call."""

    def look(self, pixels: Pixels, time_ms: int, wanted: Wanted) -> Finding: ...

    def close(self) -> None: ...


class MediaPipeVision:
    """Google's face detector and selfie segmenter, each loaded when first wanted.

    Raises:
        EngineError: MediaPipe or a library that it needs is missing, or a model file is damaged.
    """

    def __init__(self, face_range: FaceRange) -> None:
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise EngineError(
                "MediaPipe, which finds faces and people, cannot be imported",
                str(error).splitlines()[0],
                "run: pip install 'mediapipe>=0.10.31,<0.10.35', or use --region frame",
            ) from error
        self._mediapipe, self._vision, self._base_options = mediapipe, vision, BaseOptions
        self._face_range: FaceRange = face_range
        self._detector: Any = None
        self._segmenter: Any = None
        try:
            self._image(np.zeros((1, 1, 3), np.uint8))  # the first picture loads the library
        except OSError as error:
            raise EngineError(
                "MediaPipe, which finds faces and people, cannot be loaded",
                str(error),
                "run: rtstyle doctor, which says what is missing, or use --region frame",
            ) from error

    def look(self, pixels: Pixels, time_ms: int, wanted: Wanted) -> Finding:
        """Look for what is wanted in (H, W, 3) uint8 RGB."""
        # MediaPipe 0.10.33 misreads pictures whose width is no multiple of 4, so it gets small
        # copies of fixed sizes; averaged ones, which also keeps sensor noise out of the landmarks.
        small = _fit(pixels, _ANALYSED_PX)
        faces = self._find_faces(small, pixels.shape[:2], time_ms) if wanted.faces else None
        person = self._find_person(small, time_ms) if wanted.person else None
        return Finding(faces, person)

    def close(self) -> None:
        """Free the models; MediaPipe prints a traceback at exit where this is left to it."""
        for task in (self._detector, self._segmenter):
            if task is not None:
                task.close()
        self._detector = self._segmenter = None

    def _find_faces(
        self, small: Pixels, frame_hw: tuple[int, int], time_ms: int
    ) -> tuple[Detection, ...]:
        name, side = _DETECTORS[self._face_range]
        if self._detector is None:
            options = self._vision.FaceDetectorOptions(
                base_options=self._base_options(model_asset_buffer=load_model(name)),
                running_mode=self._vision.RunningMode.VIDEO,
                min_detection_confidence=KEEP_SCORE,
            )
            with _without_native_chatter():
                self._detector = self._vision.FaceDetector.create_from_options(options)
                self._detector.detect_for_video(self._image(np.zeros((side, side, 3), np.uint8)), 0)
        fitted = _fit(small, side)
        square = np.zeros((side, side, 3), np.uint8)
        square[: fitted.shape[0], : fitted.shape[1]] = fitted
        found = self._detector.detect_for_video(self._image(square), time_ms).detections
        scale = np.array([frame_hw[1] / fitted.shape[1], frame_hw[0] / fitted.shape[0]])
        return tuple(_detection(one, side, scale) for one in found)

    def _find_person(self, small: Pixels, time_ms: int) -> Mask:
        name, (height, width) = _SEGMENTER
        if self._segmenter is None:
            options = self._vision.ImageSegmenterOptions(
                base_options=self._base_options(model_asset_buffer=load_model(name)),
                running_mode=self._vision.RunningMode.VIDEO,
            )
            with _without_native_chatter():
                self._segmenter = self._vision.ImageSegmenter.create_from_options(options)
                blank = np.zeros((height, width, 3), np.uint8)
                self._segmenter.segment_for_video(self._image(blank), 0)
        stretched = cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA)
        result = self._segmenter.segment_for_video(self._image(stretched), time_ms)
        mask = result.confidence_masks[-1].numpy_view()
        return np.array(mask, np.float32).reshape(height, width)

    def _image(self, pixels: NDArray[Any]) -> Any:
        return self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=pixels)


def load_model(name: str, folder: Path = MODEL_FOLDER) -> bytes:
    """A model file that is bit for bit the one Google published.

    Raises:
        EngineError: it is missing or damaged.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineError(
            f"the model {path} cannot be read", str(error), "install rtstyle again"
        ) from error
    if hashlib.sha256(content).hexdigest() != MODEL_SHA256[name]:
        raise EngineError(
            f"the model {path} is damaged",
            "its contents are not those that rtstyle was made with",
            "install rtstyle again",
        )
    return content


def _fit(pixels: NDArray[Any], long_side_px: int) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    scale = long_side_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _detection(found: Any, side: int, scale: NDArray[np.float64]) -> Detection:
    """MediaPipe's answer about a small square picture, in pixels of the frame."""
    box = found.bounding_box
    x, y = float(scale[0]), float(scale[1])
    points = np.array([(point.x, point.y) for point in found.keypoints]) * side * scale
    return Detection(
        box=(box.origin_x * x, box.origin_y * y, box.width * x, box.height * y),
        score=float(found.categories[0].score),
        eyes=points[:2][np.argsort(points[:2, 0], kind="stable")],
        ears=points[4:6][np.argsort(points[4:6, 0], kind="stable")],
        mouth=points[3],
    )


@contextmanager
def _without_native_chatter() -> Iterator[None]:
    """Keep what MediaPipe's C++ code prints about its own start off the user's terminal.

    No setting of 0.10.33 silences it; file descriptor 2 leads nowhere for some milliseconds.
    """
    if logger.isEnabledFor(logging.DEBUG):
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all, as in a windowed program
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
