"""Live sessions: newest wins, nothing waits, everything ends, losses are survived."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from live_runs import (
    KeepingSink,
    TintEngine,
    bank,
    make_session,
    small_camera,
    wait_until,
)
from mjpeg_server import MJPEGServer

from rtstyle.capture.camera import CameraMode
from rtstyle.capture.live import open_live
from rtstyle.controls import Controls
from rtstyle.errors import EngineError, SinkError
from rtstyle.frame import Frame, Pixels
from rtstyle.sink.output_file import PartFile, part_path
from rtstyle.sink.recorder import Recorder
from rtstyle.style import Style
from rtstyle.takes import Takes
from rtstyle.thumbnails import Thumbnails

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


def test_frames_come_painted_in_order_with_the_original_beside() -> None:
    session, sink = make_session(), KeepingSink()
    session.add_sink(sink)
    session.start()
    wait_until(lambda: len(sink.frames) >= 10)
    session.close()
    assert sink.is_closed
    indexes = [frame.index for frame in sink.frames]
    assert indexes == sorted(set(indexes))
    assert all((frame.pixels == 10).all() for frame in sink.frames)
    assert all(frame.original is not None for frame in sink.frames)


def test_a_slow_engine_gets_the_newest_frame_and_the_rest_is_counted() -> None:
    session = make_session(engine=TintEngine(seconds=0.08 * (720 / 96) ** 2))
    sink = KeepingSink()
    session.add_sink(sink)
    ages: list[float] = []
    session.start()
    while len(ages) < 8:
        wait_until(lambda: len(sink.frames) > len(ages))
        ages.append(time.monotonic() - sink.frames[-1].captured_at_seconds)
    session.close()
    status = session.final_status()
    assert status.num_dropped > status.num_painted
    assert status.num_captured == pytest.approx(status.num_painted + status.num_dropped, abs=2)
    assert min(ages[4:]) < 0.3


def test_controls_are_read_for_every_frame() -> None:
    session, sink = make_session(), KeepingSink()
    session.add_sink(sink)
    session.start()
    session.desk.choose_number(7)
    wait_until(lambda: sink.frames and (sink.frames[-1].pixels == 70).all())
    session.desk.choose_number(3)
    wait_until(lambda: (sink.frames[-1].pixels == 30).all())
    session.desk.set(strength=0.0)
    wait_until(lambda: (sink.frames[-1].pixels == sink.frames[-1].original).all())
    session.close()


def test_a_mix_fades_in_style_space_over_many_frames() -> None:
    engine = TintEngine()
    session = make_session(engine=engine)
    session.start()
    wait_until(lambda: engine.values)
    session.desk.mix_on(time.monotonic())
    wait_until(lambda: 1.5 in engine.values)
    session.close()
    faded = sorted({value for value in engine.values if 1 < value < 2})
    assert len(faded) > 5 and faded[-1] == 1.5


@pytest.mark.parametrize("draws_split", [True, False])
def test_the_split_is_left_to_a_window_that_draws_it(draws_split: bool) -> None:
    controls = Controls((("a", 1.0),), smooth=0.0, compare="split")
    session, sink = make_session(controls=controls, draws_split=draws_split), KeepingSink()
    session.add_sink(sink)
    session.start()
    wait_until(lambda: sink.frames)
    session.close()
    assert (sink.frames[0].pixels == 10).all() == draws_split


def test_a_slow_sink_with_its_own_handoff_does_not_hold_up_another(tmp_path: Path) -> None:
    session, window = make_session(), KeepingSink()
    recorder = Recorder(tmp_path / "out.mkv")
    recorder._sink.write = lambda frame: time.sleep(0.3)  # type: ignore[method-assign]
    session.add_sink(recorder)
    session.add_sink(window)
    session.start()
    wait_until(lambda: len(window.frames) >= 30)
    session.remove_sink(recorder)
    session.close()
    assert recorder.num_dropped > 0
    recorder.abort()


def test_the_governor_moves_the_size_and_the_output_keeps_its_own() -> None:
    engine = TintEngine(seconds=0.2)
    session = make_session(small_camera(30, (720, 1280)), engine)
    sink = KeepingSink()
    session.add_sink(sink)
    session.start()
    wait_until(lambda: min(engine.heights[:-1] or [720]) < 720, 60)
    wait_until(lambda: sink.frames[-1].index > 5)
    session.close()
    assert {frame.pixels.shape for frame in sink.frames} == {(720, 1280, 3)}
    assert session.final_status().num_size_changes >= 1


def test_a_pinned_size_stays() -> None:
    engine = TintEngine(seconds=1.0)
    controls = Controls((("a", 1.0),), smooth=0.0, size_px=64)
    session = make_session(engine=engine, controls=controls)
    session.start()
    wait_until(lambda: len(engine.heights) > 14)
    session.close()
    assert set(engine.heights) == {64}
    assert session.final_status().is_pinned


class FailingEngine(TintEngine):
    def stylize(self, pixels: Pixels, style: Style) -> Pixels:
        if len(self.values) == 3:
            raise EngineError("out of memory")
        return super().stylize(pixels, style)


def test_an_error_of_a_stage_ends_the_session_and_reaches_the_caller() -> None:
    session = make_session(engine=FailingEngine())
    session.start()
    assert session.ended.wait(5)
    with pytest.raises(EngineError, match="out of memory"):
        session.close()


def test_the_error_of_a_vital_sink_ends_the_session_any_other_is_a_notice() -> None:
    session, failing, window = make_session(), KeepingSink(fails_at=2), KeepingSink()
    failing.error = SinkError("the disk is full")
    session.add_sink(failing)
    session.add_sink(window)
    session.start()
    wait_until(lambda: len(window.frames) > 10)
    assert session.notice == "the disk is full" and len(failing.frames) == 2
    vital = KeepingSink(fails_at=2)
    vital.error = SinkError("the camera has vanished")
    session.add_sink(vital, is_vital=True)
    assert session.ended.wait(5)
    with pytest.raises(SinkError, match="vanished"):
        session.close()


def test_a_lost_camera_is_told_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtstyle.capture.steady.FIRST_WAIT_SECONDS", 0.3)
    script = [("play", 20), ("drop", 0), ("play", 20), ("drop", 0)]
    with MJPEGServer(script) as server:
        session, sink = make_session(open_live(server.url, CameraMode())), KeepingSink()
        session.add_sink(sink)
        session.start()
        wait_until(lambda: "lost" in session.notice)
        held = session.latest_frame
        assert held is not None
        wait_until(lambda: session.latest_frame is not held)
        wait_until(lambda: session.source.num_losses == 2 and not session.notice)
        session.close()
    assert not session.ended.is_set() or session.final_status().num_losses == 2


def test_silence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtstyle.live.STALL_SECONDS", 0.2)
    with MJPEGServer([("play", 5), ("stall", 1.0)]) as server:
        session = make_session(open_live(server.url, CameraMode()))
        session.start()
        session.tell("recording out.mkv")
        wait_until(lambda: "no picture for" in session.trouble)
        wait_until(lambda: "no picture for" in session.notice)
        wait_until(lambda: not session.notice)
        session.close()


def test_a_source_that_ends_ends_the_session() -> None:
    session = make_session()
    session.start()
    wait_until(lambda: session.latest_frame)
    session.source.close()
    assert session.ended.wait(5)
    session.close()


def test_stopping_is_quick_and_may_come_twice_or_before_the_start() -> None:
    make_session().close()
    session = make_session()
    session.start()
    started = time.monotonic()
    session.stop()
    session.close()
    session.close()
    assert time.monotonic() - started < 5


def test_status_can_be_read_as_json_while_frames_flow() -> None:
    session, sink = make_session(), KeepingSink()
    session.add_sink(sink)
    session.start()
    wait_until(lambda: session.status.num_painted > 20)
    for frame in sink.frames[:5]:
        session.shown(frame)
    facts = json.loads(json.dumps(session.status.as_json()))
    session.close()
    assert facts["camera_rate"] > 0 and facts["size_px"] == 96
    assert {"inference", "composite"} <= set(facts["stage_ms"])
    assert session.final_status().ages.count == 5


def test_takes_are_recorded_and_saved_beside_the_stream(tmp_path: Path) -> None:
    session = make_session()
    takes = Takes(session, tmp_path)
    takes.save_picture()
    assert not takes.pictures
    session.start()
    wait_until(lambda: session.latest_frame)
    takes.save_picture()
    takes.save_picture()
    takes.toggle_recording()
    assert takes.is_recording
    before = session.status.num_painted
    wait_until(lambda: session.status.num_painted > before + 40)
    takes.toggle_recording()
    takes.toggle_recording()
    takes.close()
    session.close()
    assert len(set(takes.pictures)) == 2
    assert all(path.stat().st_size for path in takes.pictures)
    with av.open(str(takes.recordings[0])) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert len(times) > 20 and times[0] == pytest.approx(0, abs=0.05)
    assert times == sorted(set(times))


def test_a_folder_that_cannot_be_written_is_a_notice(tmp_path: Path) -> None:
    session = make_session()
    takes = Takes(session, tmp_path / "nowhere")
    takes.toggle_recording()
    assert not takes.is_recording and "nowhere" in session.notice
    assert [error.exit_code for error in takes.errors] == [4]
    session.start()
    wait_until(lambda: session.latest_frame)
    takes.save_picture()
    wait_until(lambda: "cannot write" in session.notice)
    takes.close()
    session.close()
    assert len(takes.errors) == 2


def test_a_recording_that_fails_is_kept_as_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    session = make_session()
    takes = Takes(session, tmp_path)
    takes.record(tmp_path / "out.mkv")
    assert takes._recorder is not None
    takes._recorder._frames.stop(SinkError("no space left"))
    assert not takes.is_recording
    session.start()
    wait_until(lambda: "no space" in session.notice)
    takes.toggle_recording()  # begins the next one
    assert takes.is_recording
    takes.toggle_recording()
    takes.close()
    session.close()
    assert [error.what for error in takes.errors] == ["no space left"]
    assert tmp_path / "out.mkv" not in [*takes.recordings, *tmp_path.iterdir()]


def test_a_recording_without_frames_is_none(tmp_path: Path) -> None:
    session = make_session()
    takes = Takes(session, tmp_path)
    takes.toggle_recording()
    takes.close()
    session.close()
    assert not takes.recordings and not list(tmp_path.iterdir()) and not takes.errors


def record_noise(recorder: Recorder, num_frames: int) -> None:
    """One frame a second, none of them dropped; ends early with the recorder."""
    rng = np.random.default_rng(0)
    for index in range(num_frames):
        pixels = rng.integers(0, 256, (96, 128, 3), np.uint8)
        recorder.write(Frame(pixels, index, index, Fraction(1)))
        wait_until(lambda number=index: recorder.num_written > number or recorder.error)


def num_pictures(path: Path) -> int:
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


@pytest.mark.parametrize(("suffix", "num_frames"), [(".mkv", 24), (".webm", 120)])
def test_what_a_killed_run_recorded_is_given_a_name_by_the_next(
    tmp_path: Path, suffix: str, num_frames: int
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    out, killed = tmp_path / f"out{suffix}", tmp_path / "killed"
    recorder = Recorder(out)
    record_noise(recorder, num_frames)  # AV1 holds back many
    shutil.copy(part_path(out), killed)
    recorder.abort()
    others = [tmp_path / f".{out.name}.{os.getppid()}.part", tmp_path / f".b.mkv.{ended.pid}.part"]
    for path in others:
        path.write_bytes(b"x")
    session = make_session()
    takes = Takes(session, tmp_path)
    for name in (f"out.recovered{suffix}", f"out.recovered-2{suffix}"):
        shutil.copy(killed, tmp_path / f".{out.name}.{ended.pid}.part")
        takes.record(out)
        notice = session.notice
        takes.close()
        assert out.name in notice and name in notice
        assert num_pictures(tmp_path / name) > 10
        assert (tmp_path / name).read_bytes() == killed.read_bytes()
    session.close()
    assert len(list(tmp_path.iterdir())) == 5 and all(path.exists() for path in others)


def test_what_killed_runs_recorded_by_key_is_named_and_told_once(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    begun = "rtstyle-20260524-120000"
    (tmp_path / f".{begun}.mkv.{ended.pid}.part").write_bytes(b"film")
    others = [f".out.mkv.{ended.pid}.part", f".{begun}.mkv.{os.getppid()}.part", f"{begun}.mkv"]
    for name in others:
        (tmp_path / name).write_bytes(b"x")
    session = make_session()
    takes = Takes(session, tmp_path)
    assert takes.recover() == [f"what a killed run recorded is now {begun}.recovered.mkv"]
    assert takes.recover() == []
    session.close()
    assert (tmp_path / f"{begun}.recovered.mkv").read_bytes() == b"film"
    assert len(list(tmp_path.iterdir())) == 4
    assert all((tmp_path / name).exists() for name in others)


@pytest.mark.parametrize(("name", "num_left"), [("out.mkv", 1), ("out.mp4", 0)])
def test_of_killed_runs_only_what_can_be_played_is_kept(
    tmp_path: Path, name: str, num_left: int
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    part = tmp_path / f".{name}.{ended.pid}.part"
    part.write_bytes(b"x")
    (tmp_path / name).touch()
    with pytest.raises(SinkError, match="exists already"):
        Recorder(tmp_path / name)
    assert part.exists()
    (tmp_path / name).unlink()
    Recorder(tmp_path / name).close()
    assert len(list(tmp_path.iterdir())) == num_left
    part.touch()
    Recorder(tmp_path / name).close()
    assert len(list(tmp_path.iterdir())) == num_left


class SmallDisk(PartFile):
    """Has room for 300 kB."""

    def write(self, content: Buffer, /) -> int:
        if self.tell() + memoryview(content).nbytes > 300_000:
            self._error = OSError(errno.ENOSPC, "No space left on device")
            raise self._error
        return super().write(content)


@pytest.mark.parametrize("name", ["out.mkv", "out.webm", "out.mp4"])
def test_what_was_recorded_until_the_disk_was_full_is_kept_where_it_can_be_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("rtstyle.sink.video.PartFile", SmallDisk)
    recorder = Recorder(tmp_path / name)
    with pytest.raises(SinkError, match="no space left"):
        record_noise(recorder, 200)
    with pytest.raises(SinkError, match="the disk is full") as caught:
        recorder.close()
    assert caught.value.exit_code == 4 and len(str(caught.value).splitlines()) == 3
    if name == "out.mp4":
        assert not list(tmp_path.iterdir()) and "nothing was kept" in str(caught.value)
        return
    (kept,) = tmp_path.iterdir()
    assert kept.name == name.replace("out", "out.partial") and kept.name in str(caught.value)
    assert "nothing" not in str(caught.value)
    assert num_pictures(kept) > 10


def test_a_recording_that_cannot_be_completed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_part: Path, _path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rtstyle.sink.video.put_under_name", full)
    recorder = Recorder(tmp_path / "out.mkv")
    record_noise(recorder, 12)
    with pytest.raises(SinkError, match=r"out\.partial\.mkv"):
        recorder.close()
    assert list(tmp_path.iterdir()) == [tmp_path / "out.partial.mkv"]
    assert num_pictures(tmp_path / "out.partial.mkv") == 12


def test_the_disk_of_a_vital_recorder_fills_up_and_the_session_names_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtstyle.sink.video.PartFile", SmallDisk)
    session = make_session()
    takes = Takes(session, tmp_path)
    takes.record(tmp_path / "out.mkv", is_vital=True)
    assert takes._recorder is not None
    with pytest.raises(SinkError, match="no space left"):
        record_noise(takes._recorder, 200)
    session.start()
    assert session.ended.wait(5)
    takes.close()
    with pytest.raises(SinkError, match=r"out\.partial\.mkv"):
        session.close()
    assert "out.partial.mkv" in str(takes.errors[0])


def test_frames_of_another_size_are_recorded_unstretched(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mkv")
    narrow = np.full((96, 128, 3), 60, np.uint8)
    narrow[32:64, 48:80] = 255
    wide = np.concatenate([narrow, narrow], axis=1)
    for index, pixels in enumerate([wide, narrow, wide]):
        recorder.write(Frame(pixels, index, index, Fraction(1, 30)))
    recorder.close()
    with av.open(str(tmp_path / "out.mkv")) as film:
        grays = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert {gray.shape for gray in grays} == {(96, 256)}
    for gray, lefts in zip(grays, [(48, 176), (112,), (48, 176)], strict=True):
        expected = np.zeros(256, bool)
        for left in lefts:
            expected[left : left + 32] = True
        assert ((gray[48] > 150) != expected).sum() <= 4
    assert grays[1][:, :62].max() < 30 < grays[1][:, 66:190].min()


def test_side_by_side_is_recorded_again_after_a_look_at_before(tmp_path: Path) -> None:
    session = make_session(controls=Controls((("a", 1.0),), smooth=0.0, compare="side-by-side"))
    window = KeepingSink()
    session.add_sink(window)
    session.start()
    for width in (256, 128, 256):
        wait_until(lambda width=width: window.frames and window.frames[-1].width == width)
        session.desk.toggle_compare("before")
    session.close()


def test_thumbnails_are_painted_one_by_one_each_in_its_style() -> None:
    session, sink = make_session(), KeepingSink()
    session.add_sink(sink)
    session.start()
    wait_until(lambda: len(session.thumbnails.made) == len(bank().names))
    session.close()
    for number, name in enumerate(bank().names, start=1):
        thumbnail = session.thumbnails.made[name]
        assert (thumbnail == 10 * number).all() and thumbnail.shape[0] == 160


def test_an_engine_that_cannot_paint_thumbnails_paints_frames_all_the_same() -> None:
    class Fussy(TintEngine):
        def stylize(self, pixels: Pixels, style: Style) -> Pixels:
            if pixels.shape[0] == 160:
                raise EngineError("not that size")
            return super().stylize(pixels, style)

    session = make_session(engine=Fussy())
    session.start()
    wait_until(lambda: session.status.num_painted > 40)
    session.close()
    assert isinstance(session.thumbnails, Thumbnails) and not session.thumbnails.made


@pytest.mark.parametrize("repetition", range(4))
def test_no_thread_is_left_after_a_session(repetition: int) -> None:
    before = threading.active_count()
    session = make_session()
    session.start()
    wait_until(lambda: session.latest_frame)
    session.close()
    assert threading.active_count() == before


class DroppingSink(KeepingSink):
    """Says that it has dropped seven frames."""

    drops = "not kept"
    num_dropped = 7


def test_what_sinks_drop_is_counted_for_those_that_are_gone_too() -> None:
    session = make_session()
    gone, there = DroppingSink(), DroppingSink()
    session.add_sink(gone)
    session.add_sink(there)
    session.add_sink(KeepingSink())
    session.start()
    wait_until(lambda: there.frames)
    session.remove_sink(gone)
    session.close()
    assert session.final_status().dropped_later == {"not kept": 14}
    assert session.final_status().as_json()["dropped_later"] == {"not kept": 14}
