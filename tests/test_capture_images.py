"""Pictures as they are meant: colours of other profiles, deep greys, transparency."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from rtstyle.capture.images import read_image
from rtstyle.errors import SourceError

P3_PRIMARIES = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
"""Of Display P3, adapted to D50 as profiles have them."""


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def p3_profile() -> bytes:
    """The profile of sRGB with the primaries of Display P3, whose curve is the same."""
    profile = bytearray(srgb_profile())
    (count,) = struct.unpack_from(">I", profile, 128)
    for tag in range(count):
        name, start, _ = struct.unpack_from(">4sII", profile, 132 + 12 * tag)
        if name in P3_PRIMARIES:
            fixed = [round(value * 65536) for value in P3_PRIMARIES[name]]
            struct.pack_into(">3i", profile, start + 8, *fixed)
    return bytes(profile)


def saved(path: Path, color: tuple[int, ...], profile: bytes | None) -> Path:
    mode = "RGBA" if len(color) == 4 else "RGB"
    Image.new(mode, (8, 8), color).save(path, icc_profile=profile)
    return path


def test_colours_of_a_wider_profile_become_those_of_srgb(tmp_path: Path) -> None:
    color = 200, 100, 50
    plain = read_image(saved(tmp_path / "plain.png", color, None))
    assert plain[0, 0].tolist() == list(color)
    meant = read_image(saved(tmp_path / "p3.png", color, p3_profile()))[0, 0].tolist()
    # As CSS Color 4 converts color(display-p3 0.784 0.392 0.196).
    assert meant == pytest.approx([215, 93, 31], abs=1)
    grey = read_image(saved(tmp_path / "grey.png", (120, 120, 120), p3_profile()))[0, 0]
    assert grey.tolist() == pytest.approx([120] * 3, abs=1)


def test_the_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=srgb_profile())
    assert np.abs(read_image(tmp_path / "a.png").astype(int) - pixels).max() <= 1


def test_a_profile_that_cannot_be_read_leaves_the_picture_as_it_is(tmp_path: Path) -> None:
    read = read_image(saved(tmp_path / "a.png", (10, 20, 30), b"no profile"))
    assert read[0, 0].tolist() == [10, 20, 30]


def test_what_is_transparent_lies_over_white_with_a_profile_too(tmp_path: Path) -> None:
    read = read_image(saved(tmp_path / "a.png", (200, 100, 50, 0), p3_profile()))
    assert read[0, 0].tolist() == [255, 255, 255]
    seen = read_image(saved(tmp_path / "b.png", (200, 100, 50, 255), p3_profile()))
    assert seen[0, 0].tolist() == pytest.approx([215, 93, 31], abs=1)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path, name: str) -> None:
    levels = np.linspace(0, 65535, 256).round().astype(np.uint16)
    Image.fromarray(np.tile(levels, (4, 1))).save(tmp_path / name)
    read = read_image(tmp_path / name)
    assert read.shape == (4, 256, 3)
    assert np.array_equal(read[0, :, 1], np.arange(256))


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(SourceError, match="floating-point"):
        read_image(tmp_path / "a.tif")
