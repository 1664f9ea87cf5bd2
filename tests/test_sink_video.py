"""Video files as output: checks before any work, codecs, sizes; and many at once."""

from __future__ import annotations

import itertools
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtstyle.cli import main
from rtstyle.container import PictureFormat
from rtstyle.errors import SinkError, UsageError
from rtstyle.frame import Frame
from rtstyle.sink.encoding import EncoderOptions, choose_pix_fmt
from rtstyle.sink.video import VideoSink, VideoSinkOptions, check_output
from tests.media import Clip, cut_off, make_clip, picture, pictures, video_times


def write(path: Path, options: VideoSinkOptions | None = None) -> Path:
    """Frames from nowhere into a file."""
    sink = VideoSink(path, options or VideoSinkOptions())
    for index in range(5):
        sink.write(Frame(picture(index, (96, 128)), index, index * 40, Fraction(1, 1000)))
    sink.close()
    return path


@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv", "webm", "avi", "ts", "m4v"])
def test_frames_without_a_file_behind_them_are_written(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"out.{extension}")
    times = video_times(path)
    assert np.diff([float(each) for each in times]) == pytest.approx(0.04, abs=1e-3)
    assert np.abs(pictures(path)[0].astype(int) - picture(0, (96, 128))).mean() < 6
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=2))
    with pytest.raises(UsageError, match="input itself"):
        check_output(source, source, overwrite=True)
    (tmp_path / "link.mp4").symlink_to(source)
    with pytest.raises(UsageError, match="input itself"):
        check_output(tmp_path / "link.mp4", source, overwrite=True)
    for path, message in (
        (tmp_path / "out.xyz", "unknown extension"),
        (tmp_path / "out", "no extension"),
        (tmp_path / "none" / "out.mp4", "does not exist"),
        (source, "exists already"),
    ):
        with pytest.raises(SinkError, match=message) as caught:
            check_output(path, None)
        assert caught.value.exit_code == 4
    check_output(source, None, overwrite=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match="not writable"):
        check_output(tmp_path / "out.mp4", None)


@pytest.mark.parametrize(("codec", "message"), [("nosuch", "unknown encoder"), ("aac", "no video")])
def test_wrong_encoders_are_refused(tmp_path: Path, codec: str, message: str) -> None:
    with pytest.raises(SinkError, match=message):
        VideoSink(tmp_path / "out.mp4", VideoSinkOptions(codec=codec))
    assert list(tmp_path.iterdir()) == []


def test_a_codec_that_the_container_cannot_hold_is_one_error(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.webm", VideoSinkOptions(codec="libx264"))
    with pytest.raises(SinkError, match="cannot hold"):
        sink.write(Frame(picture(0, (96, 128)), 0, 0, Fraction(1, 25)))
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_options_that_were_not_given_are_not_blamed_for_an_encoder(tmp_path: Path) -> None:
    for options, fix in (
        (VideoSinkOptions(codec="h261"), "take another --codec"),
        (VideoSinkOptions(preset="nosuch"), "leave --preset and --crf away, or take another"),
        (VideoSinkOptions(codec="mjpeg", crf=0), "leave --preset and --crf away, or take another"),
    ):
        sink = VideoSink(tmp_path / "out.avi", options)
        with pytest.raises(SinkError, match="does not open") as caught:
            sink.write(Frame(picture(0, (96, 128)), 0, 0, Fraction(1, 25)))
        sink.abort()
        assert caught.value.fix.startswith(fix)


@pytest.mark.parametrize(("codec", "crfs"), [("libx264", (5, 40)), ("mpeg2video", (3, 31))])
def test_quality_and_preset_reach_the_encoder(
    tmp_path: Path, codec: str, crfs: tuple[int, int]
) -> None:
    options = [VideoSinkOptions(codec=codec, crf=crf, preset="fast") for crf in crfs]
    sizes = [write(tmp_path / f"{each.crf}.mp4", each).stat().st_size for each in options]
    assert sizes[0] > 1.3 * sizes[1]


@pytest.mark.parametrize(
    ("codec", "extension"),
    [
        *(("mjpeg", each) for each in ("avi", "mov", "mp4", "mkv")),
        *(("mpeg2video", each) for each in ("mov", "mp4", "mkv", "ts")),
        ("dnxhd", "mov"),
    ],
)
def test_old_codecs_keep_times_and_colours(tmp_path: Path, codec: str, extension: str) -> None:
    path, pts = tmp_path / f"out.{extension}", (0, 3600, 9000, 10800, 18000)
    sink = VideoSink(path, VideoSinkOptions(codec=codec, rate=Fraction(25)))
    painted = [picture(index, (144, 256)) for index in range(len(pts))]
    for index, pixels in enumerate(painted):
        sink.write(Frame(pixels, index, pts[index], Fraction(1, 90000)))
    sink.close()
    tolerance = 0.021 if extension == "avi" else 1e-3  # AVI counts frames
    times = [float(each) for each in video_times(path)]
    assert times == pytest.approx([each / 90000 for each in pts], abs=tolerance)
    for shown, pixels in zip(pictures(path), painted, strict=True):
        assert np.abs(shown.astype(int) - pixels).mean() < 3


@pytest.mark.parametrize("codec", ["mjpeg", "libsvtav1"])
def test_a_transport_stream_takes_only_what_it_has_a_name_for(tmp_path: Path, codec: str) -> None:
    with pytest.raises(SinkError, match="cannot hold"):
        VideoSink(tmp_path / "out.ts", VideoSinkOptions(codec=codec))


def test_no_frame_at_all_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4")
    with pytest.raises(SinkError, match="no frame"):
        sink.close()
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_the_width_is_that_of_the_frames_not_of_the_input(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=2, audio=("eng",)))
    sink = VideoSink(tmp_path / "out.mp4", VideoSinkOptions(source_path=source))
    for index in range(2):
        pixels = np.hstack([picture(index, (96, 128))] * 2)
        sink.write(Frame(np.ascontiguousarray(pixels), index, index, Fraction(1, 25)))
    sink.close()
    assert pictures(tmp_path / "out.mp4")[0].shape == (96, 256, 3)


@pytest.mark.parametrize(
    ("stored", "codec", "expected"),
    [
        ("yuvj422p", "libx264", "yuv420p"),
        ("yuv422p10le", "libx264", "yuv422p10le"),
        ("yuv444p", "libx264", "yuv444p"),
        ("yuv444p10le", "libsvtav1", "yuv420p10le"),
        ("bgra", "libx264", "yuv420p"),
        ("gray", "libx264", "yuv420p"),
        ("yuv420p12le", "libx264", "yuv420p10le"),
        ("yuv420p", "prores_ks", "yuv422p10le"),
        ("yuv444p10le", "prores_ks", "yuv444p10le"),
        ("yuv420p10le", "dnxhd", "yuv422p10le"),
    ],
)
def test_depth_and_chroma_are_kept_as_far_as_the_encoder_goes(
    stored: str, codec: str, expected: str
) -> None:
    assert choose_pix_fmt(PictureFormat(stored), codec) == expected


def test_packets_are_interleaved_as_they_come(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=100, audio=("eng",)))
    sink = VideoSink(tmp_path / "out.mkv", VideoSinkOptions(source_path=source))
    for index in range(100):
        sink.write(Frame(picture(index, (96, 128)), index, index * 40, Fraction(1, 1000)))
    sink.close()
    with av.open(str(tmp_path / "out.mkv")) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    runs = [len(list(group)) for _, group in itertools.groupby(kinds)]
    assert max(runs) < 30


def test_batch_skips_what_is_there_and_reports_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    make_clip(folder / "a.mp4", Clip(num_frames=3))
    make_clip(folder / "b.gif", Clip(num_frames=3, codec="gif", pix_fmt="rgb8", rate=Fraction(10)))
    cut_off(make_clip(folder / "c.mkv", Clip(num_frames=50)), 0.5)
    (folder / "d.mp4").write_text("no video")

    def states() -> tuple[int, dict[str, str]]:
        arguments = ["batch", str(folder), "--out", str(out), "--backend", "identity", "--json"]
        monkeypatch.setattr(sys, "argv", ["rtstyle", *arguments, "--workers", "2"])
        with pytest.raises(SystemExit) as end:
            main()
        files = json.loads(capsys.readouterr().out)["files"]
        return int(end.value.code or 0), {
            Path(each["source"]).name: each["state"] for each in files
        }

    failed = {"c.mkv": "failed", "d.mp4": "failed"}
    assert states() == (7, {"a.mp4": "done", "b.gif": "done", **failed})
    assert {path.name for path in out.iterdir()} == {"a.mp4", "b.mp4", "c.partial.mkv"}
    (folder / "c.mkv").unlink()
    assert states() == (3, {"a.mp4": "skipped", "b.gif": "skipped", "d.mp4": "failed"})


def test_a_preset_of_the_users_own_is_taken_as_it_is() -> None:
    assert EncoderOptions("libx264", preset="slow").settings() == {"preset": "slow", "crf": "18"}
    assert EncoderOptions("libx264", crf=23).settings()["crf"] == "23"


def test_an_input_is_not_lost_to_the_partial_output_of_a_run_over_it(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.partial.mp4", Clip(num_frames=2))
    with pytest.raises(UsageError, match="over the input") as caught:
        VideoSink(tmp_path / "clip.mp4", VideoSinkOptions(source_path=source))
    assert len(str(caught.value).splitlines()) <= 3
    check_output(tmp_path / "other.mp4", source)
    assert list(tmp_path.iterdir()) == [source]
