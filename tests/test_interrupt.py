"""Ctrl-C, kill -9 and full disks: no half file under its name, nothing left that stays."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import pytest

from rtstyle.capture.video import VideoSource
from rtstyle.cli import main
from rtstyle.cli.progress import ProgressReport
from rtstyle.errors import SinkError
from rtstyle.runner import Progress, run
from rtstyle.sink.output_file import part_path, remove_stale_parts
from rtstyle.sink.video import VideoSink, VideoSinkOptions
from tests.media import CONTROLS, Clip, make_clip, packet_times, pipeline, repaint, video_times

CHAPTERS = (("One", 0.0, 1.0), ("Two", 1.0, 3.0), ("Three", 3.0, 4.0))
CLIP = Clip(num_frames=100, audio=("eng",), chapters=CHAPTERS)


def stop_after(source: Path, target: Path, num_frames: int) -> VideoSink:
    """Paint a file and ask to stop after some frames."""
    stop = threading.Event()
    count = itertools.count(1)
    sink = VideoSink(target, VideoSinkOptions(source_path=source))

    def on_progress(_progress: object) -> None:
        if next(count) >= num_frames:
            stop.set()

    report = run(VideoSource(source), pipeline(), sink, CONTROLS, on_progress, stop)
    assert report.interrupted
    return sink


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_stopping_leaves_a_playable_partial_file(tmp_path: Path, extension: str) -> None:
    source = make_clip(tmp_path / f"in.{extension}", CLIP)
    sink = stop_after(source, tmp_path / f"out.{extension}", 40)
    partial = tmp_path / f"out.partial.{extension}"
    assert sink.written_path == partial
    assert sorted(tmp_path.iterdir()) == sorted([source, partial])
    times = video_times(partial)
    assert 40 <= len(times) < 60
    length = float(times[-1]) + 0.04
    assert packet_times(partial, "audio")[-1] == pytest.approx(length, abs=0.06)
    with av.open(str(partial)) as container:
        ends = [float(each["end"] * (each["time_base"] or 1)) for each in container.chapters()]
    assert len(ends) == 2
    assert ends[-1] == pytest.approx(length, abs=0.002)


def test_stopping_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=5))
    stop = threading.Event()
    stop.set()
    sink = VideoSink(tmp_path / "out.mp4", VideoSinkOptions(source_path=source))
    run(VideoSource(source), pipeline(), sink, CONTROLS, stop=stop)
    assert sink.written_path is None
    assert list(tmp_path.iterdir()) == [source]


def start(source: Path, target: Path) -> subprocess.Popen[str]:
    """Start the command in a process of its own; returns once the output has been begun."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "rtstyle", "video", str(source), str(target)),
            *("--backend", "identity", "--overwrite"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(target.parent.glob(".*.part")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    return process


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """Takes the command some seconds, which a test never waits for."""
    return make_clip(tmp_path / "in.mkv", Clip(num_frames=3000, size_hw=(48, 64)))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_a_partial_file_and_its_code(
    tmp_path: Path, long_clip: Path, number: signal.Signals
) -> None:
    process = start(long_clip, tmp_path / "out.mkv")
    process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, error
    assert "Traceback" not in error
    assert not (tmp_path / "out.mkv").exists()
    assert len(video_times(tmp_path / "out.partial.mkv")) < 3000
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_killed_run_leaves_no_half_file_and_the_next_one_clears_up(
    tmp_path: Path, long_clip: Path
) -> None:
    target = tmp_path / "out.mkv"
    process = start(long_clip, target)
    process.kill()
    process.communicate()
    assert not target.exists()
    assert len(list(tmp_path.glob(".out.mkv.*.part"))) == 1
    repaint(make_clip(tmp_path / "short.mkv", Clip(num_frames=3)), target)
    assert len(video_times(target)) == 3
    assert not list(tmp_path.glob(".*"))


def test_only_parts_of_dead_processes_and_of_this_output_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    target = tmp_path / "out.mp4"
    stale = tmp_path / f".out.mp4.{ended.pid}.part"
    others = [tmp_path / f".out.mp4.{os.getppid()}.part", tmp_path / f".b.mp4.{ended.pid}.part"]
    for path in (stale, *others):
        path.write_bytes(b"x")
    assert remove_stale_parts(target) == [stale]
    assert all(path.exists() for path in others)


def test_a_full_disk_is_one_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=10))

    def full(_part: Path, _path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rtstyle.sink.video.put_under_name", full)
    with pytest.raises(SinkError, match="no space left"):
        repaint(source, tmp_path / "out.mkv")
    assert list(tmp_path.iterdir()) == [source]


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 8 kB; only root can have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("cannot mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
def test_a_disk_that_fills_up_is_one_error(
    tmp_path: Path, small_disk: Path, extension: str
) -> None:
    source = make_clip(tmp_path / "in.mkv", Clip(num_frames=60, size_hw=(240, 320)))
    with pytest.raises(SinkError, match="no space left") as caught:
        repaint(source, small_disk / f"out.{extension}")
    assert caught.value.exit_code == 4
    assert len(str(caught.value).splitlines()) <= 3
    assert list(small_disk.iterdir()) == []


def test_the_hidden_name_is_in_the_same_folder(tmp_path: Path) -> None:
    assert part_path(tmp_path / "a.mp4") == tmp_path / f".a.mp4.{os.getpid()}.part"


def test_a_second_signal_leaves_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_clip(tmp_path / "in.mp4", Clip(num_frames=50))

    def twice(self: ProgressReport, progress: Progress) -> None:
        if progress.num_frames == 10:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressReport, "__call__", twice)
    arguments = ["video", str(source), str(tmp_path / "out.mp4"), "--json", "--backend", "identity"]
    monkeypatch.setattr(sys, "argv", ["rtstyle", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    told = capsys.readouterr()
    assert json.loads(told.out)["output"] is None
    assert "partial" not in told.err and "nothing kept" in told.err
    assert list(tmp_path.iterdir()) == [source]
