"""Photos and films to paint, pictures to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from rtstyle.capture import IMAGE_SUFFIXES

from .errors import TrainError

MIN_PHOTOS = 8
FILM_PX = 288
MAX_FILM_FRAMES = 250
STILL_EVERY_FRAMES = 15


def load_picture(path: Path, short_side: int | None = None, long_side: int | None = None) -> Tensor:
    """A picture as (3, H, W) in [0, 1], made smaller (never larger) to fit the sides given.

    Raises:
        TrainError: the file is no picture.
    """
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except FileNotFoundError as error:
        raise TrainError(f"no such picture: {path}") from error
    except Exception as error:
        raise TrainError(f"cannot read the picture {path}: {error}") from error
    scale = 1.0
    if short_side:
        scale = min(scale, short_side / min(image.size))
    if long_side:
        scale = min(scale, long_side / max(image.size))
    return picture_tensor(image, scale)


def picture_tensor(image: Image.Image, scale: float = 1.0) -> Tensor:
    """An RGB picture as (3, H, W) in [0, 1], made smaller by `scale` where that is below 1."""
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def list_pictures(folders: Sequence[Path], exclude: Sequence[str] = ()) -> list[Path]:
    """All pictures in the folders, sorted, but for names that match an `exclude` pattern.

    Raises:
        TrainError: a folder is missing.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainError(f"no such folder of photos: {folder}")
        files += sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES
            and not any(fnmatch(path.name, pattern) for pattern in exclude)
        )
    return files


class PhotoCrops:
    """Random square crops of photos, kept in memory as uint8.

    A crop's side lies between `min_side_px` and the photo's short side; it is resized to `size`
    and flipped at random. Crops smaller than `size` look as soft as a webcam's picture does.
    `more` are further photos, (3, H, W) uint8.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        size: int,
        min_photos: int = MIN_PHOTOS,
        *,
        exclude: Sequence[str] = (),
        more: Sequence[Tensor] = (),
        min_side_px: int = 160,
    ) -> None:
        self.size, self.min_side_px = size, min_side_px
        self.photos: list[Tensor] = list(more)
        self.skipped: list[str] = []
        for path in list_pictures(folders, exclude):
            try:
                photo = load_picture(path, short_side=512)
            except TrainError as error:
                self.skipped.append(str(error))
                continue
            if min(photo.shape[1:]) >= min_side_px:
                self.photos.append((photo * 255).round().to(torch.uint8))
        if len(self.photos) < min_photos:
            names = ", ".join(str(f) for f in folders)
            raise TrainError(
                f"only {len(self.photos)} usable photos in {names}",
                f"at least {min_photos} are needed, each at least {min_side_px} px wide and high",
            )

    @property
    def num_bytes(self) -> int:
        """What the photos take in memory."""
        return sum(photo.nbytes for photo in self.photos)

    def to(self, device: torch.device) -> None:
        """Keep the photos, and cut the crops, on the device."""
        self.photos = [photo.to(device) for photo in self.photos]

    def mark(self, draw: Callable[[Sequence[Tensor]], Sequence[Tensor]]) -> None:
        """Let `draw` say something about each photo (3, H, W) uint8, as (1, H, W) uint8.

        It becomes a fourth channel, which is cropped with the photo.
        """
        marks = draw(self.photos)
        self.photos = [torch.cat(pair) for pair in zip(self.photos, marks, strict=True)]

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 3, size, size) in [0, 1]."""
        return self.marked_batch(count, generator)[:, :3]

    def marked_batch(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 4, size, size) in [0, 1]; three channels where `mark` was not called."""
        picks = torch.randint(len(self.photos), (count,), generator=generator).tolist()
        return torch.stack([self._crop(self.photos[i], generator) for i in picks])

    def _crop(self, photo: Tensor, generator: torch.Generator) -> Tensor:
        h, w = photo.shape[1:]
        u = torch.rand(4, generator=generator).tolist()
        side = round(self.min_side_px + u[0] * (min(h, w) - self.min_side_px))
        top, left = round(u[1] * (h - side)), round(u[2] * (w - side))
        crop = _resized(photo[None, :, top : top + side, left : left + side], self.size)[0]
        return crop.flip(-1) if u[3] < 0.5 else crop


class FramePairs:
    """Successive frames of films, kept in memory as uint8 with a short side of `FILM_PX`.

    Raises:
        SourceError: a film cannot be read.
    """

    def __init__(self, films: Sequence[Path], size: int) -> None:
        self.size = size
        self.films = [_read_film(film) for film in films]

    def to(self, device: torch.device) -> None:
        """Keep the frames, and cut the crops, on the device."""
        self.films = [film.to(device) for film in self.films]

    def stills(self) -> list[Tensor]:
        """Frames half a second apart or more, (3, H, W) uint8."""
        return [frame for film in self.films for frame in film[::STILL_EVERY_FRAMES]]

    def pair(self, generator: torch.Generator) -> Tensor:
        """Two successive frames, the same crop of both: (2, 3, size, size) in [0, 1]."""
        u = torch.rand(5, generator=generator).tolist()
        film = self.films[int(u[0] * len(self.films))]
        first = int(u[1] * (len(film) - 1))
        h, w = film.shape[2:]
        side = round(min(h, w) * (0.6 + 0.4 * u[2]))
        top, left = round(u[3] * (h - side)), round(u[4] * (w - side))
        crop = film[first : first + 2, :, top : top + side, left : left + side]
        return _resized(crop, self.size)


def _read_film(film: Path) -> Tensor:
    """The first frames of a film, (T, 3, H, W) uint8."""
    from rtstyle.capture import open_source

    frames = []
    source = open_source(str(film))
    try:
        for frame in islice(source, MAX_FILM_FRAMES):
            image = Image.fromarray(frame.pixels)
            picture = picture_tensor(image, min(1.0, FILM_PX / min(image.size)))
            frames.append((picture * 255).round().to(torch.uint8))
    finally:
        source.close()
    return torch.stack(frames)


def _resized(crops: Tensor, size: int) -> Tensor:
    """(B, 3, H, W) uint8 -> (B, 3, size, size) in [0, 1]."""
    return F.interpolate(
        crops.float() / 255, (size, size), mode="bilinear", antialias=True, align_corners=False
    )
