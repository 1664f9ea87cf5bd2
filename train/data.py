"""Photos to paint and pictures to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .errors import TrainError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
MIN_PHOTOS = 8


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
    """

    def __init__(
        self,
        folders: Sequence[Path],
        size: int,
        min_photos: int = MIN_PHOTOS,
        *,
        exclude: Sequence[str] = (),
        min_side_px: int = 160,
    ) -> None:
        self.size, self.min_side_px = size, min_side_px
        self.photos: list[Tensor] = []
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
                f"only {len(self.photos)} usable photos in {names}\n"
                f"at least {min_photos} are needed, each at least {min_side_px} px wide and high"
            )

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 3, size, size) in [0, 1]."""
        picks = torch.randint(len(self.photos), (count,), generator=generator).tolist()
        return torch.stack([self._crop(self.photos[i], generator) for i in picks])

    def _crop(self, photo: Tensor, generator: torch.Generator) -> Tensor:
        h, w = photo.shape[1:]
        u = torch.rand(4, generator=generator).tolist()
        side = round(self.min_side_px + u[0] * (min(h, w) - self.min_side_px))
        top, left = round(u[1] * (h - side)), round(u[2] * (w - side))
        crop = photo[:, top : top + side, left : left + side].float()[None] / 255
        crop = F.interpolate(
            crop, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
        )[0]
        return crop.flip(-1) if u[3] < 0.5 else crop
