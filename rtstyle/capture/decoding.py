"""Packets in, decoded frames out; what was damaged on the way is counted, not raised."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..container import TIME_BASE, main_video, open_media, start_seconds

READ_ERRORS = (FFmpegError, OSError, EOFError, ValueError)
"""What PyAV raises for bad media."""

END_TIMED = ("matroska,webm", "asf")
"""Formats whose durations count from 0, wherever their clock begins; FFmpeg writes them so."""

MAX_AHEAD = 32
"""Packets that a decoder with several threads takes before it gives the first frame."""

SEEK_MARGIN_SECONDS = 5
"""Transport streams have no index: start early enough to meet a keyframe."""


@dataclass
class Health:
    """What went wrong while a file was read; complete once decoding has ended."""

    num_packets: int = 0
    num_bad: int = 0
    num_concealed: int = 0
    read_error: str = ""
    ends: dict[int, Fraction] = field(default_factory=dict)
    """Where each stream was seen to end, in seconds of the file's clock."""


@dataclass
class _Tail:
    """The end of a file: where it can be decoded again, and how far it has been decoded."""

    keyframes: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Place, time and number of bad packets before it; the first lies at least MAX_AHEAD back."""
    packet_pts: int | None = None
    frame_pts: int | None = None

    def note(self, packet: Packet, health: Health) -> None:
        if packet.pts is None or packet.is_discard:
            return
        if packet.is_keyframe:
            self.keyframes.append((health.num_packets, packet.pts, health.num_bad))
            self.packet_pts = packet.pts
        self.packet_pts = max(packet.pts, self.packet_pts or packet.pts)
        while len(self.keyframes) > 1 and self.keyframes[1][0] <= health.num_packets - MAX_AHEAD:
            self.keyframes.popleft()

    def is_ahead(self, pts: int | None) -> bool:
        """Whether a time lies behind that of the last frame."""
        return pts is not None and (self.frame_pts is None or pts > self.frame_pts)


def decode_frames(
    container: InputContainer, stream: VideoStream, health: Health, begin_pts: int | None = None
) -> Iterator[VideoFrame]:
    """Decode `stream` to its end, past damaged packets, and note damage in `health`.

    With `begin_pts`, packets before the one of that time are left out.
    """
    tail = _Tail()
    for packet in _packets(container, health):
        if packet.stream_index != stream.index or begin_pts not in (None, packet.pts):
            continue
        begin_pts = None
        health.num_packets += 1
        tail.note(packet, health)
        try:
            frames = packet.decode()
        except READ_ERRORS:
            health.num_bad += 1
            continue
        yield from _noted(frames, tail, health)
    try:
        yield from _noted(stream.decode(None), tail, health)
    except InvalidDataError:
        health.num_bad += 1
    except READ_ERRORS:
        pass
    is_whole = not tail.is_ahead(tail.packet_pts)
    if not is_whole and tail.keyframes and stream.codec_context.thread_count != 1:
        yield from _decode_again(container, tail, health)


def _noted(frames: list[VideoFrame], tail: _Tail, health: Health) -> Iterator[VideoFrame]:
    for frame in frames:
        health.num_concealed += frame.is_corrupt
        tail.frame_pts = frame.pts
        yield frame


def _decode_again(container: InputContainer, tail: _Tail, health: Health) -> Iterator[VideoFrame]:
    """Frames behind the last one, decoded in one thread.

    At the end of a file, several threads still hold as many packets. From the first damaged one on
    all are lost, with no word: PyAV cannot ask for the rest.
    """
    if not container.name.startswith("file:"):
        return
    _, begin_pts, num_bad = tail.keyframes[0]
    again = Health()
    with open_media(Path(container.name.removeprefix("file:"))) as reopened:
        stream = main_video(reopened, container.name)
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None
        with suppress(*READ_ERRORS):
            reopened.seek(begin_pts - int(SEEK_MARGIN_SECONDS / stream.time_base), stream=stream)
        for frame in decode_frames(reopened, stream, again, begin_pts):
            if tail.is_ahead(frame.pts):
                health.num_concealed += frame.is_corrupt
                yield frame
    health.num_bad = max(health.num_bad, num_bad + again.num_bad)


def missing_seconds(container: InputContainer, stream: VideoStream, health: Health) -> float:
    """How much earlier a file ended than its header says; 0 when that is within its precision.

    A file that was cut off decodes without any error; only this shows it.
    """
    begin = start_seconds(container)
    is_end_timed = container.format.name in END_TIMED
    frame_seconds = 1 / stream.guessed_rate if stream.guessed_rate else Fraction(1, 25)
    if stream.duration and stream.time_base:
        start = 0 if is_end_timed else stream.start_time or 0
        promised = (start + stream.duration) * stream.time_base
        reached = health.ends.get(stream.index, begin)
        tolerance = max(2 * frame_seconds, Fraction(1, 10))
    elif container.duration:
        promised = (0 if is_end_timed else begin) + container.duration * TIME_BASE
        reached = max(health.ends.values(), default=begin)
        tolerance = max(3 * frame_seconds, Fraction(1, 4))
    else:
        return 0.0
    missing = promised - reached
    return float(missing) if missing > tolerance else 0.0


def duration_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the pictures last; None if the file does not tell."""
    if stream.duration and stream.time_base:
        duration = stream.duration * stream.time_base
    elif container.duration:
        duration = container.duration * TIME_BASE
    else:
        return None
    begin = start_seconds(container) if container.format.name in END_TIMED else 0
    return float(duration - begin if duration > begin else duration)


def seek(container: InputContainer, seconds: Fraction) -> None:
    """Go to a keyframe before a time, in seconds of the file's clock."""
    if container.format.name in ("mpegts", "mpeg"):
        seconds -= SEEK_MARGIN_SECONDS
    with suppress(*READ_ERRORS):  # a live stream goes on from where it is, until that time
        container.seek(max(0, int(seconds / TIME_BASE)))


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
