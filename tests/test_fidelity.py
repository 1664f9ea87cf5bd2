"""Only the picture changes: one test for each thing that a film may carry beside its pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from rtstyle.container import read_picture_format
from tests.media import (
    Clip,
    cut_off,
    join_bytes,
    make_clip,
    packet_hashes,
    packet_times,
    picture,
    pictures,
    repaint,
    video_times,
)

CHAPTERS = (("One", 0.0, 0.5), ("Two", 0.5, 1.0))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference in units of 255."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize("extension", ["mp4", "mkv", "mov", "ts"])
def test_sound_and_subtitles_are_copied_bit_for_bit(tmp_path: Path, extension: str) -> None:
    subtitles = () if extension == "ts" else ("eng", "deu")
    source = make_clip(
        tmp_path / f"in.{extension}", Clip(audio=("eng", "fra"), subtitles=subtitles)
    )
    target = tmp_path / f"out.{extension}"
    _, sink, _ = repaint(source, target)
    assert packet_hashes(target, "audio") == packet_hashes(source, "audio")
    texts = packet_hashes(target, "subtitle")
    if extension in ("mp4", "mov"):  # the muxer writes the empty texts between by its own count
        assert [set(each) for each in texts.values()] == [
            set(each) for each in packet_hashes(source, "subtitle").values()
        ]
    else:
        assert texts == packet_hashes(source, "subtitle")
    assert all(stream.is_kept and not stream.note for stream in sink.report)


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_languages_and_dispositions_are_kept(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / f"in.{extension}", Clip(audio=("eng", "fra")))
    target = tmp_path / f"out.{extension}"
    repaint(source, target)
    with av.open(str(target)) as container:
        sounds = container.streams.audio
        assert [stream.metadata["language"] for stream in sounds] == ["eng", "fra"]
        assert sounds[0].disposition & Disposition.default
        assert sounds[1].disposition == Disposition.comment


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_sound_keeps_its_place_beside_the_picture(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / f"in.{extension}", Clip(audio=("eng",)))
    target = tmp_path / f"out.{extension}"
    repaint(source, target)
    lag = [
        packet_times(path, "audio")[0] - float(video_times(path)[0]) for path in (source, target)
    ]
    assert lag[1] == pytest.approx(lag[0], abs=0.0011 if extension == "mkv" else 1e-6)


@pytest.mark.parametrize(
    ("time_base", "pts"),
    [
        (Fraction(1, 600), (0, 30, 90, 105, 180, 181, 260, 1000)),
        (Fraction(1, 30000), tuple(range(0, 8 * 1001, 1001))),
        (Fraction(1, 12800), (6400, 7000, 8000, 8500, 9000, 9500, 9501, 12000)),
    ],
    ids=["variable", "29.97", "late start"],
)
@pytest.mark.parametrize("extension", ["mp4", "mov"])
def test_every_frame_keeps_its_own_timestamp(
    tmp_path: Path, extension: str, time_base: Fraction, pts: tuple[int, ...]
) -> None:
    clip = Clip(
        num_frames=len(pts),
        pts=pts,
        time_base=time_base,
        options={"bf": "2"},
        container_options={"movie_timescale": "90000"},
    )
    source = make_clip(tmp_path / f"in.{extension}", clip)
    target = tmp_path / f"out.{extension}"
    repaint(source, target)
    assert video_times(source) == [each * time_base for each in pts]
    assert video_times(target) == video_times(source)


def test_variable_timestamps_of_matroska_survive_into_mp4(tmp_path: Path) -> None:
    pts = (0, 41, 83, 200, 201, 500)
    clip = Clip(num_frames=6, pts=pts, time_base=Fraction(1, 1000))
    repaint(make_clip(tmp_path / "in.mkv", clip), tmp_path / "out.mp4")
    assert video_times(tmp_path / "out.mp4") == [Fraction(each, 1000) for each in pts]


@pytest.mark.parametrize(
    ("rotation", "hflip", "upright"),
    [
        (90, False, lambda p: np.rot90(p, 1)),
        (180, False, lambda p: np.rot90(p, 2)),
        (-90, False, lambda p: np.rot90(p, -1)),
        (0, True, lambda p: p[:, ::-1]),
    ],
)
def test_rotated_films_are_painted_upright(tmp_path, rotation, hflip, upright) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=3, rotation=rotation, hflip=hflip))
    target = tmp_path / "out.mp4"
    repaint(source, target)
    assert difference(pictures(target)[0], upright(picture(0, (96, 128)))) < 4
    assert read_picture_format(target).orientation.is_upright


@pytest.mark.parametrize(("rotation", "expected"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_pixels_keep_their_shape(tmp_path: Path, rotation: int, expected: Fraction) -> None:
    clip = Clip(num_frames=3, sample_aspect_ratio=Fraction(4, 3), rotation=rotation)
    repaint(make_clip(tmp_path / "in.mp4", clip), tmp_path / "out.mp4")
    assert read_picture_format(tmp_path / "out.mp4").sample_aspect_ratio == expected


COLORS = {
    "untagged": None,
    "BT.709": (1, 1, 1, 1),
    "BT.601": (1, 6, 6, 6),
    "BT.709, full range": (2, 1, 1, 1),
    "BT.2020": (1, 9, 14, 9),
}


@pytest.mark.parametrize("colors", COLORS.values(), ids=COLORS)
def test_colour_tags_and_values_are_kept(tmp_path: Path, colors) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=3, colors=colors))
    target = tmp_path / "out.mp4"
    repaint(source, target)
    before, after = read_picture_format(source), read_picture_format(target)
    for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
        assert getattr(after, tag) == getattr(before, tag), tag
    with av.open(str(source)) as old, av.open(str(target)) as new:
        planes = [
            next(container.decode(video=0)).reformat(format="yuv420p").to_ndarray()
            for container in (old, new)
        ]
    # Converted as BT.601 and limited range, which is FFmpeg's default, this is 7 to 16.
    assert difference(*planes) < 1.5
    assert difference(pictures(target)[0], picture(0, (96, 128))) < 3


def test_ten_bits_stay_ten_and_are_said_to_be_painted_with_eight(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=3, pix_fmt="yuv420p10le"))
    frames, _, _ = repaint(source, tmp_path / "out.mp4")
    assert read_picture_format(tmp_path / "out.mp4").pix_fmt == "yuv420p10le"
    assert [note for note in frames.notices if "10 bits" in note]


def test_full_chroma_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=3, pix_fmt="yuv444p"))
    repaint(source, tmp_path / "out.mkv")
    assert read_picture_format(tmp_path / "out.mkv").pix_fmt == "yuv444p"


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_hdr_becomes_sdr_with_a_notice(tmp_path: Path, transfer: int) -> None:
    clip = Clip(num_frames=2, pix_fmt="yuv420p10le", colors=(1, 9, transfer, 9))
    source = make_clip(tmp_path / "in.mkv", clip)
    frames, _, _ = repaint(source, tmp_path / "out.mkv")
    assert [note for note in frames.notices if note.startswith("HDR")]
    after = read_picture_format(tmp_path / "out.mkv")
    assert not after.is_hdr
    assert (after.color_primaries, after.color_trc, after.colorspace) == (1, 1, 1)
    # The codes of an HDR curve shown as they are look dull: the range must have been stretched.
    painted, raw = pictures(tmp_path / "out.mkv")[0], pictures(source)[0]
    assert painted.std() > 1.2 * raw.std()


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_chapters_are_kept(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / f"in.{extension}", Clip(chapters=CHAPTERS))
    _, sink, _ = repaint(source, tmp_path / f"out.{extension}")
    with av.open(str(tmp_path / f"out.{extension}")) as container:
        assert chapters_of(container) == list(CHAPTERS)
    assert sink.report == []  # not once more as a data stream


def chapters_of(container) -> list[tuple[str, float, float]]:
    """Title, begin and end in seconds."""
    return [
        (
            each["metadata"]["title"],
            float(each["start"] * each["time_base"]),
            float(each["end"] * each["time_base"]),
        )
        for each in container.chapters()
    ]


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_tags_are_kept(tmp_path: Path, extension: str) -> None:
    tags = {"title": "Holidays", "artist": "A. Nonymous", "mytag": "x"}
    source = make_clip(
        tmp_path / f"in.{extension}",
        Clip(
            num_frames=3,
            metadata=tags,
            container_options={"movflags": "use_metadata_tags"} if extension == "mp4" else {},
        ),
    )
    repaint(source, tmp_path / f"out.{extension}")
    with av.open(str(tmp_path / f"out.{extension}")) as container:
        kept = {key.lower(): value for key, value in container.metadata.items()}
    assert kept.items() >= tags.items()


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_a_cover_is_kept_and_not_painted(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=3, cover=True, audio=("eng",)))
    frames, _, report = repaint(source, tmp_path / f"out.{extension}")
    assert (frames.info.width, frames.info.height, report.num_frames) == (128, 96, 3)
    with av.open(str(tmp_path / f"out.{extension}")) as container, av.open(str(source)) as before:
        covers = [cover_bytes(each) for each in (before, container)]
    assert len(covers[0]) > 100
    assert covers[1] == covers[0]


def cover_bytes(container) -> bytes:
    """The attached picture, as it is stored."""
    stream = next(each for each in container.streams if each.disposition & Disposition.attached_pic)
    return bytes(next(container.demux(stream)))


def test_attachments_are_kept_where_there_is_a_place(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=3, attachment=b"font" * 50))
    repaint(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        attached = next(each for each in container.streams if each.type == "attachment")
        assert attached.data == b"font" * 50  # type: ignore[attr-defined]
        assert attached.metadata["filename"] == "font.ttf"
    _, sink, _ = repaint(source, tmp_path / "out.mp4")
    assert [(each.is_kept, each.note) for each in sink.report] == [
        (False, "mp4 files hold no attachments")
    ]


def test_a_late_clock_of_a_transport_stream_begins_at_zero(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.ts", Clip(audio=("eng",), start_seconds=Fraction(2)))
    with av.open(str(source)) as container:
        assert container.start_time > 1_000_000
        begin = Fraction(container.start_time, 1_000_000)
    repaint(source, tmp_path / "out.mp4")
    for old, new in zip(video_times(source), video_times(tmp_path / "out.mp4"), strict=True):
        assert float(new) == pytest.approx(float(old - begin), abs=1 / 90000)


def test_joined_recordings_get_one_rising_clock(tmp_path: Path) -> None:
    parts = [
        make_clip(tmp_path / f"{name}.ts", Clip(audio=("eng",), num_frames=30)) for name in "ab"
    ]
    source = join_bytes(tmp_path / "in.ts", parts)
    frames, _, report = repaint(source, tmp_path / "out.mp4")
    assert report.num_frames == 60
    steps = np.diff([float(each) for each in video_times(tmp_path / "out.mp4")])
    assert steps == pytest.approx(0.04, abs=1e-4)
    sound = packet_times(tmp_path / "out.mp4", "audio")
    assert np.diff(sound).min() > 0
    assert sound[-1] == pytest.approx(2.4, abs=0.1)
    assert frames.damage is None
    assert [note for note in frames.notices if "timestamp" in note]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_with_b_frames_keeps_its_length(tmp_path: Path, codec: str) -> None:
    clip = Clip(num_frames=40, codec=codec, options={"bf": "2", "preset": "medium"})
    source = make_clip(tmp_path / "in.avi", clip)
    repaint(source, tmp_path / "out.mp4")
    assert video_times(tmp_path / "out.mp4") == [Fraction(index, 25) for index in range(40)]


def test_interlaced_films_become_progressive_frame_for_frame(tmp_path: Path) -> None:
    clip = Clip(interlaced=True, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    source = make_clip(tmp_path / "in.mp4", clip)
    frames, _, _ = repaint(source, tmp_path / "out.mp4")
    assert video_times(tmp_path / "out.mp4") == video_times(source)
    assert [note for note in frames.notices if note.startswith("interlaced")]
    combed, smooth = (
        np.abs(np.diff(pictures(path)[12].astype(float), axis=0)).mean()
        for path in (source, tmp_path / "out.mp4")
    )
    assert smooth < 0.8 * combed


def test_odd_sizes_are_padded_with_their_border_and_a_notice(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "in.mkv", Clip(num_frames=3, size_hw=(81, 121), codec="ffv1", pix_fmt="yuv420p")
    )
    _, sink, _ = repaint(source, tmp_path / "out.mp4")
    painted = pictures(tmp_path / "out.mp4")[0]
    assert painted.shape == (82, 122, 3)
    assert difference(painted[:81, :121], picture(0, (81, 121))) < 4
    assert difference(painted[81], painted[80]) < 4
    assert [note for note in sink.notices if "121x81" in note]


def test_odd_sizes_stay_where_the_format_allows_them(tmp_path: Path) -> None:
    clip = Clip(num_frames=3, size_hw=(81, 121), pix_fmt="yuv444p")
    repaint(make_clip(tmp_path / "in.mkv", clip), tmp_path / "out.mkv")
    assert pictures(tmp_path / "out.mkv")[0].shape == (81, 121, 3)


def test_a_new_size_within_the_film_is_fitted_to_the_first(tmp_path: Path) -> None:
    parts = [
        make_clip(tmp_path / "a.ts", Clip()),
        make_clip(tmp_path / "b.ts", Clip(size_hw=(192, 128), num_frames=10)),
    ]
    source = join_bytes(tmp_path / "in.ts", parts)
    frames, _, report = repaint(source, tmp_path / "out.mp4")
    assert report.num_frames == 35
    last = pictures(tmp_path / "out.mp4")[-1]
    assert last.shape == (96, 128, 3)
    assert last[:, :24].max() < 40 and last[:, -24:].max() < 40  # twice as high: bars beside it
    assert last[:, 40:-40].mean() > 80
    assert [note for note in frames.notices if "size changes" in note]


def test_transparency_is_dropped_with_a_word(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", Clip(num_frames=3, codec="qtrle", pix_fmt="argb"))
    frames, _, _ = repaint(source, tmp_path / "out.mp4")
    assert [note for note in frames.notices if "transparency" in note]
    assert difference(pictures(tmp_path / "out.mp4")[0], picture(0, (96, 128))) < 4


def transparent(path: Path, codec: str, pix_fmt: str) -> Path:
    """White everywhere, but the left half, white too, is transparent."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pix_fmt
        for index in range(3):
            pixels = np.full((96, 128, 4), 255, np.uint8)
            pixels[:, :64, 3] = 0
            frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format=pix_fmt)
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("extension", "codec", "pix_fmt"),
    [("mov", "qtrle", "argb"), ("mov", "prores_ks", "yuva444p10le"), ("mkv", "ffv1", "bgra")],
)
def test_what_is_transparent_is_laid_over_black(tmp_path, extension, codec, pix_fmt) -> None:
    source = transparent(tmp_path / f"in.{extension}", codec, pix_fmt)
    frames, _, _ = repaint(source, tmp_path / "out.mp4")
    assert [note for note in frames.notices if "transparency" in note]
    shown = pictures(tmp_path / "out.mp4")[1]
    assert shown[:, :56].max() < 12 and shown[:, 72:].min() > 243


def test_a_transparent_gif_is_told_from_an_opaque_one(tmp_path: Path) -> None:
    for through in (False, True):
        first = Image.new("P", (64, 48), 1)
        first.putpalette([0, 255, 0, 255, 255, 255])
        first.paste(0, (0, 0, 32, 48))
        if through:
            first.info["transparency"] = 0
        first.save(tmp_path / "in.gif", save_all=True, append_images=[first.copy()])
        frames, _, _ = repaint(tmp_path / "in.gif", tmp_path / "out.mp4")
        notes = [note for note in frames.notices if "transparency" in note]
        left = pictures(tmp_path / "out.mp4")[0][10:-10, 5:25].mean(axis=(0, 1))
        assert bool(notes) == through
        assert left[1] < 12 if through else left[1] > 200


@pytest.mark.parametrize("codec", ["aac", "ac3", "libmp3lame", "pcm_s16le"])
def test_sound_of_avi_lasts_as_long_in_avi(tmp_path: Path, codec: str) -> None:
    source = make_clip(tmp_path / "in.avi", Clip(audio=("eng",), audio_codec=codec))
    target = tmp_path / "out.avi"
    repaint(source, target)
    assert packet_hashes(target, "audio") == packet_hashes(source, "audio")
    assert packet_times(target, "audio") == pytest.approx(packet_times(source, "audio"))


@pytest.mark.parametrize("extension", ["avi", "mp4", "mkv"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_a_part_of_an_avi_film_is_the_right_part(tmp_path, codec: str, extension: str) -> None:
    options = {"bf": "2", "preset": "medium"} if codec == "libx264" else {}
    clip = Clip(num_frames=50, codec=codec, options=options, audio=("eng",), audio_codec="ac3")
    source = make_clip(tmp_path / "in.avi", clip)
    target = tmp_path / f"out.{extension}"
    _, _, report = repaint(source, target, begin=0.6, end=1.4)
    found = pictures(target)
    assert report.num_frames == len(found) == 20
    for place in (0, 19):
        # The bar of a made picture is back at its place after 30 frames.
        far = [difference(found[place], picture(index, clip.size_hw)) for index in range(30)]
        assert int(np.argmin(far)) == (15 + place) % 30
    sound = packet_times(target, "audio")
    assert sound[0] == pytest.approx(0, abs=0.05)
    assert sound[-1] == pytest.approx(0.8, abs=0.05)
    kept, whole = packet_hashes(target, "audio")[0], packet_hashes(source, "audio")[0]
    begin = whole.index(kept[0])
    assert kept == whole[begin : begin + len(kept)]
    assert packet_times(source, "audio")[begin] == pytest.approx(0.6, abs=0.05)


def test_progress_counts_what_an_edit_list_shows(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", Clip(num_frames=50, options={"g": "50"}))
    source = tmp_path / "in.mp4"
    # From the middle on, by copying: mp4 keeps the frames from the last keyframe on and hides them.
    with av.open(str(whole)) as old, av.open(str(source), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.stream = stream
                packet.pts, packet.dts = packet.pts - 12800, packet.dts - 12800
                new.mux(packet)
    frames, _, report = repaint(source, tmp_path / "out.mp4")
    with av.open(str(source)) as container:
        assert container.streams.video[0].frames == 50
    assert report.num_frames == 25
    assert frames.info.num_frames == 25
    assert frames.damage is None
    assert video_times(tmp_path / "out.mp4") == video_times(source)


def test_what_does_not_fit_is_converted_and_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(audio=("eng",), subtitles=("deu",)))
    _, sink, _ = repaint(source, tmp_path / "out.webm")
    assert [(each.kind, each.note) for each in sink.report] == [
        ("audio", "converted to libopus"),
        ("subtitle", "converted to webvtt, plain text"),
    ]
    with av.open(str(tmp_path / "out.webm")) as container:
        assert [stream.codec_context.name for stream in container.streams][1:] == ["opus", "webvtt"]
        assert container.streams[2].metadata["language"] == "deu"
        sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
    assert sum(each.shape[1] for each in sound) == pytest.approx(48000, rel=0.05)
    with av.open(str(tmp_path / "out.webm")) as container:
        texts = [bytes(packet) for packet in container.demux(subtitles=0) if packet.size]
    assert texts == [b"deu 0", b"deu 10", b"deu 20"]


def test_only_one_film_of_several_is_painted_and_data_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "in.ts"
    with av.open(str(source), "w", format="mpegts") as output:
        streams = [output.add_stream("libx264", rate=25) for _ in range(2)]
        for place, stream in enumerate(streams):
            stream.width, stream.height = (128, 96) if place == 0 else (64, 48)
        data = output.add_data_stream("klv")
        for index in range(20):
            for stream in streams:
                pixels = picture(index, (stream.height, stream.width))
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            packet = av.Packet(b"0123456789abcdef")
            packet.stream, packet.pts, packet.dts = data, index * 3600, index * 3600
            packet.time_base = Fraction(1, 90000)
            output.mux(packet)
        for stream in streams:
            output.mux(stream.encode(None))
    _, sink, report = repaint(source, tmp_path / "out.mp4")
    assert report.num_frames == 20
    assert [(each.kind, each.is_kept) for each in sink.report] == [
        ("video", False),
        ("data", False),
    ]
    assert all(each.note for each in sink.report)


def test_a_trimmed_film_takes_its_sound_and_chapters_along(tmp_path: Path) -> None:
    clip = Clip(num_frames=75, audio=("eng",), chapters=(("A", 0, 1.5), ("B", 1.5, 3)))
    source = make_clip(tmp_path / "in.mp4", clip)
    _, _, report = repaint(source, tmp_path / "out.mp4", begin=1.0, end=2.0)
    assert report.num_frames == 25
    times = video_times(tmp_path / "out.mp4")
    assert (times[0], times[-1]) == (0, Fraction(24, 25))
    sound = packet_times(tmp_path / "out.mp4", "audio")
    assert -0.022 < sound[0] < 0.022
    assert sound[-1] == pytest.approx(1.0, abs=0.03)
    begin = packet_hashes(source, "audio")[0].index(
        packet_hashes(tmp_path / "out.mp4", "audio")[0][0]
    )
    assert packet_times(source, "audio")[begin] == pytest.approx(1.0 + sound[0], abs=1e-3)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert chapters_of(container) == [("A", 0.0, 0.5), ("B", 0.5, 1.0)]


def test_tags_that_are_no_utf8_do_not_matter(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "in.mp4", Clip(num_frames=3, metadata={"title": "Caf\u00e9 au lait"})
    )
    content = source.read_bytes()
    assert "Café".encode() in content
    source.write_bytes(content.replace("Café".encode(), b"Caf\xff\xfe"))
    _, _, report = repaint(source, tmp_path / "out.mp4")
    assert report.num_frames == 3


@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
def test_sound_longer_than_the_picture_is_no_damage(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / f"in.{extension}", Clip(audio=("eng",), audio_seconds=2.0))
    frames, _, _ = repaint(source, tmp_path / f"out.{extension}")
    assert frames.damage is None
    assert packet_hashes(tmp_path / f"out.{extension}", "audio") == packet_hashes(source, "audio")
    cut_off(source, 0.9)
    assert source.stat().st_size > 0


def film_with_sound(path: Path, codec: str, layout: str, rate: int = 48000) -> Path:
    """A second of silence beside a picture, in loudspeakers of one's choice."""
    with av.open(str(path), "w") as output:
        video, sound = output.add_stream("libx264", rate=25), output.add_stream(codec, rate=rate)
        assert isinstance(sound, av.AudioStream)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        sound.layout = layout
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(picture(index, (96, 128)), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(video.encode(frame))
        resampler = av.AudioResampler(sound.format, layout, rate)
        silence = np.zeros((sound.layout.nb_channels, rate), np.float32)
        wave = av.AudioFrame.from_ndarray(silence, "fltp", layout)
        wave.sample_rate, wave.pts, wave.time_base = rate, 0, Fraction(1, rate)
        for resampled in resampler.resample(wave):
            output.mux(sound.encode(resampled))
        output.mux([*video.encode(None), *sound.encode(None)])
    return path


def kinds_of(path: Path) -> list[tuple[str, str]]:
    """Kind and codec of every stream that a reader finds."""
    with av.open(str(path)) as container:
        return [
            (each.type, each.codec_context.codec.canonical_name if each.codec_context else "")
            for each in container.streams
        ]


@pytest.mark.parametrize(
    ("codec", "layout", "extension"),
    [("ac3", "5.1(side)", "webm"), ("pcm_s16le", "stereo", "webm"), ("pcm_s16le", "stereo", "ts")],
)
def test_sound_of_any_loudspeakers_is_converted(
    tmp_path: Path, codec: str, layout: str, extension: str
) -> None:
    source = film_with_sound(tmp_path / "in.mkv", codec, layout)
    _, sink, _ = repaint(source, tmp_path / f"out.{extension}")
    (sound,) = sink.report
    assert sound.is_kept and "converted" in sound.note
    with av.open(str(tmp_path / f"out.{extension}")) as container:
        stream = container.streams.audio[0]
        assert stream.layout.nb_channels == av.AudioLayout(layout).nb_channels
        num_samples = sum(frame.samples for frame in container.decode(stream))
    assert num_samples / 48000 == pytest.approx(1, abs=0.06)


def test_sound_that_no_encoder_takes_is_left_out_by_name(tmp_path: Path) -> None:
    source = film_with_sound(tmp_path / "in.mkv", "flac", "stereo", rate=192000)
    _, sink, report = repaint(source, tmp_path / "out.mov")
    assert report.num_frames == 25
    assert [(each.codec, each.is_kept, bool(each.note)) for each in sink.report] == [
        ("flac", False, True)
    ]


@pytest.mark.parametrize("extension", ["mp4", "webm"])
def test_a_subtitle_that_is_no_utf8_costs_only_itself(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(subtitles=("eng",)))
    source.write_bytes(source.read_bytes().replace(b"eng 10", b"caf\xe9 1"))
    _, sink, report = repaint(source, tmp_path / f"out.{extension}")
    assert report.num_frames == 25
    (text,) = sink.report
    assert text.is_kept and "1 damaged packet" in text.note
    (hashes,) = packet_hashes(tmp_path / f"out.{extension}", "subtitle").values()
    assert len(hashes) >= 2


def test_a_subtitle_too_long_for_mp4_costs_only_itself(tmp_path: Path) -> None:
    clip = Clip(subtitles=("x" * 70_000, "eng"))
    source = make_clip(tmp_path / "in.mkv", clip)
    _, sink, report = repaint(source, tmp_path / "out.mp4")
    assert report.num_frames == 25
    assert ["damaged packets" in each.note for each in sink.report] == [True, False]


@pytest.mark.parametrize("codec", ["flac", "pcm_s16le", "aac", "libopus"])
def test_a_transport_stream_holds_what_is_said_to_be_kept(tmp_path: Path, codec: str) -> None:
    clip = Clip(audio=("eng",), audio_codec=codec, subtitles=("eng",))
    source = make_clip(tmp_path / "in.mkv", clip)
    _, sink, _ = repaint(source, tmp_path / "out.ts")
    sound, text = sink.report
    assert sound.is_kept and ("converted" in sound.note) == (codec in ("flac", "pcm_s16le"))
    assert not text.is_kept and "cannot hold" in text.note
    expected = "opus" if codec == "libopus" else "aac"
    assert kinds_of(tmp_path / "out.ts") == [("video", "h264"), ("audio", expected)]


@pytest.mark.parametrize("extension", ["mov", "ts", "avi", "webm"])
def test_a_cover_without_a_place_is_said_to_be_left_out(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=3, cover=True))
    _, sink, _ = repaint(source, tmp_path / f"out.{extension}")
    (cover,) = sink.report
    assert not cover.is_kept and "no covers" in cover.note
    assert len(kinds_of(tmp_path / f"out.{extension}")) == 1


@pytest.mark.parametrize("extension", ["mkv", "mp4"])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_a_late_start_keeps_sound_and_picture_together_in_avi(
    tmp_path: Path, extension: str, codec: str
) -> None:
    lags = []
    for name, start in (("early", 0), ("late", 3)):
        clip = Clip(audio=("eng",), audio_codec=codec, start_seconds=Fraction(start))
        source = make_clip(tmp_path / f"{name}.{extension}", clip)
        repaint(source, tmp_path / f"{name}.avi")
        sound = packet_times(tmp_path / f"{name}.avi", "audio")[0]
        lags.append(float(video_times(tmp_path / f"{name}.avi")[0]) - sound)
    assert lags[1] == pytest.approx(lags[0], abs=0.041)  # AVI counts pictures


def test_a_recording_of_a_browser_becomes_webm_with_its_own_timestamps(tmp_path: Path) -> None:
    pts = (0, 17, 50, 83, 133, 150, 184, 201, 1000)
    clip = Clip(
        num_frames=len(pts),
        rate=Fraction(1000),
        pts=pts,
        time_base=Fraction(1, 1000),
        codec="libvpx",
        options={"deadline": "realtime", "cpu-used": "8"},
    )
    source = make_clip(tmp_path / "in.webm", clip)
    frames, _, _ = repaint(source, tmp_path / "out.webm")
    assert frames.info.rate == 1000
    assert video_times(tmp_path / "out.webm") == [Fraction(each, 1000) for each in pts]
