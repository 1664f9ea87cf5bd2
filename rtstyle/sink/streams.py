"""Everything of the input but its pictures: sound, subtitles, chapters, tags, attachments."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from ..container import TIME_BASE, main_video, open_media
from ..errors import RtstyleError

OWN_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder"}
"""Tags that describe the old file, not the film."""

ADDRESS_TAGS = {"DURATION", "ENCODER", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES", "BPS"}
"""Tags of a stream that its new container writes anew."""


@dataclass(frozen=True)
class StreamReport:
    """What became of a stream of the input; `reason` is empty for plain copies."""

    index: int
    kind: str
    codec: str
    language: str
    is_kept: bool
    reason: str = ""


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
    """

    def __init__(self, path: Path, output: OutputContainer, span: Span) -> None:
        self._output, self._span = output, span
        self._input = open_media(path)
        self._streams: dict[int, Stream] = {}
        self._last_dts: dict[int, int] = {}
        self.report: list[StreamReport] = []
        self.num_lost = 0
        self._add_all(path)
        self._copy_tags()
        self._packets = self._read()
        self._next: Packet | None = None

    def copy_until(self, seconds: Fraction) -> None:
        """Copy what begins before `seconds` of the input's clock."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or self._begin_of(self._next) >= seconds:
                return
            packet, self._next = self._next, None
            self._copy(packet)

    def copy_rest(self) -> None:
        """Copy to the end of the span."""
        if self._span.end is not None:
            self.copy_until(self._span.end)
            return
        if self._next is not None:
            self._copy(self._next)
        for packet in self._packets:
            self._copy(packet)

    def close(self) -> None:
        """Let go of the input."""
        self._input.close()

    def _add_all(self, path: Path) -> None:
        main = main_video(self._input, path.name)
        _describe_as(self._output.streams.video[0], main)
        for stream in self._input.streams:
            if stream.index == main.index:
                continue
            reason = self._refusal(stream)
            if not reason:
                self._add(stream)
            self.report.append(_report(stream, reason))

    def _refusal(self, stream: Stream) -> str:
        """Why a stream is left out; empty if it is taken."""
        container = self._output.format.name
        if stream.type == "video" and not stream.disposition & Disposition.attached_pic:
            return "only one video stream is painted"
        if stream.type == "data":
            return "data streams are not copied"
        if not _can_hold(self._output, stream):
            return f"a {container} file cannot hold it"
        return ""

    def _add(self, stream: Stream) -> None:
        if stream.type == "attachment":
            _attach(self._output, stream)
            return
        added = self._output.add_stream_from_template(stream)
        _describe_as(added, stream)
        self._streams[stream.index] = added

    def _copy_tags(self) -> None:
        source, output = self._input, self._output
        output.metadata.update(
            {key: value for key, value in source.metadata.items() if key.lower() not in OWN_TAGS}
        )
        chapters = trimmed_chapters(source.chapters(), self._span)
        if chapters:
            output.set_chapters(chapters)

    def _read(self) -> Iterator[Packet]:
        wanted = [self._input.streams[index] for index in self._streams]
        if not wanted:
            return
        if self._span.is_trimmed:
            self._input.seek(max(0, int((self._span.begin - 1) / TIME_BASE)))
        packets = self._input.demux(wanted)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError, ValueError):
                self.num_lost += 1
                return  # the source reads the same file and reports the damage
            if packet is None:
                return
            if packet.dts is not None or packet.pts is not None:
                yield packet

    def _begin_of(self, packet: Packet) -> Fraction:
        begin = packet.pts if packet.pts is not None else packet.dts
        assert begin is not None
        return begin * packet.time_base

    def _copy(self, packet: Packet) -> None:
        index = packet.stream_index
        is_picture = bool(packet.stream.disposition & Disposition.attached_pic)
        if not is_picture:
            if self._span.is_trimmed and self._begin_of(packet) < self._span.begin:
                return
            self._shift(packet)
        packet.stream = self._streams[index]
        self._output.mux(packet)

    def _shift(self, packet: Packet) -> None:
        """Move a packet to the output's clock; decoding times must rise."""
        offset = round(self._span.begin / packet.time_base)
        dts = packet.dts if packet.dts is not None else packet.pts
        assert dts is not None
        last = self._last_dts.get(packet.stream_index)
        dts -= offset
        packet.pts = None if packet.pts is None else packet.pts - offset
        if last is not None and dts <= last:
            dts = last + 1
            if packet.pts is not None:
                packet.pts = max(packet.pts, dts)
        packet.dts = self._last_dts[packet.stream_index] = dts


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


def _can_hold(output: OutputContainer, stream: Stream) -> bool:
    """Try a file of that format with this one stream, in memory."""
    if stream.type == "attachment":
        return output.format.name == "matroska"
    try:
        with av.open(io.BytesIO(), "w", format=output.format.name) as trial:
            added = trial.add_stream_from_template(stream)
            added.disposition = stream.disposition
            trial.start_encoding()
    except (FFmpegError, ValueError, RtstyleError):
        return False
    return True


def _attach(output: OutputContainer, stream: Stream) -> None:
    name = stream.metadata.get("filename", f"attachment-{stream.index}")
    mimetype = stream.metadata.get("mimetype", "application/octet-stream")
    output.add_attachment(name, mimetype, stream.data)  # type: ignore[attr-defined]


def _describe_as(added: Stream, stream: Stream) -> None:
    """Take over language, title and such, and for what a stream is meant."""
    kept = {key: value for key, value in stream.metadata.items() if not _is_own(key)}
    added.metadata.update(kept)
    added.disposition = stream.disposition


def _report(stream: Stream, reason: str) -> StreamReport:
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    language = stream.metadata.get("language", "")
    return StreamReport(stream.index, stream.type, codec, language, not reason, reason)


def _is_own(key: str) -> bool:
    return key.upper().split("-")[0] in ADDRESS_TAGS
