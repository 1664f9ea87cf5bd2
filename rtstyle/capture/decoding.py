"""Packets in, decoded frames out; what was damaged on the way is counted, not raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..container import TIME_BASE, start_seconds

READ_ERRORS = (FFmpegError, OSError, EOFError, ValueError)
"""What PyAV raises for bad media."""


@dataclass
class Health:
    """What went wrong while a file was read; complete once decoding has ended."""

    num_packets: int = 0
    num_bad: int = 0
    num_concealed: int = 0
    read_error: str = ""
    ends: dict[int, Fraction] = field(default_factory=dict)
    """Where each stream was seen to end, in seconds of the file's clock."""


def decode_frames(
    container: InputContainer, stream: VideoStream, health: Health
) -> Iterator[VideoFrame]:
    """Decode `stream` to its end, past damaged packets, and note damage in `health`."""
    for packet in _packets(container, health):
        if packet.stream_index != stream.index:
            continue
        health.num_packets += 1
        try:
            frames = packet.decode()
        except READ_ERRORS:
            health.num_bad += 1
            continue
        for frame in frames:
            health.num_concealed += frame.is_corrupt
            yield frame
    with suppress(*READ_ERRORS):
        yield from stream.decode(None)


def missing_seconds(container: InputContainer, stream: VideoStream, health: Health) -> float:
    """How much earlier a file ended than its header says; 0 when that is within its precision.

    A file that was cut off decodes without any error; only this shows it.
    """
    begin = start_seconds(container)
    frame_seconds = 1 / stream.guessed_rate if stream.guessed_rate else Fraction(1, 25)
    if stream.duration and stream.time_base:
        promised = ((stream.start_time or 0) + stream.duration) * stream.time_base
        reached = health.ends.get(stream.index, begin)
        tolerance = max(2 * frame_seconds, Fraction(1, 10))
    elif container.duration:
        promised = begin + container.duration * TIME_BASE
        reached = max(health.ends.values(), default=begin)
        tolerance = max(3 * frame_seconds, Fraction(1, 4))
    else:
        return 0.0
    missing = promised - reached
    return float(missing) if missing > tolerance else 0.0


def _packets(container: InputContainer, health: Health) -> Iterator[Packet]:
    """Packets of all streams: the others' ends tell a file cut short from a silent tail."""
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except IndexError:
            return  # PyAV at the end of a file in which a further stream turned up
        except READ_ERRORS as error:
            health.read_error = str(error)
            return
        if packet is None:
            return
        if packet.size:
            _note_end(packet, health)
            yield packet


def _note_end(packet: Packet, health: Health) -> None:
    begin = packet.pts if packet.pts is not None else packet.dts
    if begin is None or not packet.time_base:
        return
    end = (begin + (packet.duration or 0)) * packet.time_base
    if end > health.ends.get(packet.stream_index, end - 1):
        health.ends[packet.stream_index] = end
