"""Damaged, short and hostile files: an error or exit code that says so, and never a hang."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtstyle.capture.framing import missing_bytes
from rtstyle.capture.video import VideoSource, VideoSourceOptions
from rtstyle.container import open_media
from rtstyle.errors import RtstyleError, SourceError
from tests.media import Clip, cut_off, damaged, make_clip, repaint, video_times

BY_CONTAINER = {
    "mp4": Clip(num_frames=60, audio=("eng",), container_options={"movflags": "faststart"}),
    "mov": Clip(num_frames=60, audio=("eng",), container_options={"movflags": "faststart"}),
    "mkv": Clip(num_frames=60, audio=("eng",)),
    "webm": Clip(
        num_frames=30, codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}
    ),
    "avi": Clip(num_frames=60, codec="mjpeg", pix_fmt="yuvj420p"),
    "gif": Clip(num_frames=30, codec="gif", pix_fmt="rgb8", rate=Fraction(10)),
}


@pytest.mark.parametrize("extension", BY_CONTAINER)
@pytest.mark.parametrize("share", [0.5, 0.98])
def test_a_file_cut_off_gives_its_good_part_as_partial(
    tmp_path: Path, extension: str, share: float
) -> None:
    whole = make_clip(tmp_path / f"in.{extension}", BY_CONTAINER[extension])
    num_whole = len(video_times(whole))
    source = cut_off(whole, share)
    assert missing_bytes(source) > 0
    target = tmp_path / "out.mkv"
    frames, sink, report = repaint(source, target)
    assert frames.damage and frames.is_incomplete
    assert not target.exists()
    assert sink.written_path == tmp_path / "out.partial.mkv"
    assert len(video_times(tmp_path / "out.partial.mkv")) == report.num_frames
    assert num_whole * share * 0.6 < report.num_frames <= num_whole
    assert {path.name for path in tmp_path.iterdir()} == {source.name, "out.partial.mkv"}


@pytest.mark.parametrize("extension", [*BY_CONTAINER, "ts"])
def test_a_whole_file_is_not_called_damaged(tmp_path: Path, extension: str) -> None:
    clip = BY_CONTAINER.get(extension, Clip(num_frames=60, audio=("eng",)))
    source = make_clip(tmp_path / f"in.{extension}", clip)
    assert missing_bytes(source) == 0
    frames, _, _ = repaint(source, tmp_path / "out.mkv")
    assert frames.damage is None and not frames.is_incomplete


def test_damage_inside_a_file_is_told_and_the_rest_is_painted(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=60, options={"g": "10"}))
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    source.write_bytes(content)
    frames, sink, report = repaint(source, tmp_path / "out.mkv")
    assert frames.damage and not frames.is_incomplete
    assert sink.written_path == tmp_path / "out.mkv"
    assert report.num_frames > 40


NO_VIDEO = {
    "empty": b"",
    "text": b"this is no video\n" * 100,
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
    "concat": b"ffconcat version 1.0\nfile /etc/hostname\n",
    "header only": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
}


@pytest.mark.parametrize("content", NO_VIDEO.values(), ids=NO_VIDEO)
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_what_is_no_video_is_one_error(tmp_path: Path, content: bytes, extension: str) -> None:
    path = tmp_path / f"in.{extension}"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        VideoSource(path)
    assert str(path) in caught.value.what
    assert len(str(caught.value).splitlines()) <= 3


def test_sound_alone_and_missing_files_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        output.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(SourceError, match="no video stream"):
        VideoSource(path)
    with pytest.raises(SourceError, match="no such file"):
        VideoSource(tmp_path / "none.mp4")
    with pytest.raises(SourceError, match="folder"):
        VideoSource(tmp_path)


def test_a_video_stream_without_frames_is_an_error(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "whole.mkv", Clip(num_frames=3))
    empty = tmp_path / "in.mkv"
    with av.open(str(source)) as old, av.open(str(empty), "w") as new:
        new.add_stream_from_template(old.streams.video[0], opaque=True)
        new.start_encoding()
    with pytest.raises(SourceError, match=r"no picture|cannot be read"):
        VideoSource(empty)


def test_a_picture_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.mov"
    with av.open(str(path), "w") as output:
        stream = output.add_mux_stream("png", rate=25, width=16000, height=16000)
        packet = av.Packet(png_header(16000, 16000))
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        output.mux(packet)
    with pytest.raises(SourceError):
        VideoSource(path)


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims a size."""
    import struct
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + bytes(64)


@pytest.mark.parametrize("name", ["a:b.mp4", "-dash.mp4", "%03d.mp4", "sp ace é.mp4"])
def test_any_file_name_is_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    make_clip(tmp_path / "in.mp4", Clip(num_frames=2)).rename(path)
    with open_media(path) as container:
        assert container.streams.video
    target = tmp_path / f"out {name}"
    repaint(path, target)
    assert len(video_times_by_content(target)) == 2


def video_times_by_content(path: Path) -> list[int | None]:
    """Timestamps, read through a file object, so that the name does not matter."""
    with path.open("rb") as file, av.open(file, "r") as container:
        return [frame.pts for frame in container.decode(video=0)]


@pytest.mark.parametrize("extension", [*BY_CONTAINER, "ts"])
def test_seeded_damage_ends_in_a_result_or_one_of_our_errors(
    tmp_path: Path, extension: str
) -> None:
    clip = BY_CONTAINER.get(extension, Clip(num_frames=60, audio=("eng",)))
    content = make_clip(tmp_path / f"whole.{extension}", clip).read_bytes()
    num_errors = 0
    for seed in range(6):
        source = tmp_path / f"{seed}.{extension}"
        source.write_bytes(damaged(content, seed))
        assert source.read_bytes() != content
        try:
            repaint(source, tmp_path / f"{seed}.out.mkv")
        except RtstyleError as error:
            num_errors += 1
            assert error.exit_code in (2, 3)
    assert num_errors < 6
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_stream_of_an_unknown_codec_is_left_out_by_name(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=10, subtitles=("eng",)))
    source.write_bytes(source.read_bytes().replace(b"S_TEXT/UTF8", b"S_NEXT/UTF8"))
    _, sink, report = repaint(source, tmp_path / "out.mkv")
    assert report.num_frames == 10
    (dropped,) = sink.report
    assert (dropped.kind, dropped.codec, dropped.is_kept) == ("subtitle", "unknown codec", False)
    assert "cannot hold" in dropped.note


@pytest.mark.parametrize("extension", ["mp4", "mkv", "gif"])
def test_an_end_that_was_never_reached_hides_no_damage(tmp_path: Path, extension: str) -> None:
    whole = make_clip(tmp_path / f"in.{extension}", BY_CONTAINER[extension])
    seconds = BY_CONTAINER[extension].seconds
    source = cut_off(whole, 0.5)
    frames, sink, _ = repaint(source, tmp_path / "out.mkv", end=0.9 * seconds)
    assert frames.damage and frames.is_incomplete
    assert sink.written_path == tmp_path / "out.partial.mkv"
    frames, sink, _ = repaint(source, tmp_path / "out.mkv", end=0.2 * seconds)
    assert frames.damage is None and sink.written_path == tmp_path / "out.mkv"


@pytest.mark.parametrize("num_b_frames", [0, 2])
@pytest.mark.parametrize("places", [(-1,), (-4,), tuple(range(-7, 0))], ids=len)
def test_damage_at_the_end_is_told_whatever_the_number_of_threads(
    tmp_path: Path, num_b_frames: int, places: tuple[int, ...]
) -> None:
    clip = Clip(num_frames=50, options={"bf": str(num_b_frames), "g": "250"})
    source = make_clip(tmp_path / "in.mp4", clip)
    with av.open(str(source)) as container:
        packets = [(each.pos or 0, each.size) for each in container.demux(video=0) if each.size]
    content = bytearray(source.read_bytes())
    for begin, size in (packets[place] for place in places):
        content[begin + 5 : begin + size] = b"\xff" * (size - 5)
    source.write_bytes(content)
    found = set()
    for num_threads in (1, 2, 8):
        frames = VideoSource(source, VideoSourceOptions(num_threads=num_threads))
        found.add((tuple(frame.pts for frame in frames), frames.damage))
    ((times, damage),) = found
    assert len(times) == 50 - len(places)
    assert damage == f"{len(places)} of its 50 packets are damaged"


def test_what_lies_behind_the_end_of_a_gif_is_no_damage(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.gif", BY_CONTAINER["gif"])
    content = source.read_bytes()
    for behind in (b"\0", b"more than that"):
        source.write_bytes(content + behind)
        assert missing_bytes(source) == 0
    source.write_bytes(content[:-1] + b",")
    assert missing_bytes(source) > 0


@pytest.mark.parametrize(
    ("extension", "codec"),
    [("mkv", "libx264"), ("mp4", "libx264"), ("flv", "libx264"), ("asf", "msmpeg4")],
)
def test_a_whole_file_whose_clock_begins_late_is_not_called_damaged(
    tmp_path: Path, extension: str, codec: str
) -> None:
    clip = Clip(num_frames=50, codec=codec, audio=("eng",), start_seconds=Fraction(3))
    frames = VideoSource(make_clip(tmp_path / f"in.{extension}", clip))
    assert frames.info.duration_seconds == pytest.approx(2, abs=0.1)
    assert len(list(frames)) == 50
    assert frames.damage is None and not frames.is_incomplete


def test_pieces_of_a_film_are_whole(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "in.mkv", Clip(num_frames=100, options={"g": "25"}))
    pieces = str(tmp_path / "piece%d.mkv")
    options = {"segment_time": "1.5"}
    with av.open(str(whole)) as old, av.open(pieces, "w", "segment", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux():
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    paths = sorted(tmp_path.glob("piece*.mkv"))
    assert len(paths) > 1
    for path in paths:
        frames, _, _ = repaint(path, tmp_path / "out.mkv")
        assert frames.damage is None
