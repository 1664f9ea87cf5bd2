"""Face crops from pictures and clips, aligned as the runtime aligns what it paints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rtstyle.capture import open_source
from rtstyle.capture.images import read_image
from rtstyle.errors import SourceError
from rtstyle.face.align import CROP_PX, crop_to_frame, pose_of, side_px
from rtstyle.face.patch import cut
from rtstyle.face.steady import BEGIN_SCORE
from rtstyle.face.vision import MediaPipeVision, Vision, Wanted
from rtstyle.frame import Face, Pixels

from ..data import IMAGE_SUFFIXES, list_pictures
from ..errors import TrainError

BETWEEN_LOOKS_MS = 1000
"""Pictures have nothing to do with each other: far enough apart for MediaPipe's clock."""


@dataclass(frozen=True)
class CropOptions:
    """How faces are cut out.

    `size_px` is the crop's side. Faces whose crop covers less than `min_side_px` of the picture are
    passed over. Of a clip every `clip_step`-th frame is looked at, `max_per_clip` at most.
    Without `align`, the middle square of each picture is taken: drawn faces are drawn in place, and
    the detector does not know most of them.
    """

    size_px: int = 128
    align: bool = True
    min_side_px: int = 80
    clip_step: int = 12
    max_per_clip: int = 24


@dataclass
class Faces:
    """Crops (3, size_px, size_px) uint8, where each came from, and what was passed over, why."""

    crops: list[Tensor] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.crops)

    def stack(self) -> Tensor:
        """(N, 3, size_px, size_px) uint8."""
        return torch.stack(self.crops)


def read_faces(
    places: Sequence[Path],
    options: CropOptions,
    *,
    min_faces: int,
    exclude: Sequence[str] = (),
    vision: Vision | None = None,
) -> Faces:
    """Faces of all pictures and clips in `places`, which are folders or files.

    Args:
        places: folders of pictures, pictures, clips.
        options: how crops are cut.
        min_faces: fewer are an error.
        exclude: patterns of file names that are kept for testing.
        vision: finds the faces; None loads the runtime's.

    Raises:
        TrainError: a place is missing, or there are too few faces.
    """
    faces = Faces()
    # Of faces that fill a picture, the full-range model overlooks a quarter (44 of 60; this: 60).
    finder = vision or (MediaPipeVision("short") if options.align else None)
    clock = 0
    try:
        for path in _files(places, exclude):
            try:
                pictures = list(_pictures(path, options))
            except SourceError as error:
                faces.skipped.append(f"{path}: {error.what}")
                continue
            count = len(faces)
            for name, pixels in pictures:
                clock += BETWEEN_LOOKS_MS
                crop = _crop(pixels, options, finder, clock)
                if crop is not None:
                    faces.crops.append(torch.from_numpy(crop).permute(2, 0, 1).contiguous())
                    faces.origins.append(name)
            if len(faces) == count:
                faces.skipped.append(f"{path}: no face of {options.min_side_px} px")
    finally:
        if finder is not None and vision is None:
            finder.close()
    if len(faces) < min_faces:
        where = ", ".join(str(place) for place in places)
        raise TrainError(
            f"only {len(faces)} faces in {where}",
            f"at least {min_faces} are needed; {len(faces.skipped)} files were passed over",
        )
    return faces


def _files(places: Sequence[Path], exclude: Sequence[str]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from list_pictures([place], exclude)
        elif not place.exists():
            raise TrainError(f"no such picture, clip or folder of faces: {place}")
        elif not any(fnmatch(place.name, pattern) for pattern in exclude):
            yield place


def _pictures(path: Path, options: CropOptions) -> Iterator[tuple[str, Pixels]]:
    """Name and pixels of a picture, or of the frames of a clip that are looked at."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        yield path.name, read_image(path)
        return
    source = open_source(str(path))
    try:
        frames = islice(source, 0, None, options.clip_step)
        for frame in islice(frames, options.max_per_clip):
            yield f"{path.name}:{frame.index}", frame.pixels
    finally:
        source.close()


def _crop(
    pixels: Pixels, options: CropOptions, vision: Vision | None, time_ms: int
) -> Pixels | None:
    """The largest face of a picture (size_px, size_px, 3); None if there is none."""
    if vision is None:
        return _shrunk(_middle_square(pixels), options.size_px)
    found = vision.look(pixels, time_ms, Wanted(faces=True)).faces or ()
    poses = [pose_of(face) for face in found if face.score >= BEGIN_SCORE]
    poses = [pose for pose in poses if side_px(pose) >= options.min_side_px]
    if not poses:
        return None
    pose = max(poses, key=side_px)
    face = Face((0.0, 0.0, 0.0, 0.0), crop_to_frame(pose), CROP_PX)
    return _shrunk(cut(pixels, face), options.size_px)


def _middle_square(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _shrunk(square: Pixels, size_px: int) -> Pixels:
    resized = Image.fromarray(square).resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.array(resized)
