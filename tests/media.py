"""Makes clips for tests, with whatever a film may carry beside its pictures."""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from numpy.typing import NDArray

from rtstyle.capture.video import VideoSource, VideoSourceOptions
from rtstyle.controls import Controls
from rtstyle.inference.identity import IdentityEngine
from rtstyle.pipeline import Pipeline
from rtstyle.runner import Report, run
from rtstyle.sink.video import VideoSink, VideoSinkOptions
from rtstyle.style import Style, StyleBank

CONTAINERS = {".mkv": "matroska", ".ts": "mpegts"}


@dataclass(frozen=True)
class Clip:
    """What a made clip holds.

    `pts` (in `time_base`) replaces the even steps of `rate`; `colors` are FFmpeg's numbers for
    range, primaries, transfer and matrix; `audio` and `subtitles` name a language for each track;
    `chapters` are (title, begin, end) in seconds; picture and sound begin at `start_seconds`.
    """

    size_hw: tuple[int, int] = (96, 128)
    num_frames: int = 25
    rate: Fraction = Fraction(25)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    pts: tuple[int, ...] | None = None
    time_base: Fraction | None = None
    rotation: int = 0
    hflip: bool = False
    sample_aspect_ratio: Fraction | None = None
    colors: tuple[int, int, int, int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    audio: tuple[str, ...] = ()
    audio_codec: str = "aac"
    audio_seconds: float | None = None
    subtitles: tuple[str, ...] = ()
    chapters: tuple[tuple[str, float, float], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    attachment: bytes = b""
    cover: bool = False
    interlaced: bool = False
    start_seconds: Fraction = Fraction(0)
    container_options: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Length of the pictures."""
        return float(self.num_frames / self.rate)


def picture(index: int, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """A smooth coloured picture with a bar that moves with the index."""
    height, width = size_hw
    y, x = np.mgrid[:height, :width]
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = 40 + 150 * x // width
    pixels[..., 1] = 40 + 150 * y // height
    pixels[..., 2] = 120
    left = (index * 4) % (width - 8)
    pixels[height // 4 : height // 2, left : left + 8] = (220, 60, 40)
    return pixels


def make_clip(path: Path, clip: Clip = Clip()) -> Path:
    """Write a clip; the extension says in which container."""
    container = CONTAINERS.get(path.suffix, path.suffix[1:])
    with av.open(
        str(path), "w", format=container, container_options=clip.container_options
    ) as output:
        video = _add_video(output, clip)
        sounds = [_add_audio(output, clip, language) for language in clip.audio]
        texts = [_add_subtitles(output, language) for language in clip.subtitles]
        cover = _add_cover(output) if clip.cover else None
        if clip.attachment:
            output.add_attachment("font.ttf", "font/ttf", clip.attachment)
        output.metadata.update(clip.metadata)
        _add_chapters(output, clip)
        if cover is not None:
            _mux_cover(output, cover)
        for index in range(clip.num_frames):
            output.mux(video.encode(_video_frame(index, clip)))
            for stream in sounds:
                _mux_audio(output, stream, index, clip)
            for stream in texts:
                _mux_subtitle(output, stream, index, clip)
        output.mux(video.encode(None))
        for stream in sounds:
            output.mux(stream.encode(None))
    return path


def repaint(
    source: Path, target: Path, begin: float | None = None, end: float | None = None
) -> tuple[VideoSource, VideoSink, Report]:
    """Run a file through capture, an engine that changes nothing, and the sink."""
    frames = VideoSource(source, VideoSourceOptions(begin, end))
    options = VideoSinkOptions(
        source, overwrite=True, rate=frames.info.rate, start_seconds=begin, end_seconds=end
    )
    sink = VideoSink(target, options)
    return frames, sink, run(frames, pipeline(), sink, CONTROLS)


CONTROLS = Controls((("plain", 1.0),), smooth=0.0)


def pipeline() -> Pipeline:
    """One that changes nothing."""
    style = Style("plain", np.zeros(1, np.float32), "")
    return Pipeline(IdentityEngine(), StyleBank("", {"plain": style}))


def video_times(path: Path) -> list[Fraction]:
    """Presentation times in seconds of all decoded frames."""
    with av.open(str(path)) as container:
        return [
            (frame.pts or 0) * Fraction(frame.time_base or 1) for frame in container.decode(video=0)
        ]


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    """All frames as RGB, as a player would show them but for rotation."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]  # type: ignore[misc]


def packet_hashes(path: Path, kind: str) -> dict[int, list[str]]:
    """Hashes of the packets of each stream of a kind, by the stream's place among its kind."""
    hashes: dict[int, list[str]] = defaultdict(list)
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        if not streams:
            return {}
        places = {stream.index: place for place, stream in enumerate(streams)}
        for packet in container.demux(streams):
            if packet.size:
                digest = hashlib.sha256(bytes(packet)).hexdigest()
                hashes[places[packet.stream_index]].append(digest)
    return dict(hashes)


def packet_times(path: Path, kind: str) -> list[float]:
    """Presentation times in seconds of the packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            float(packet.pts * packet.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None
        ]


def cut_off(path: Path, share: float) -> Path:
    """Keep only the first `share` of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def join_bytes(path: Path, parts: Sequence[Path]) -> Path:
    """One file behind the other, as `cat` does it."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def _add_video(output: OutputContainer, clip: Clip) -> av.VideoStream:
    options = {"preset": "ultrafast", "crf": "10"} if clip.codec.startswith("libx26") else {}
    stream = output.add_stream(clip.codec, rate=clip.rate, options={**options, **clip.options})
    assert isinstance(stream, av.VideoStream)
    stream.height, stream.width = clip.size_hw
    stream.pix_fmt = clip.pix_fmt
    if clip.time_base:
        stream.time_base = stream.codec_context.time_base = clip.time_base
    if clip.sample_aspect_ratio:
        stream.codec_context.sample_aspect_ratio = clip.sample_aspect_ratio
    if clip.colors:
        context = stream.codec_context
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = (
            clip.colors
        )
    if clip.rotation or clip.hflip:
        stream.set_display_rotation(clip.rotation, hflip=clip.hflip)
    return stream


def _video_frame(index: int, clip: Clip) -> av.VideoFrame:
    pixels = picture(index, clip.size_hw)
    if clip.interlaced:  # the lower field shows a later moment
        pixels[1::2] = picture(index + 2, clip.size_hw)[1::2]
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
    if clip.colors:
        frame.color_range, frame.colorspace = clip.colors[0], clip.colors[3]
    frame = frame.reformat(format=clip.pix_fmt)
    frame.time_base = clip.time_base or 1 / clip.rate
    frame.pts = index if clip.pts is None else clip.pts[index]
    frame.pts += round(clip.start_seconds / frame.time_base)
    return frame


def _add_audio(output: OutputContainer, clip: Clip, language: str) -> av.AudioStream:
    stream = output.add_stream(clip.audio_codec, rate=48000)
    assert isinstance(stream, av.AudioStream)
    stream.layout = "mono"
    stream.metadata["language"] = language
    is_first = language == clip.audio[0]
    stream.disposition = Disposition.default if is_first else Disposition.comment
    return stream


def _mux_audio(output: OutputContainer, stream: av.AudioStream, index: int, clip: Clip) -> None:
    """The sound of one frame; the last one adds what `audio_seconds` asks beyond the pictures."""
    begin, end = (round(48000 * step / clip.rate) for step in (index, index + 1))
    if index == clip.num_frames - 1 and clip.audio_seconds:
        end = round(48000 * clip.audio_seconds)
    wave = np.sin(np.arange(begin, end) * 0.05 * (1 + stream.index)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave[None] * 0.3, "fltp", "mono")
    frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
    frame.pts = begin + round(48000 * clip.start_seconds)
    for resampled in av.AudioResampler(stream.format, "mono", 48000).resample(frame):
        output.mux(stream.encode(resampled))


def _add_subtitles(output: OutputContainer, language: str) -> Stream:
    codec = {"mp4": "mov_text", "mov": "mov_text"}.get(output.format.name, "subrip")
    stream = output.add_mux_stream(codec)
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = language
    return stream


def _mux_subtitle(output: OutputContainer, stream: Stream, index: int, clip: Clip) -> None:
    if index % 10 != 0:
        return
    text = f"{stream.metadata['language']} {index}".encode()
    if output.format.name in ("mp4", "mov"):
        text = struct.pack(">H", len(text)) + text
    packet = Packet(text)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = round(1000 * index / clip.rate)
    packet.duration = 200
    output.mux(packet)


def _add_cover(output: OutputContainer) -> av.VideoStream:
    stream = output.add_stream("mjpeg")
    assert isinstance(stream, av.VideoStream)
    stream.width = stream.height = 32
    stream.pix_fmt = "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def _mux_cover(output: OutputContainer, stream: av.VideoStream) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), "rgb24")
    frame.pts = 0
    output.mux(stream.encode(frame.reformat(format="yuvj420p")))
    output.mux(stream.encode(None))


def _add_chapters(output: OutputContainer, clip: Clip) -> None:
    if clip.chapters:
        output.set_chapters(
            [
                {
                    "id": place,
                    "start": round(1000 * begin),
                    "end": round(1000 * end),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title},
                }
                for place, (title, begin, end) in enumerate(clip.chapters)
            ]
        )


def damaged(content: bytes, seed: int) -> bytes:
    """Damage a file's bytes: flipped bits, a cut, noise, a garbled header, zeros or moved blocks.

    The same seed gives the same damage.
    """
    rng = np.random.default_rng(seed)
    data = np.frombuffer(content, np.uint8).copy()
    size = len(data)
    begin = int(rng.integers(size))
    block = slice(begin, begin + int(rng.integers(1, max(2, size // 8))))
    kind = ("flips", "cut", "noise", "header", "zeros", "moved")[seed % 6]
    if kind == "flips":
        places = rng.integers(size, size=int(rng.integers(1, 200)))
        data[places] ^= (1 << rng.integers(8, size=len(places))).astype(np.uint8)
    elif kind == "cut":
        data = data[:begin]
    elif kind == "noise":
        data[block] = rng.integers(256, size=len(data[block]))
    elif kind == "header":
        places = rng.integers(min(size, 1024), size=int(rng.integers(1, 12)))
        data[places] = rng.integers(256, size=len(places))
    elif kind == "zeros":
        data[block] = 0
    else:
        data = np.concatenate([data[: block.start], data[block.stop :], data[block]])
    return data.tobytes()
