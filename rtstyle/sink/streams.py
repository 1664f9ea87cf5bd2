"""Everything of the input but its pictures: sound, subtitles, chapters, tags, attachments."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream

from ..container import TIME_BASE, main_video, open_media
from .carriers import Carrier, PlainCopy, choose_carrier
from .packet_clock import PacketClock, with_decoding_times

OWN_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder"}
"""Tags that describe the old file, not the film."""

MEASURED_TAGS = {"DURATION", "ENCODER", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES", "BPS"}
"""Tags of a stream that its new container writes anew."""

INTERLEAVING_SECONDS = 10
"""Packets of one moment lie no further apart in a file."""

ITUNES_TAGS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre"),
    *("copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id"),
    *("network", "keywords", "episode_sort", "season_number", "media_type", "hd_video"),
    *("gapless_playback", "compilation", "creation_time", "timecode", "track", "disc", "tmpo"),
    *("rating", "language", "encoded_by", "location", "sort_name", "sort_artist", "sort_show"),
}
"""Tags that mp4 and mov have a place for."""


@dataclass(frozen=True)
class StreamReport:
    """What became of a stream of the input; `note` is empty where it was copied as it is."""

    index: int
    kind: str
    codec: str
    language: str
    is_kept: bool
    note: str = ""


@dataclass(frozen=True)
class Span:
    """The part of the input that is wanted, in seconds of its own clock; `begin` becomes 0."""

    begin: Fraction = Fraction(0)
    end: Fraction | None = None
    is_trimmed: bool = False


class CopiedStreams:
    """Copies packets of the streams beside the main video, in step with the pictures.

    Args:
        path: the input.
        output: container to copy into; it has its video stream, but no header yet.
        span: what to copy.
        with_main: copy the main video too; `output` has no stream then.
    """

    def __init__(
        self, path: Path, output: OutputContainer, span: Span, *, with_main: bool = False
    ) -> None:
        self._path, self._output, self._span = path, output, span
        self._input = open_media(path)
        self._carriers: dict[int, Carrier] = {}
        self._clocks: dict[int, PacketClock] = {}
        self._num_lost: dict[int, int] = {}
        self._added: list[StreamReport] = []
        main = main_video(self._input, path.name)
        if with_main:
            self._carry(main, PlainCopy(output, main))
        else:
            _describe_as(output.streams.video[0], main)
        for stream in self._input.streams:
            if stream.index != main.index and not _is_chapter_list(stream):
                self._added.append(self._add(stream))
        copy_tags(self._input, output)
        chapters = trimmed_chapters(self._input.chapters(), span)
        self.has_chapters = bool(chapters)
        if chapters:
            output.set_chapters(chapters)
        self._packets = self._read()
        self._next: Packet | None = None

    @property
    def report(self) -> list[StreamReport]:
        """What became of each stream, so far."""
        reports = []
        for each in self._added:
            num_lost = self._num_lost.get(each.index)
            lost = f"{num_lost} damaged packets left out" if num_lost else ""
            note = "; ".join(part for part in (each.note, lost) if part)
            reports.append(replace(each, note=note))
        return reports

    def copy_until(self, seconds: Fraction) -> None:
        """Copy what begins before `seconds` of the output's clock."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or _begin_of(self._next) >= seconds:
                return
            packet, self._next = self._next, None
            self._copy(packet)

    def copy_rest(self) -> None:
        """Copy to the end of the span, past which badly interleaved files may hold more of it."""
        waiting = [] if self._next is None else [self._next]
        self._next = None
        end = None if self._span.end is None else self._span.end - self._span.begin
        for packet in chain(waiting, self._packets):
            if end is None or _begin_of(packet) < end:
                self._copy(packet)
            elif _begin_of(packet) > end + INTERLEAVING_SECONDS:
                return

    def finish(self) -> None:
        """Write what conversions held back."""
        for carrier in self._carriers.values():
            for packet in carrier.finish():
                self._output.mux(packet)

    def close(self) -> None:
        """Let go of the input."""
        self._input.close()

    def _add(self, stream: Stream) -> StreamReport:
        """Give a stream its place in the output, if it can have one."""
        files = f"{self._output.format.name} files"
        is_cover = bool(stream.disposition & Disposition.attached_pic)
        if stream.type == "video" and not is_cover:
            return _report(stream, False, "only one video stream is painted")
        if stream.type == "data":
            return _report(stream, False, "data streams are not copied")
        if is_cover or isinstance(stream, AttachmentStream):
            if self._output.format.name == "matroska":
                self._attach(stream, is_cover=is_cover)
                return _report(stream, True, "")
            if not is_cover or self._output.format.name != "mp4":
                kind = "covers" if is_cover else "attachments"
                return _report(stream, False, f"{files} hold no {kind}")
        carrier = choose_carrier(self._output, stream)
        if carrier is None:
            return _report(stream, False, f"{files} cannot hold it")
        self._carry(stream, carrier)
        return _report(stream, True, carrier.how)

    def _carry(self, stream: Stream, carrier: Carrier) -> None:
        _describe_as(carrier.added, stream)
        self._carriers[stream.index] = carrier

    def _attach(self, stream: Stream, *, is_cover: bool) -> None:
        """Matroska keeps pictures as attachments too."""
        codec = stream.codec_context.name if stream.codec_context is not None else ""
        kind = "png" if codec == "png" else "jpeg"
        name = stream.metadata.get("filename", "")
        mimetype = stream.metadata.get("mimetype", "")
        if is_cover:
            content = _first_packet(self._path, stream.index)
            name, mimetype = (
                name or f"cover.{kind.replace('jpeg', 'jpg')}",
                mimetype or f"image/{kind}",
            )
        else:
            assert isinstance(stream, AttachmentStream)
            content = stream.data
        self._output.add_attachment(
            name or f"attachment-{stream.index}", mimetype or "application/octet-stream", content
        )

    def _read(self) -> Iterator[Packet]:
        wanted = [self._input.streams[index] for index in self._carriers]
        if not wanted:
            return
        if self._span.is_trimmed:
            self._input.seek(max(0, int((self._span.begin - 1) / TIME_BASE)))
        # The source reads the same file, and reports what is damaged.
        with suppress(FFmpegError, OSError, ValueError, IndexError):
            packets = (packet for packet in self._input.demux(wanted) if packet.size)
            for packet in with_decoding_times(packets):
                if self._is_wanted(packet):
                    yield packet

    def _is_wanted(self, packet: Packet) -> bool:
        """Move a packet to the output's clock; whether it belongs to the span."""
        if packet.stream.disposition & Disposition.attached_pic:
            return True
        index = packet.stream.index
        if index not in self._clocks:
            self._clocks[index] = PacketClock(self._span.begin)
        self._clocks[index].move(packet)
        return not self._span.is_trimmed or _begin_of(packet) >= 0

    def _copy(self, packet: Packet) -> None:
        """Write a packet; one that is damaged is counted, since the others may be whole."""
        index = packet.stream.index
        try:
            carried = self._carriers[index].carry(packet)
        except (FFmpegError, struct.error):
            self._num_lost[index] = self._num_lost.get(index, 0) + 1
            return
        for each in carried:
            try:
                self._output.mux(each)
            except (InvalidDataError, ArgumentError):
                self._num_lost[index] = self._num_lost.get(index, 0) + 1


def copy_tags(source: InputContainer, output: OutputContainer) -> None:
    """Take over title, date and such."""
    kept = {key: value for key, value in source.metadata.items() if key.lower() not in OWN_TAGS}
    output.metadata.update(kept)


def needs_free_tags(path: Path) -> bool:
    """Whether an mp4 file must store tags by any name to keep those of `path`.

    That form is less widely read and leaves no room for a cover, so it is used only if needed.
    """
    with open_media(path) as container:
        pictures = [stream.disposition & Disposition.attached_pic for stream in container.streams]
        known = ITUNES_TAGS | OWN_TAGS
        return not any(pictures) and any(tag.lower() not in known for tag in container.metadata)


def trimmed_chapters(chapters: list, span: Span) -> list:
    """Chapters within a span, on its clock."""
    kept = []
    for chapter in chapters:
        time_base = chapter["time_base"]
        begin = round(span.begin / time_base)
        start = max(0, chapter["start"] - begin)
        end = chapter["end"] - begin
        if span.end is not None:
            end = min(end, round(span.end / time_base) - begin)
        if end > start:
            kept.append({**chapter, "start": start, "end": end})
    return kept


def _begin_of(packet: Packet) -> Fraction:
    """Seconds of the packet's clock; packets without a time (covers) come before all others."""
    begin = packet.pts if packet.pts is not None else packet.dts
    return Fraction(-(2**40)) if begin is None else begin * packet.time_base


def _first_packet(path: Path, index: int) -> bytes:
    with open_media(path) as container:
        for packet in container.demux(container.streams[index]):
            return bytes(packet)
    return b""


def _is_chapter_list(stream: Stream) -> bool:
    """In mp4, chapters appear a second time as a stream of their titles."""
    return stream.type == "data" and stream.name == "bin_data" and bool(stream.container.chapters())


def _describe_as(added: Stream, stream: Stream) -> None:
    """Take over language, title and such, and for what a stream is meant."""
    kept = {key: value for key, value in stream.metadata.items() if not _is_measured(key)}
    added.metadata.update(kept)
    added.disposition = stream.disposition


def _report(stream: Stream, is_kept: bool, note: str) -> StreamReport:
    # A stream of an unknown codec may have no name either: asking for it then raises.
    codec = stream.codec_context.name if stream.codec_context else getattr(stream, "name", "")
    codec = codec or "unknown codec"
    language = stream.metadata.get("language", "")
    return StreamReport(stream.index, stream.type, codec, language, is_kept, note)


def _is_measured(key: str) -> bool:
    return key.upper().split("-")[0] in MEASURED_TAGS
