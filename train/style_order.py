"""`train style`: from pictures to a `.style` file, with a preview on the way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from rtstyle.errors import SinkError, SourceError
from rtstyle.own_styles import SUFFIX, check_name, plain_name
from rtstyle.shelf import find_generator
from rtstyle.style import ORIGINAL, Style, StyleBank, load_styles, save_styles

from . import losses
from .devices import best_device
from .features import load_features
from .fusion import Fusion, style_targets
from .own_style import (
    SHIPPED_PHOTOS,
    FitOptions,
    FitProgress,
    StyleFit,
    calibrate,
    content_photos,
    fit,
    load_style_picture,
)
from .sheet import make_sheet, to_image
from .shelved import load_shelved

PREVIEW_EVERY_SECONDS = 15.0
PREVIEW_PHOTO = SHIPPED_PHOTOS / "astronaut.jpg"
PREVIEW_PX = 384
THUMBNAIL_PX = 128


@dataclass(frozen=True)
class StyleOrder:
    """What is asked for: `facts` are title, author, year and licence of what the style shows."""

    pictures: Sequence[Path]
    out: Path
    name: str
    facts: dict[str, str]
    generator: str = "fast"
    photos: Sequence[Path] = ()
    fusion: Fusion = "mixture"
    features: Path | None = None
    download_features: bool = False
    overwrite: bool = False
    fit: FitOptions = field(default_factory=FitOptions)

    @property
    def preview(self) -> Path:
        """The picture that shows how far it is."""
        return self.out.with_name(self.out.stem + ".preview.png")


@dataclass(frozen=True)
class StyleMade:
    """What came of it; `start` is the style of the shelf that the fit began with."""

    path: Path
    start: str
    last: FitProgress
    was_interrupted: bool


def name_from(path: Path) -> str:
    """A style's name from a file's: "Starry Night (1889).jpg" -> "starry-night-1889"."""
    return plain_name(path.stem) or "own"


def make_style(order: StyleOrder, report: Callable[[FitProgress], None]) -> StyleMade:
    """Learn a style and write it; on KeyboardInterrupt, what was learned so far.

    Raises:
        UsageError: the name cannot be had.
        SourceError: a picture that cannot be learned from.
        SinkError: `order.out` exists or cannot be written.
        EngineError, StyleError: the generator or its bank is damaged.
        TrainError: no features, or no such folder of photos.
    """
    files = find_generator(order.generator)
    bank = load_styles(files.styles)
    _check(order, bank)
    shelved = load_shelved(files.onnx)
    bank = bank.checked_for(shelved.info.weights_sha256)
    pictures = [load_style_picture(p, shelved.style_short_side_px) for p in order.pictures]
    photos = content_photos(order.photos, order.fit.size_px)
    features = load_features(order.features, download=order.download_features)
    device = best_device()
    calibrate(features, photos, device)
    targets = style_targets([p.to(device) for p in pictures], features, order.fusion)
    regular = mean(losses.regularity(picture[None]).item() for picture in pictures)
    run = StyleFit(shelved.net.to(device), targets, features, photos, order.fit, regular)
    starts = [style for style in bank if style.name != ORIGINAL or len(bank) == 1]
    start = starts[run.start_from([style.vector for style in starts])].name
    preview = Preview(order, run, pictures)
    last, was_interrupted = FitProgress(0, 0.0, 0.0, {}), False

    def on_step(progress: FitProgress) -> None:
        nonlocal last
        last = progress
        report(progress)
        preview.refresh(progress)

    try:
        fit(run, on_step)
    except KeyboardInterrupt:
        was_interrupted = True
    preview.write(last)
    style = Style(
        order.name,
        run.style_vector(),
        bank.generator,
        **order.facts,
        generator_name=shelved.info.name,
        thumbnail=preview.thumbnail(),
    )
    _write(order.out, StyleBank(bank.generator, {style.name: style}))
    return StyleMade(order.out, start, last, was_interrupted)


class Preview:
    """The picture to learn from, a photo, and the photo painted with what is learned so far."""

    def __init__(self, order: StyleOrder, run: StyleFit, pictures: Sequence[Tensor]) -> None:
        self._path, self._run, self._name = order.preview, run, order.name
        self._picture = _square(pictures[0])
        self._photo = _square(load_style_picture(PREVIEW_PHOTO, PREVIEW_PX))
        self._written_at = time.monotonic() - PREVIEW_EVERY_SECONDS

    def refresh(self, progress: FitProgress) -> None:
        """Write it again if that was long enough ago."""
        if time.monotonic() - self._written_at >= PREVIEW_EVERY_SECONDS:
            self.write(progress)

    def write(self, progress: FitProgress) -> None:
        """Write it now; the file under its name is always whole."""
        captions = [self._name, "photo", f"after {progress.step} steps"]
        pictures = [self._picture, self._photo, self._run.paint(self._photo)]
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            make_sheet(captions, [pictures]).save(part, "PNG")
            os.replace(part, self._path)
        except OSError as error:
            raise SinkError(f"cannot write {self._path}", str(error)) from error
        finally:
            part.unlink(missing_ok=True)
        self._written_at = time.monotonic()

    def thumbnail(self) -> NDArray[np.uint8]:
        """The painted photo, small: (H, W, 3) uint8."""
        painted = to_image(self._run.paint(self._photo))
        return np.array(painted.resize((THUMBNAIL_PX, THUMBNAIL_PX)))


def _check(order: StyleOrder, bank: StyleBank) -> None:
    """What would fail after the work is refused before it."""
    for picture in order.pictures:
        if picture.is_dir():
            raise SourceError(
                f"{picture} is a folder, not a picture", fix="name the pictures in it"
            )
    check_name(order.name, bank)
    if order.out.suffix != SUFFIX:
        raise SinkError(f"{order.out} must end in {SUFFIX}")
    if not order.out.parent.is_dir():
        raise SinkError(f"no such folder: {order.out.parent}")
    if order.out.exists() and not order.overwrite:
        raise SinkError(f"{order.out} exists", fix="add --overwrite to replace it, or name --out")


def _square(picture: Tensor) -> Tensor:
    """The middle of a picture (3, H, W), at PREVIEW_PX."""
    side = min(picture.shape[1:])
    top, left = ((length - side) // 2 for length in picture.shape[1:])
    middle = picture[None, :, top : top + side, left : left + side]
    size = (PREVIEW_PX, PREVIEW_PX)
    return F.interpolate(middle, size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def _write(path: Path, bank: StyleBank) -> None:
    try:
        save_styles(path, bank)
    except OSError as error:
        raise SinkError(f"cannot write {path}", str(error)) from error
