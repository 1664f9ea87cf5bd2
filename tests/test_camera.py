"""Cameras and what stands in for them: finding, opening, pacing, losing and coming back."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from media import Clip, make_clip
from mjpeg_server import MJPEGServer

from rtstyle.capture import SourceInfo, camera, live, steady
from rtstyle.capture.camera import CameraMode, CameraSource
from rtstyle.capture.cameras import Camera, find_again, find_camera, list_cameras
from rtstyle.capture.live import open_live
from rtstyle.capture.paced import PacedSource
from rtstyle.capture.steady import SteadySource
from rtstyle.capture.stream import StreamSource
from rtstyle.capture.synthetic import SyntheticSource
from rtstyle.devices import users_of
from rtstyle.errors import DeviceError, SourceError
from rtstyle.frame import Frame

CAMERA = Camera(0, "HD Webcam", "/dev/video0")
TWIN = Camera(2, "HD Webcam", "/dev/video2")
MOVED = Camera(4, "HD Webcam", "/dev/video4")
STRANGER = Camera(2, "Office HD Webcam 4K", "/dev/video2")


def fake_sys(root: Path, *cameras: tuple[int, str, int, bool]) -> Path:
    """A `/sys` with cameras: number, name, index among the camera's nodes, whether virtual."""
    listed = root / "sys/class/video4linux"
    listed.mkdir(parents=True)
    for number, name, index, is_virtual in cameras:
        place = "devices/virtual" if is_virtual else "devices/pci0"
        folder = root / "sys" / place / f"video4linux/video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(name + "\n")
        (folder / "index").write_text(f"{index}\n")
        (listed / f"video{number}").symlink_to(folder)
    return root


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return fake_sys(
        tmp_path,
        (0, "OBS Virtual Camera", 0, True),
        (1, "rtstyle", 0, True),
        (2, "HD Webcam: HD Webcam", 0, False),
        (3, "HD Webcam: HD Webcam", 1, False),
        (10, "USB Microscope", 0, False),
    )


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cameras of Linux")
def test_cameras_are_listed_real_ones_first_without_our_own(machine: Path) -> None:
    found = list_cameras(root=machine)
    assert [each.device for each in found] == ["/dev/video2", "/dev/video10", "/dev/video0"]
    assert [each.is_virtual for each in found] == [False, False, True]
    assert [each.index for each in list_cameras("/dev/video10", machine)] == [2, 0]
    assert list_cameras(root=machine / "nowhere") == []


@pytest.mark.parametrize(
    ("wanted", "index"), [("10", 10), ("/dev/video2", 2), ("microscope", 10), ("HD web", 2)]
)
def test_a_camera_is_found_by_number_device_or_part_of_its_name(
    machine: Path, wanted: str, index: int
) -> None:
    found = find_camera(wanted, list_cameras(root=machine))
    assert found is not None and found.index == index


@pytest.mark.skipif(sys.platform == "win32", reason="links of Linux")
def test_a_camera_is_found_by_a_link_to_its_device(machine: Path, tmp_path: Path) -> None:
    link = tmp_path / "usb-Microscope-video-index0"
    link.symlink_to("/dev/video10")
    found = find_camera(str(link), list_cameras(root=machine))
    assert found is not None and found.index == 10


@pytest.mark.parametrize("wanted", ["7", "nikon", ""])
def test_what_is_not_there_is_not_found(machine: Path, wanted: str) -> None:
    assert find_camera(wanted, list_cameras(root=machine)) is None


def test_unknown_camera_names_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "list_cameras", lambda exclude=None: [CAMERA])
    with pytest.raises(DeviceError, match=r"nikon.*\n.*HD Webcam.*/dev/video0") as error:
        open_live("nikon", CameraMode())
    assert error.value.exit_code == 5
    monkeypatch.setattr(live, "list_cameras", lambda exclude=None: [])
    with pytest.raises(DeviceError, match="no camera") as error:
        open_live(None, CameraMode())
    assert "synthetic" in error.value.fix


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ([CAMERA, TWIN], TWIN),
        ([CAMERA, MOVED], MOVED),
        ([CAMERA], None),
        ([STRANGER, CAMERA], None),
        ([], None),
    ],
)
def test_a_camera_that_was_lost_is_found_again_and_no_other(
    now: list[Camera], found: Camera | None
) -> None:
    assert find_again(TWIN, [CAMERA], now) == found


class FakeCapture:
    """`cv2.VideoCapture` of a camera that gives blue pictures, as many as it is told to."""

    opens = True
    num_pictures = 10**9

    def __init__(self, *arguments: Any) -> None:
        self.wishes: list[tuple[int, float]] = []
        self.is_released = False
        self.num_reads = 0
        FakeCapture.last = self

    last: FakeCapture

    def isOpened(self) -> bool:
        return self.opens

    def set(self, key: int, value: float) -> bool:
        self.wishes.append((key, value))
        return True

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FPS: 25.0}.get(key, 0.0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.num_reads += 1
        if self.num_reads > self.num_pictures:
            return False, None
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[..., 0] = 200
        return True, picture

    def release(self) -> None:
        self.is_released = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeCapture]:
    class Fake(FakeCapture):
        pass

    monkeypatch.setattr(cv2, "VideoCapture", Fake)
    monkeypatch.setattr(camera, "MISS_WAIT_SECONDS", 0.001)
    return Fake


def test_a_camera_is_asked_for_mjpeg_before_size_and_rate(fake: type[FakeCapture]) -> None:
    source = CameraSource(CAMERA, CameraMode(640, 360, 60))
    keys = [key for key, _ in FakeCapture.last.wishes]
    assert keys[:4] == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]
    assert dict(FakeCapture.last.wishes)[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert (source.info.width, source.info.height, source.info.rate) == (64, 48, 25)
    assert source.info.is_live
    source.close()
    assert FakeCapture.last.is_released


def test_pictures_of_a_camera_are_rgb_and_stamped_at_capture(fake: type[FakeCapture]) -> None:
    source = CameraSource(CAMERA, CameraMode())
    before = time.monotonic()
    frames = list(islice(source, 3))
    assert all((frame.pixels[0, 0] == (0, 0, 200)).all() for frame in frames)
    assert before <= frames[-1].captured_at_seconds <= time.monotonic()
    source.close()


def test_the_drivers_stamp_is_used_where_it_is_on_our_clock(
    fake: type[FakeCapture], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = time.monotonic() - 0.05
    monkeypatch.setattr(fake, "get", lambda self, key: 1000 * stamp)
    source = CameraSource(CAMERA, CameraMode())
    assert next(iter(source)).captured_at_seconds == pytest.approx(stamp)
    monkeypatch.setattr(fake, "get", lambda self, key: 40.0)
    assert next(iter(source)).captured_at_seconds > stamp
    source.close()


def test_a_camera_that_ceases_to_give_pictures_is_lost(fake: type[FakeCapture]) -> None:
    fake.num_pictures = 5
    source = CameraSource(CAMERA, CameraMode())
    frames = iter(source)
    for _ in range(5):
        next(frames)
    with pytest.raises(DeviceError, match=r"HD Webcam.*lost"):
        next(frames)
    source.close()


def test_a_closed_camera_ends_without_an_error(fake: type[FakeCapture]) -> None:
    source = CameraSource(CAMERA, CameraMode())
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize("cause", ["does not open", "opens without pictures"])
def test_a_busy_camera_says_how_to_free_it(fake: type[FakeCapture], cause: str) -> None:
    fake.opens, fake.num_pictures = cause != "does not open", 0
    with pytest.raises(DeviceError, match=r"HD Webcam.*/dev/video0") as error:
        CameraSource(CAMERA, CameraMode())
    assert "in use" in error.value.why and "close" in error.value.fix


def test_a_forbidden_camera_names_the_group(
    fake: type[FakeCapture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    fake.opens = False
    with pytest.raises(DeviceError, match="may not") as error:
        CameraSource(Camera(0, "HD Webcam", str(device)), CameraMode())
    assert "usermod -aG video" in error.value.fix


def test_the_program_that_holds_a_device_is_named(tmp_path: Path) -> None:
    for process, name in (("17", "zoom"), ("18", "cat"), (str(os.getpid()), "python")):
        folder = tmp_path / "proc" / process / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(name + "\n")
    for process in ("17", str(os.getpid())):
        (tmp_path / "proc" / process / "fd/5").symlink_to("/dev/video0")
    (tmp_path / "proc/18/fd/5").symlink_to("/dev/null")
    assert users_of(Path("/dev/video0"), tmp_path) == ["zoom (process 17)"]


def test_a_process_that_ends_while_it_is_looked_at_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for process in ("17", "18"):
        (tmp_path / "proc" / process / "fd").mkdir(parents=True)
        (tmp_path / "proc" / process / "comm").write_text("zoom\n")
    (tmp_path / "proc/18/fd/5").symlink_to("/dev/video0")
    scan = os.scandir

    def scan_what_is_left(folder: Any) -> Any:
        if str(folder).endswith("/17/fd"):
            raise FileNotFoundError(folder)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scan_what_is_left)
    assert users_of(Path("/dev/video0"), tmp_path) == ["zoom (process 18)"]


def test_synthetic_and_film_are_played_at_their_pace_again_and_again(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mp4", Clip(num_frames=6, rate=Fraction(50)))
    source = PacedSource(lambda: live.VideoSource(film))
    started = time.monotonic()
    frames = list(islice(source, 15))
    assert time.monotonic() - started >= 13 / 50
    ages = [frame.captured_at_seconds - started for frame in frames]
    assert all(later > earlier for earlier, later in pairwise(ages))
    assert source.info.is_live and source.info.path is None
    source.close()
    assert list(islice(SteadySource(lambda: PacedSource(endless)), 3))[2].index == 2


def endless() -> SyntheticSource:
    return SyntheticSource(64, 48, Fraction(100), num_frames=None)


def test_after_a_pause_the_film_goes_on_at_its_pace_and_does_not_catch_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rtstyle.capture.paced.LATE_SECONDS", 0.1)
    frames = iter(PacedSource(endless))
    next(frames)
    time.sleep(0.3)
    started = time.monotonic()
    for _ in range(21):
        next(frames)
    assert time.monotonic() - started >= 0.15


def test_closing_wakes_a_source_that_waits_for_its_time() -> None:
    source = PacedSource(lambda: SyntheticSource(64, 48, Fraction(1, 60), num_frames=None))
    frames = iter(source)
    next(frames)
    timer = threading.Timer(0.1, source.close)
    timer.start()
    assert next(frames, None) is None
    timer.join()


class ScriptedSource:
    """Gives some frames, then fails."""

    damage: str | None = None
    notices: tuple[str, ...] = ()

    def __init__(self, num_frames: int, size_hw: tuple[int, int] = (48, 64)) -> None:
        self.info = SourceInfo("fake camera", size_hw[1], size_hw[0], Fraction(30), is_live=True)
        self.num_frames, self.size_hw = num_frames, size_hw
        self.is_closed = False

    def __iter__(self) -> Iterator[Frame]:
        for _ in range(self.num_frames):
            if self.is_closed:
                return
            time.sleep(0.001)
            yield Frame(np.full((*self.size_hw, 3), 99, np.uint8), 0, 0, Fraction(1))
        raise DeviceError("unplugged")

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(steady, "LONGEST_WAIT_SECONDS", 0.02)


def opener(steps: list[ScriptedSource | DeviceError]) -> Callable[[], ScriptedSource]:
    def open_next() -> ScriptedSource:
        step = steps.pop(0)
        if isinstance(step, DeviceError):
            raise step
        return step

    return open_next


def test_a_lost_camera_comes_back_and_frames_go_on(quick: None) -> None:
    absent = DeviceError("absent")
    sources = [ScriptedSource(3), absent, absent, ScriptedSource(4), absent, ScriptedSource(9)]
    source = SteadySource(opener([*sources]))
    frames = list(islice(source, 10))
    assert [frame.index for frame in frames] == list(range(10))
    pts = [frame.pts for frame in frames]
    assert pts == sorted(set(pts))
    assert source.num_losses == 2 and source.trouble == ""
    assert sources[0].is_closed and sources[3].is_closed  # type: ignore[union-attr]
    source.close()


@pytest.mark.parametrize("wanted", ["2", "/dev/video2"])
def test_of_two_cameras_of_one_name_the_chosen_one_is_opened_also_after_a_loss(
    quick: None, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    plugged = [[CAMERA, TWIN], [CAMERA, TWIN], [CAMERA], [CAMERA, STRANGER], [CAMERA, MOVED]]
    opened: list[Camera] = []

    def open_camera(camera: Camera, mode: CameraMode) -> ScriptedSource:
        opened.append(camera)
        return ScriptedSource(2)

    monkeypatch.setattr(live, "list_cameras", lambda exclude=None: plugged.pop(0))
    monkeypatch.setattr(live, "CameraSource", open_camera)
    source = open_live(wanted, CameraMode())
    assert len(list(islice(source, 4))) == 4
    assert opened == [TWIN, MOVED] and not plugged and source.num_losses == 1
    source.close()


def test_while_it_is_away_there_is_a_notice(quick: None) -> None:
    source = SteadySource(opener([ScriptedSource(1), *[DeviceError("absent")] * 10**4]))
    frames = iter(source)
    next(frames)
    reader = threading.Thread(target=lambda: next(frames, None))
    reader.start()
    deadline = time.monotonic() + 5
    while not source.trouble and time.monotonic() < deadline:
        time.sleep(0.005)
    assert "fake camera is lost" in source.trouble
    source.close()
    reader.join(5)
    assert not reader.is_alive()


def test_a_gap_stays_a_gap_in_the_timestamps(quick: None) -> None:
    source = SteadySource(
        opener([ScriptedSource(2), *[DeviceError("absent")] * 8, ScriptedSource(2)])
    )
    frames = list(islice(source, 4))
    gap = float((frames[2].pts - frames[1].pts) * frames[2].time_base)
    measured = frames[2].captured_at_seconds - frames[1].captured_at_seconds
    assert gap == pytest.approx(measured, abs=1e-3) and gap > 0.1
    source.close()


def test_a_camera_that_comes_back_with_another_size_is_fitted(quick: None) -> None:
    source = SteadySource(opener([ScriptedSource(1), ScriptedSource(1, (48, 32))]))
    pixels = list(islice(source, 2))[1].pixels
    assert pixels.shape == (48, 64, 3)
    assert (pixels[:, :15] == 0).all() and (pixels[:, 17:47] == 99).all()
    source.close()


def test_the_first_opening_fails_aloud() -> None:
    with pytest.raises(DeviceError, match="absent"):
        SteadySource(opener([DeviceError("absent")]))


def test_a_paused_source_is_closed_and_opened_again_on_resume(quick: None) -> None:
    steps = [ScriptedSource(10**6), ScriptedSource(10**6)]
    source = SteadySource(opener([*steps]))
    seen: list[Frame] = []
    frames = iter(source)
    reader = threading.Thread(target=lambda: seen.extend(islice(frames, 10)))
    next(frames)
    source.pause()
    assert steps[0].is_closed
    reader.start()
    time.sleep(0.1)
    assert not seen and not steps[1].is_closed
    source.resume()
    reader.join(5)
    assert len(seen) == 10 and source.num_losses == 0 and source.trouble == ""
    source.close()


def test_a_network_camera_that_drops_the_line_is_opened_again(quick: None) -> None:
    script = [("play", 10), ("drop", 0), ("refuse", 0), ("play", 10), ("drop", 0)]
    with MJPEGServer(script) as server:
        source = open_live(server.url, CameraMode())
        assert (source.info.height, source.info.width) == server.size_hw
        frames = list(islice(source, 25))
        assert source.num_losses >= 2 and server.num_connections >= 4
        assert [frame.index for frame in frames] == list(range(25))
        source.close()


def test_a_network_camera_that_stalls_counts_as_lost(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtstyle.capture.stream.READ_SECONDS", 0.3)
    with MJPEGServer([("play", 5), ("stall", 1.2)]) as server:
        source = open_live(server.url, CameraMode())
        list(islice(source, 12))
        assert source.num_losses >= 1
        source.close()


def test_damaged_pictures_of_a_network_camera_are_left_out() -> None:
    with MJPEGServer([("play", 10), ("damage", 5), ("play", 3), ("damage", 1)]) as server:
        source = open_live(server.url, CameraMode())
        assert len(list(islice(source, 25))) == 25
        assert source.num_losses == 0 and server.num_connections == 1
        source.close()


def test_a_network_camera_of_which_nothing_can_be_decoded_is_lost(quick: None) -> None:
    with MJPEGServer([("play", 10), ("damage", 100)]) as server:
        source = open_live(server.url, CameraMode())
        list(islice(source, 15))
        assert source.num_losses >= 1
        source.close()


def test_a_server_that_never_answers_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtstyle.capture.stream.OPEN_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/video"
        with pytest.raises(SourceError, match="no answer in time"):
            StreamSource(url)


def test_a_stream_that_is_none_is_refused(tmp_path: Path) -> None:
    with MJPEGServer([("refuse", 0)]) as server, pytest.raises(SourceError, match="cannot open"):
        StreamSource(server.url)
    with pytest.raises(SourceError, match="cannot open"):
        StreamSource("http://127.0.0.1:9/nobody")


def test_a_password_in_the_address_is_never_shown() -> None:
    with pytest.raises(SourceError) as error:
        StreamSource("http://me:secret@127.0.0.1:9/nobody")
    assert "secret" not in str(error.value)
    with MJPEGServer([("play", 20), ("reset", 0)]) as server:
        source = StreamSource(server.url.replace("//", "//me:secret@"))
        with pytest.raises(SourceError, match="broke off") as error:
            list(source)
        source.close()
    assert "secret" not in str(error.value) and "Errno" not in str(error.value)
