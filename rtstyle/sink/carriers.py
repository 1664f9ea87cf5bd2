"""How one stream of the input reaches the output: as it is, or turned into what fits there."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Protocol, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.subtitles.subtitle import AssSubtitle

from ..container import open_media

TEXT_CODECS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
"""What each container stores plain subtitles as."""

SOUND_CODECS = {"webm": "libopus"}
"""What sound becomes where it cannot stay as it is; AAC elsewhere."""

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""What a number of channels usually means."""

BLOCKLESS_CODECS = ("aac", "ac3", "eac3")
"""Sound whose packets AVI describes misleadingly."""

TS_CODECS = {
    *("mp1", "mp2", "mp3", "aac", "aac_latm", "ac3", "eac3", "dts", "opus", "s302m"),
    "dvb_subtitle",
}
"""What a transport stream has a name for; its writer takes all else too, as data of no kind."""

SAMPLE_PACKETS = 8

MILLISECOND = Fraction(1, 1000)


class Carrier(Protocol):
    """Turns packets of an input stream into packets of `added`; `how` is empty for copies.

    `carry` raises FFmpegError or struct.error for a packet that cannot be converted.
    """

    @property
    def added(self) -> Stream: ...

    @property
    def how(self) -> str: ...

    def carry(self, packet: Packet) -> Iterable[Packet]: ...

    def finish(self) -> Iterable[Packet]: ...


def choose_carrier(output: OutputContainer, stream: Stream) -> Carrier | None:
    """The way that changes least; None if the output cannot hold the stream at all."""
    container = output.format.name
    if _can_hold(container, stream):
        return PlainCopy(output, stream)
    if stream.type == "subtitle" and container in TEXT_CODECS and _is_text(stream):
        return SubtitleText(output, TEXT_CODECS[container])
    if stream.type == "audio" and stream.codec_context is not None:
        sound, codec = cast(AudioStream, stream), SOUND_CODECS.get(container, "aac")
        if _works(container, lambda trial: SoundEncoder(trial, sound, codec)):
            return SoundEncoder(output, sound, codec)
    return None


class PlainCopy:
    """Every packet as it is."""

    how = ""

    def __init__(self, output: OutputContainer, stream: Stream) -> None:
        with _without_block_size(output, stream) as template:
            self.added = output.add_stream_from_template(template, opaque=True)
        # In mp4 an empty text ends the one before; the muxer writes these by itself.
        self._skips_empty = self.added.codec_context is not None and (
            self.added.codec_context.name == "mov_text"
        )

    def carry(self, packet: Packet) -> list[Packet]:
        if self._skips_empty and bytes(packet) == b"\0\0":
            return []
        packet.stream = self.added
        return [packet]

    def finish(self) -> list[Packet]:
        return []


class SubtitleText:
    """Subtitles of any text format as plain text; fonts, colours and places are lost."""

    def __init__(self, output: OutputContainer, codec: str) -> None:
        self.added = output.add_mux_stream(codec)
        self.added.time_base = MILLISECOND
        self.how = f"converted to {codec}, plain text"
        self._codec = codec

    def carry(self, packet: Packet) -> list[Packet]:
        pts, duration = packet.pts, packet.duration
        lines = [part.dialogue for part in packet.decode() if isinstance(part, AssSubtitle)]
        text = b"\n".join(lines).strip()
        if pts is None or not text:
            return []
        written = Packet(struct.pack(">H", len(text)) + text if self._codec == "mov_text" else text)
        written.stream, written.time_base = self.added, MILLISECOND
        written.pts = written.dts = round(pts * packet.time_base / MILLISECOND)
        written.duration = round((duration or 0) * packet.time_base / MILLISECOND)
        return [written]

    def finish(self) -> list[Packet]:
        return []


class SoundEncoder:
    """Sound decoded and encoded anew."""

    def __init__(self, output: OutputContainer, stream: AudioStream, codec: str) -> None:
        rate = 48000 if codec == "libopus" else stream.codec_context.sample_rate
        self.added = cast(AudioStream, output.add_stream(codec, rate=rate))
        self.added.layout = _known_layout(stream.layout, codec)
        self.added.bit_rate = 96_000 * max(1, stream.layout.nb_channels)
        self.how = f"converted to {codec}"
        self._resampler = av.AudioResampler(self.added.format, self.added.layout, rate)
        self._source = stream

    def carry(self, packet: Packet) -> list[Packet]:
        return self._encode(packet.decode())

    def finish(self) -> list[Packet]:
        packets = []
        with suppress(FFmpegError):  # damage in the last packets, which the decoder held back
            packets = self._encode(self._source.decode(None))
        return [*packets, *self._encode([None]), *self.added.encode(None)]

    def _encode(self, frames: Iterable) -> list[Packet]:
        return [
            packet
            for frame in frames
            for resampled in self._resampler.resample(frame)
            for packet in self.added.encode(resampled)
        ]


def _known_layout(layout: av.AudioLayout, codec: str) -> str:
    """The layout that the encoder knows for the same loudspeakers."""
    if layout.name.endswith("channels"):  # PCM often tells no more than their number
        return LAYOUTS.get(layout.nb_channels, layout.name)
    return layout.name.replace("(side)", "") if codec == "libopus" else layout.name


def _can_hold(container: str, stream: Stream) -> bool:
    """Whether a stream can be copied into such a file, and is found there again."""
    if container == "mpegts" and not _is_named_in_ts(stream):
        return False

    def copy(trial: OutputContainer) -> None:
        added = trial.add_stream_from_template(stream, opaque=True)
        added.disposition = stream.disposition

    return _works(container, copy)


def _works(container: str, add: Callable[[OutputContainer], object]) -> bool:
    """Try a file of that format, in memory, with the one stream that `add` gives it."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            add(trial)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def _is_named_in_ts(stream: Stream) -> bool:
    if stream.codec_context is None:  # no decoder, as for teletext: another one told what it is
        return stream.container.format.name == "mpegts"
    return stream.codec_context.codec.canonical_name in TS_CODECS


@contextmanager
def _without_block_size(output: OutputContainer, stream: Stream) -> Iterator[Stream]:
    """The stream to copy from AVI to AVI, without what AVI says of the size of its packets.

    From that its writer concludes that all packets of AAC or AC-3 last equally long by their bytes.
    Matroska tells all the rest (FFmpeg's own program resets the number).
    """
    names = output.format.name, stream.container.format.name
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    if names != ("avi", "avi") or codec not in BLOCKLESS_CODECS:
        yield stream
        return
    sample = io.BytesIO()
    with (
        open_media(Path(stream.container.name.removeprefix("file:"))) as source,
        av.open(sample, "w", format="matroska") as trial,
    ):
        added = trial.add_stream_from_template(stream, opaque=True)
        for packet in islice(source.demux(source.streams[stream.index]), SAMPLE_PACKETS):
            packet.stream = added
            trial.mux(packet)
    sample.seek(0)
    with av.open(sample, options={"format_whitelist": "matroska,webm"}) as again:
        yield again.streams[0]


def _is_text(stream: Stream) -> bool:
    return stream.codec_context is not None and bool(stream.codec_context.codec.text_sub)
