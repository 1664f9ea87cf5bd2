"""Pictures as sources: one file, or all files of a folder in the order of their names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SourceError
from ..frame import Frame, Pixels
from . import IMAGE_SUFFIXES, SourceInfo

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 36_000_000
"""Larger pictures are refused: a small file can claim any size."""


class ImageSource:
    """One picture, or a folder of them; each is a frame a second after the last.

    Unlike a video's frames, pictures of a folder may differ in size; `info` tells the first one's.
    Those that cannot be read are left out, their indices too, and named by `damage` afterwards.

    Raises:
        SourceError: nothing there, or no picture that can be read.
    """

    is_incomplete = False

    def __init__(self, path: Path) -> None:
        self.files = list_images(path)
        first = next(self._readable(), None)
        if first is None:
            read_image(self.files[0])  # says why
            raise SourceError(f"{path} cannot be read")
        height, width = first[1].shape[:2]
        self.info = SourceInfo(
            path.name, width, height, Fraction(1), len(self.files), float(len(self.files)), path
        )
        self.notices: list[str] = []

    @property
    def damage(self) -> str | None:
        if not self._damaged:
            return None
        return f"{len(self._damaged)} of {len(self.files)} pictures cannot be read: " + ", ".join(
            file.name for file in self._damaged
        )

    def __iter__(self) -> Iterator[Frame]:
        for index, pixels in self._readable():
            yield Frame(pixels, index, index, Fraction(1), time.monotonic())

    def close(self) -> None:
        pass

    def _readable(self) -> Iterator[tuple[int, Pixels]]:
        self._damaged: list[Path] = []
        for index, file in enumerate(self.files):
            try:
                yield index, read_image(file)
            except SourceError:
                self._damaged.append(file)


def list_images(path: Path) -> list[Path]:
    """The picture itself, or the pictures in a folder, sorted.

    Raises:
        SourceError: nothing there.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"no such file or folder: {path}")
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise SourceError(f"no pictures in {path}", f"known endings: {', '.join(IMAGE_SUFFIXES)}")
    return files


def read_image(path: Path) -> Pixels:
    """A picture, upright, as sRGB; transparency is laid over white.

    Raises:
        SourceError: missing, damaged, too large, of floating-point pixels, or no picture.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SourceError(
                    f"{path} is too large: {image.width}x{image.height}",
                    f"at most {MAX_PIXELS / 1e6:.0f} million pixels are read",
                    "make it smaller first",
                )
            upright = _in_bytes(ImageOps.exif_transpose(image))
            profile = upright.info.get("icc_profile")
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                upright = upright.convert("RGBA")
            elif upright.mode == "P":
                upright = upright.convert("RGB")
            if profile:
                upright = _in_srgb(upright, profile)
            if upright.mode == "RGBA":
                upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
            return np.array(upright.convert("RGB"))
    except FileNotFoundError:
        raise SourceError(f"no such file: {path}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        why = "it is empty" if path.is_file() and path.stat().st_size == 0 else str(error)
        is_other = path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES
        fix = "for videos: rtstyle video" if is_other else ""
        raise SourceError(f"{path} cannot be read as a picture", why, fix) from error


def _in_bytes(image: Image.Image) -> Image.Image:
    """Grey of 16 bits as grey of 8: Pillow would cut it off at 255."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers: save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.rint(np.clip(np.asarray(image), 0, 65535) / 257).astype(np.uint8)
    grey = Image.fromarray(levels)
    grey.info = image.info
    return grey


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The colours that the profile means, as phones with Display P3 write; unreadable: as it is."""
    from PIL import ImageCms

    try:
        meant = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, meant, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return image
    assert converted is not None  # as it is where the conversion is in place
    return converted
