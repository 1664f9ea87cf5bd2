"""Frames of video files: what the source tells, trims, and refuses."""

from __future__ import annotations

import http.server
import re
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from rtstyle.capture import open_source
from rtstyle.capture.timestamps import FrameClock
from rtstyle.capture.video import VideoSource, VideoSourceOptions
from rtstyle.cli import main
from rtstyle.errors import SourceError, UsageError
from tests.media import Clip, make_clip, video_times
from tests.mjpeg_server import MJPEGServer


def test_info_tells_what_is_in_the_file(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", Clip(num_frames=50, rotation=90))
    source = VideoSource(path)
    info = source.info
    assert (info.width, info.height) == (96, 128)  # turned upright
    assert info.rate == 25
    assert info.num_frames == 50
    assert info.duration_seconds == pytest.approx(2.0)
    assert info.path == path
    frames = list(source)
    assert len(frames) == 50
    assert all(frame.pixels.shape == (128, 96, 3) for frame in frames)
    assert [frame.index for frame in frames] == list(range(50))
    assert source.damage is None


@pytest.mark.parametrize("extension", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(("begin", "end"), [(1.0, 2.0), (None, 0.5), (2.5, None), (0.021, 0.1)])
def test_start_and_end_choose_the_frames_between(
    tmp_path: Path, extension: str, begin: float | None, end: float | None
) -> None:
    path = make_clip(tmp_path / f"in.{extension}", Clip(num_frames=75, options={"g": "20"}))
    times = [each - video_times(path)[0] for each in video_times(path)]
    wanted = [each for each in times if (begin or 0) <= each and (end is None or each < end)]
    source = VideoSource(path, VideoSourceOptions(begin, end))
    frames = list(source)
    assert len(frames) == len(wanted)
    first = frames[0].pts * frames[0].time_base - video_times(path)[0]
    assert float(first) == pytest.approx(float(wanted[0]), abs=1e-3)
    assert source.damage is None


@pytest.mark.parametrize("default", [None, 0])
def test_of_two_films_in_one_file_the_default_one_is_painted_else_the_larger(
    tmp_path: Path, default: int | None
) -> None:
    path = tmp_path / "in.mkv"
    with av.open(path, "w") as output:
        streams = [output.add_stream("libx264", rate=25) for _ in range(2)]
        for number, stream in enumerate(streams):
            stream.width, stream.height = 64 + 64 * number, 48 + 48 * number
            stream.disposition = Disposition.default if number == default else Disposition(0)
        for stream in streams:
            picture = av.VideoFrame(stream.width, stream.height, "yuv420p")
            picture.pts = 0
            output.mux([*stream.encode(picture), *stream.encode(None)])
    source = VideoSource(path)
    assert source.info.width == (128 if default is None else 64)
    source.close()


def test_impossible_trims_are_usage_errors(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", Clip(num_frames=25))
    with pytest.raises(UsageError, match="past the end"):
        VideoSource(path, VideoSourceOptions(start_seconds=5.0))
    with pytest.raises(UsageError, match="--end"):
        VideoSourceOptions(start_seconds=2.0, end_seconds=1.0)
    with pytest.raises(UsageError, match="negative"):
        VideoSourceOptions(start_seconds=-1.0)


def test_closing_in_the_middle_ends_iteration(tmp_path: Path) -> None:
    source = VideoSource(make_clip(tmp_path / "in.mp4", Clip(num_frames=50)))
    seen = 0
    for _ in source:
        seen += 1
        if seen == 5:
            source.close()
    assert seen == 5
    source.close()
    unread = VideoSource(tmp_path / "in.mp4")
    unread.close()
    assert list(unread) == []


def test_the_clock_leaves_good_timestamps_alone_and_repairs_the_others() -> None:
    clock = FrameClock(Fraction(1, 1000), Fraction(25))
    assert [clock(pts) for pts in (0, 41, 300, 301)] == [0, 41, 300, 301]
    assert clock.num_repaired == 0
    assert clock(None) == 341
    assert clock(120) == 381  # a glitch: the next good one counts again
    assert clock(1000) == 1000
    assert clock(0) == 1040  # the clock was set anew: all that follows moves along
    assert clock(40) == 1080
    assert clock.num_repaired == 3


def test_the_chooser_knows_files_and_the_synthetic_source(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", Clip(num_frames=3))
    assert isinstance(open_source(str(path)), VideoSource)
    assert open_source("synthetic").info.name == "synthetic"
    with pytest.raises(SourceError, match="no such file"):
        open_source(str(tmp_path / "none.mp4"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves the folder on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_url_is_read_over_the_network(tmp_path: Path, server: str) -> None:
    make_clip(tmp_path / "in.mkv", Clip(num_frames=10))
    source = open_source(f"{server}/in.mkv")
    assert source.info.path is None
    assert len(list(source)) == 10


def test_a_playlist_behind_a_url_opens_no_further_address(tmp_path: Path, server: str) -> None:
    make_clip(tmp_path / "in.ts", Clip(num_frames=10))
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{server}/in.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError):
        open_source(f"{server}/list.m3u8")


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(SourceError) as caught:
        open_source("http://user:secret@127.0.0.1:9/in.mp4")
    assert "secret" not in str(caught.value)


def test_a_live_stream_that_cannot_seek_is_read_up_to_the_start() -> None:
    with MJPEGServer() as camera:
        source = VideoSource(camera.url, VideoSourceOptions(start_seconds=0.4, end_seconds=0.8))
        seconds = [frame.pts_seconds for frame in source]
    assert seconds and min(seconds) >= 0.4 and max(seconds) < 0.8


@pytest.mark.parametrize("extension", ["mp4", "ts"])
@pytest.mark.parametrize("begin", [None, 1.0])
def test_progress_begins_where_the_clock_of_the_file_does(
    tmp_path: Path,
    extension: str,
    begin: float | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip = Clip(num_frames=50, start_seconds=Fraction(600))
    make_clip(tmp_path / f"in.{extension}", clip)
    monkeypatch.setattr("rtstyle.cli.progress.LINE_EVERY_SECONDS", 0.0)
    trim = [] if begin is None else ["--start", str(begin)]
    files = [str(tmp_path / f"in.{extension}"), str(tmp_path / "out.mkv")]
    monkeypatch.setattr(sys, "argv", ["rtstyle", "video", *files, *trim, "--backend", "identity"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    shares = [int(each) for each in re.findall(r", (\d+)%, ", capsys.readouterr().err)]
    assert len(shares) > 10 and shares == sorted(shares)
    assert shares[0] < 20 and 90 <= shares[-1] <= 100
