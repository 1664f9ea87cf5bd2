"""The virtual camera: what is checked before, pace and pictures, faults, and nobody watching."""

from __future__ import annotations

import json
import platform
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_runs import make_session, wait_until

from rtstyle.capture.cameras import Camera
from rtstyle.cli import camera as camera_command
from rtstyle.cli import cameras as cameras_command
from rtstyle.cli.starting import CameraOptions, LiveLook
from rtstyle.cli.styling import RunOptions
from rtstyle.errors import DeviceError
from rtstyle.frame import Frame
from rtstyle.sink import readers, virtual_camera
from rtstyle.sink.loopback import Loopback, find_loopback
from rtstyle.sink.readers import ReaderWatch
from rtstyle.sink.virtual_camera import VirtualCamera, VirtualCameraOptions, card

pyvirtualcam = pytest.importorskip("pyvirtualcam")


class FakeBackend:
    """What pyvirtualcam talks to: keeps pictures and times; a file stands for the device."""

    device_file: Path
    opened: list[FakeBackend]
    busy = False

    def __init__(
        self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **more: Any
    ) -> None:
        if self.busy:
            raise RuntimeError("Device or resource busy")
        self.size_hw = height, width
        self.pictures: list[np.ndarray] = []
        self.times: list[float] = []
        self.is_closed = False
        self.opened.append(self)

    def close(self) -> None:
        self.is_closed = True

    def send(self, frame: np.ndarray) -> None:
        self.pictures.append(np.array(frame).reshape(*self.size_hw, 3).copy())
        self.times.append(time.perf_counter())

    def device(self) -> str:
        return str(self.device_file)

    def native_fourcc(self) -> int | None:
        return None


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[type[FakeBackend]]:
    class Fake(FakeBackend):
        device_file = tmp_path / "video10"
        opened: list[FakeBackend] = []  # noqa: RUF012 - one list for each test

    Fake.device_file.touch()
    pyvirtualcam.register_backend("fake", Fake)
    yield Fake
    pyvirtualcam.camera.BACKENDS.pop("fake")


def options(
    width: int = 64, height: int = 48, rate: float = 50.0, **more: Any
) -> VirtualCameraOptions:
    return VirtualCameraOptions(width, height, rate, backend="fake", **more)


def frame(value: int, size_hw: tuple[int, int] = (48, 64)) -> Frame:
    return Frame(np.full((*size_hw, 3), value, np.uint8), 0, 0, Fraction(1, 30))


def test_pictures_arrive_as_they_are(fake: type[FakeBackend]) -> None:
    sent: list[Frame] = []
    camera = VirtualCamera(options(on_sent=sent.append))
    device = fake.opened[0]
    camera.write(frame(123))
    wait_until(lambda: sent)
    camera.close()
    assert (device.pictures[-1] == 123).all() and device.is_closed
    assert camera.device == str(fake.device_file)


def test_the_pace_is_fixed_whatever_comes_in(fake: type[FakeBackend]) -> None:
    camera = VirtualCamera(options(rate=50))
    for value in range(100):
        camera.write(frame(value))
    wait_until(lambda: camera.num_sent >= 40)
    camera.close()
    times = fake.opened[0].times
    assert (times[-1] - times[0]) / (len(times) - 1) >= 0.9 / 50
    assert (fake.opened[0].pictures[-1] == 99).all()


@pytest.mark.parametrize("size_hw", [(48, 64), (50, 70), (101, 355)])
def test_sizes_are_multiples_of_eight_and_show_the_middle(
    fake: type[FakeBackend], size_hw: tuple[int, int]
) -> None:
    height, width = size_hw
    camera = VirtualCamera(options(width, height))
    assert (camera.width % 8, camera.height % 8) == (0, 0)
    assert 0 <= width - camera.width < 8 and 0 <= height - camera.height < 8
    picture = frame(0, size_hw).pixels.copy()
    picture[height // 2, width // 2] = 255
    camera.write(Frame(picture, 0, 0, Fraction(1)))
    wait_until(lambda: fake.opened[0].pictures and fake.opened[0].pictures[-1].max() == 255)
    camera.close()
    y, x = np.argwhere(fake.opened[0].pictures[-1][..., 0] == 255)[0]
    assert abs(y - camera.height // 2) <= 1 and abs(x - camera.width // 2) <= 1


def test_while_the_camera_is_away_there_is_a_card(
    fake: type[FakeBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_camera, "CARD_SECONDS", 0.2)
    camera = VirtualCamera(options())
    device = fake.opened[0]
    camera.write(frame(200))
    away = card("the camera is away", 48, 64)
    wait_until(lambda: device.pictures and (device.pictures[-1] == away).all())
    assert any((picture == 200).all() for picture in device.pictures)
    camera.write(frame(90))
    wait_until(lambda: (device.pictures[-1] == 90).all())
    camera.close()


def test_a_card_tells_something_at_every_size() -> None:
    for height, width in ((48, 64), (720, 1280), (1080, 1920)):
        picture = card("the camera is away", height, width)
        assert picture.shape == (height, width, 3)
        rows, columns = np.nonzero((picture > 100).all(axis=2))
        assert len(rows) > 10 and columns.min() > 0 and columns.max() < width - 1


def test_a_vanished_device_ends_the_session(
    fake: type[FakeBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_camera, "CHECK_SECONDS", 0.05)
    session = make_session()
    session.add_sink(VirtualCamera(options(128, 96)), is_vital=True)
    session.start()
    wait_until(lambda: fake.opened[0].pictures)
    fake.device_file.unlink()
    assert session.ended.wait(10)
    with pytest.raises(DeviceError, match="vanished") as error:
        session.close()
    assert error.value.exit_code == 5 and fake.opened[0].is_closed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_busy_device_is_an_error_with_the_reason(fake: type[FakeBackend]) -> None:
    fake.busy = True
    with pytest.raises(DeviceError, match="cannot be opened") as error:
        VirtualCamera(options())
    assert "busy" in error.value.why
    with pytest.raises(DeviceError, match="cannot be opened"):
        VirtualCamera(VirtualCameraOptions(64, 48, backend="nope"))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(DeviceError, match="pyvirtualcam") as error:
        VirtualCamera(options())
    assert "rtstyle[vcam]" in error.value.fix


def test_nobody_watching_slows_the_device_and_tells(
    fake: type[FakeBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells")
    monkeypatch.setattr(readers, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(readers, "READING_SECONDS", 0.05)
    monkeypatch.setattr(virtual_camera, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(virtual_camera, "STILL_RATE", 20.0)
    watched: list[bool] = []
    camera = VirtualCamera(options(on_watched=watched.append))
    camera.write(frame(70))
    wait_until(lambda: watched == [False])
    with fake.device_file.open("rb"):
        wait_until(lambda: watched == [False, True])
    wait_until(lambda: watched == [False, True, False])
    num_sent = camera.num_sent
    wait_until(lambda: camera.num_sent > num_sent + 1)
    camera.close()
    assert (fake.opened[0].pictures[-1] == card("the camera starts", 48, 64)).all()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_a_call_does_not_begin_with_the_last_picture_of_the_one_before(
    fake: type[FakeBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(readers, "READING_SECONDS", 0.05)
    monkeypatch.setattr(virtual_camera, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(virtual_camera, "STILL_RATE", 20.0)
    monkeypatch.setattr(virtual_camera, "CARD_SECONDS", 60.0)
    watched: list[bool] = []
    sent: list[Frame] = []
    camera = VirtualCamera(options(on_watched=watched.append, on_sent=sent.append))
    pictures = fake.opened[0].pictures
    camera.write(frame(70))
    wait_until(lambda: watched == [False])
    camera.write(frame(80))  # painted when nobody looked any more
    num_unwatched = len(pictures)
    wait_until(lambda: len(pictures) > num_unwatched + 3)
    with fake.device_file.open("rb"):
        num_before = len(pictures)
        wait_until(lambda: watched == [False, True] and len(pictures) > num_before + 5)
        starts = card("the camera starts", 48, 64)
        assert all((picture == starts).all() for picture in pictures[num_before - 1 :])
        camera.write(frame(90))
        wait_until(lambda: (pictures[-1] == 90).all())
    camera.close()
    assert [int(each.pixels[0, 0, 0]) for each in sent] == [70, 90]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_readers_are_counted(tmp_path: Path) -> None:
    device = tmp_path / "video10"
    device.touch()
    watch = ReaderWatch(str(device), num_before=1)
    assert watch.is_read and watch.num_readers == 1
    first = device.open("rb")
    wait_until(lambda: watch.num_readers == 2)
    second = device.open("rb")
    wait_until(lambda: watch.num_readers == 3)
    first.close()
    wait_until(lambda: watch.num_readers == 2)
    second.close()
    wait_until(lambda: watch.num_readers == 1)
    watch.close()
    assert watch.is_read
    with pytest.raises(FileNotFoundError):
        ReaderWatch(str(tmp_path / "video11"))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="v4l2loopback is of Linux")


def loopback(root: Path, *labels: str, caps: str = "Y,N", state: str = "output") -> Path:
    """A system with the module loaded and devices from /dev/video10 on."""
    parameters = root / "sys/module/v4l2loopback/parameters"
    parameters.mkdir(parents=True)
    (parameters / "exclusive_caps").write_text(caps + "\n")
    (root / "dev").mkdir()
    for number, label in enumerate(labels, start=10):
        folder = root / f"sys/devices/virtual/video4linux/video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(label + "\n")
        (folder / "state").write_text(state + "\n")
        (root / f"dev/video{number}").touch()
    return root


@linux
def test_no_module_names_the_command_that_installs_or_loads_it(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="not installed") as error:
        find_loopback(root=tmp_path)
    assert "apt install v4l2loopback-dkms" in error.value.fix
    module = tmp_path / "lib/modules" / platform.release() / "updates/dkms/v4l2loopback.ko.xz"
    module.parent.mkdir(parents=True)
    module.touch()
    with pytest.raises(DeviceError, match="not loaded") as error:
        find_loopback(root=tmp_path)
    assert error.value.fix.startswith("run: sudo modprobe v4l2loopback exclusive_caps=1")
    assert "apt" not in error.value.fix and error.value.exit_code == 5


@linux
def test_a_module_without_devices_is_loaded_anew(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="without a device") as error:
        find_loopback(root=loopback(tmp_path))
    assert "modprobe -r v4l2loopback &&" in error.value.fix


@linux
def test_our_own_device_is_taken_before_others(tmp_path: Path) -> None:
    root = loopback(tmp_path, "OBS Virtual Camera", "rtstyle", caps="Y,Y")
    assert find_loopback(root=root).device == "/dev/video11"
    found = find_loopback("/dev/video10", root)
    assert (found.device, found.label, found.warning) == (
        "/dev/video10", "OBS Virtual Camera", "",
    )  # fmt: skip
    with pytest.raises(DeviceError, match="no virtual camera") as error:
        find_loopback("/dev/video0", root)
    assert "/dev/video10 (OBS Virtual Camera)" in error.value.why


@linux
def test_a_device_that_browsers_will_not_list_is_a_warning(tmp_path: Path) -> None:
    root = loopback(tmp_path, "first", "second", caps="Y,N")
    assert not find_loopback("/dev/video10", root).warning
    warning = find_loopback("/dev/video11", root).warning
    assert "Chrome" in warning and "exclusive_caps=1" in warning


@linux
def test_a_device_without_permission_names_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(DeviceError, match="cannot be written") as error:
        find_loopback(root=loopback(tmp_path, "rtstyle"))
    assert "usermod -aG video" in error.value.fix


@linux
@pytest.mark.parametrize("state", ["capture", "output"])
def test_a_device_that_another_program_feeds_is_busy(tmp_path: Path, state: str) -> None:
    root = loopback(tmp_path, "rtstyle", state=state)
    process = root / "proc/77"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("obs\n")
    (process / "fd/9").symlink_to("/dev/video10")
    if state == "output":
        assert find_loopback(root=root).device == "/dev/video10"
        return
    with pytest.raises(DeviceError, match="busy") as error:
        find_loopback(root=root)
    assert "obs (process 77)" in error.value.why and "devices=2" in error.value.fix


def test_nothing_is_left_when_it_is_closed_twice_over(fake: type[FakeBackend]) -> None:
    before = threading.active_count()
    for _ in range(3):
        camera = VirtualCamera(options())
        camera.close()
    assert threading.active_count() == before
    assert all(device.is_closed for device in fake.opened)


@linux
def test_the_whole_command_feeds_the_device_and_reports(
    fake: type[FakeBackend],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Loopback(str(fake.device_file), "rtstyle", "Chrome will not list it")
    monkeypatch.setattr("rtstyle.sink.loopback.find_loopback", lambda device=None: found)
    monkeypatch.setattr(virtual_camera, "find_loopback", lambda device=None: found)
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {"fake": fake})
    camera_command.camera(
        CameraOptions("synthetic", resolution="164x96", seconds=1.5),
        LiveLook(),
        RunOptions(backend="identity", as_json=True),
    )
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["device"] == str(fake.device_file) and facts["ages"]["count"] > 0
    assert fake.opened[0].size_hw == (96, 160) and len(fake.opened[0].pictures) > 10
    assert "Chrome" in said.err and "160x96 at 30 fps" in said.err


@linux
def test_without_a_virtual_camera_the_command_fails_before_it_opens_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = partial(find_loopback, root=tmp_path)
    monkeypatch.setattr("rtstyle.sink.loopback.find_loopback", absent)
    monkeypatch.setattr("rtstyle.capture.live.open_live", lambda *_: pytest.fail("opened"))
    with pytest.raises(DeviceError, match="no virtual camera"):
        options = RunOptions(backend="identity")
        camera_command.camera(CameraOptions("synthetic"), LiveLook(), options)


def test_cameras_are_listed_for_people_and_machines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Camera(2, "HD Webcam", "/dev/video2"), Camera(0, "OBS", "/dev/video0", True)]
    monkeypatch.setattr("rtstyle.capture.cameras.list_cameras", lambda: found)
    cameras_command.cameras()
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["2: HD Webcam (/dev/video2)", "0: OBS (/dev/video0)  (virtual)"]
    cameras_command.cameras(as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["schema"] == 1 and facts["cameras"][0]["name"] == "HD Webcam"
    found.clear()
    cameras_command.cameras()
    assert "synthetic" in capsys.readouterr().err
