"""How long a file says it is, in bytes: what tells a file that was cut off from a whole one.

A player reads a file cut off in the middle without complaint, and its timestamps tell only roughly
what is missing. The outermost frames of the common containers state their size exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

MP4_LARGE, MP4_TO_END = 1, 0
EBML_SEGMENT = bytes.fromhex("18538067")
GIF_IMAGE, GIF_EXTENSION = b",", b"!"


def missing_bytes(path: Path) -> int:
    """Bytes by which a file is shorter than its header says; 0 where nothing is said."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            end = _end_of_boxes(file, size)
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            end = _end_of_segment(file)
        elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            end = int.from_bytes(head[4:8], "little") + 8
        elif head[:4] == b"GIF8":
            end = size + _is_cut_gif(file)
        else:
            end = 0
    return max(0, end - size)


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Where the last box of an mp4 or mov file ends (ISO/IEC 14496-12, 4.2)."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == MP4_TO_END or not head[4:8].isalnum():
            return position  # the box reaches to the end, or no box: padding behind the last one
        if length == MP4_LARGE:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return position
        position += length
    return position


def _end_of_segment(file: BinaryIO) -> int:
    """Where the segment of a Matroska file ends (RFC 8794, 4 to 6); 0 if it does not say."""
    file.seek(4)
    length = _read_size(file)
    if length is None:
        return 0
    file.seek(length, 1)
    if file.read(4) != EBML_SEGMENT:
        return 0
    length = _read_size(file)
    return 0 if length is None else file.tell() + length


def _is_cut_gif(file: BinaryIO) -> bool:
    """Walk through the blocks of a GIF (GIF89a, 18 to 27); anything may lie behind the last."""
    file.seek(10)
    _skip_colors(file, num_between=2)
    while (kind := file.read(1)) in (GIF_IMAGE, GIF_EXTENSION):
        if kind == GIF_IMAGE:
            file.seek(8, 1)
            _skip_colors(file)
        file.seek(1, 1)
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], 1)
    return not kind


def _skip_colors(file: BinaryIO, num_between: int = 0) -> None:
    """Pass over a byte of flags and, after `num_between` others, the table that it announces."""
    flags = int.from_bytes(file.read(1), "big")
    file.seek(num_between + (3 << (flags % 8 + 1) if flags & 0x80 else 0), 1)


def _read_size(file: BinaryIO) -> int | None:
    """A variable-length number; None if all its bits are set, which means unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    num_more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> num_more)]) + file.read(num_more), "big")
    return None if value == 2 ** (7 * (num_more + 1)) - 1 else value
