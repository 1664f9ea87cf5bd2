"""The live windows, used as a person would: keys, mouse, slider, strip, closing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from live_runs import NAMES, make_session, small_camera, wait_until
from PIL import Image

from rtstyle.cli import displays, starting
from rtstyle.errors import SinkError, UsageError
from rtstyle.keyboard import KEYS, Keyboard, figure_lines, help_lines
from rtstyle.takes import Takes

ROOT = Path(__file__).resolve().parent.parent


def has_qt() -> bool:
    return importlib.util.find_spec("PySide6") is not None and not displays.missing_for_qt()


needs_qt = pytest.mark.skipif(not has_qt(), reason="PySide6 or a library of Qt is missing")


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[Keyboard]:
    """A running session of a small camera in style a."""
    session = make_session(small_camera(30, (96, 160)))
    keyboard = Keyboard(session, Takes(session, tmp_path))
    session.start()
    wait_until(lambda: session.latest_frame)
    yield keyboard
    keyboard.takes.close()
    session.close()


def test_the_table_holds_every_key_of_the_issue_once() -> None:
    names = [name for key in KEYS for name in key.names]
    assert len(names) == len(set(names))
    promised = "0 1 2 3 4 5 6 7 8 9 left right up down space s m t f r p i h q"
    assert set(promised.split()) <= set(names)
    assert all(key.text in "\n".join(help_lines()) for key in KEYS)


PROMISES: dict[str, Callable[[Keyboard], object]] = {
    "7": lambda k: k.controls.mix == (("g", 1.0),),
    "0": lambda k: k.overlay().notice and k.numbered_styles == NAMES[9:],
    "right": lambda k: k.style == "b",
    "left": lambda k: k.style == NAMES[-1],
    "down": lambda k: k.controls.strength == 0.9,
    "space": lambda k: k.controls.compare == "before",
    "s": lambda k: k.controls.compare == "split",
    "m": lambda k: k.controls.mix == (("a", 0.5), ("b", 0.5)),
    "t": lambda k: k.controls.smooth == 0.5,
    "f": lambda k: k.controls.region == "face",
    "r": lambda k: k.takes.is_recording,
    "p": lambda k: len(k.takes.pictures) == 1,
    "i": lambda k: k.overlay().figures,
    "h": lambda k: k.overlay().help == help_lines(),
    "q": lambda k: k.has_ended,
    "escape": lambda k: k.has_ended,
}


@pytest.mark.parametrize("key", PROMISES)
def test_every_key_does_what_it_promises(keyboard: Keyboard, key: str) -> None:
    assert not PROMISES[key](keyboard)
    assert keyboard.press(key)
    assert PROMISES[key](keyboard)


def test_up_follows_down_and_unknown_keys_do_nothing(keyboard: Keyboard) -> None:
    keyboard.press("down")
    keyboard.press("up")
    before = keyboard.controls
    assert before.strength == 1.0
    assert not keyboard.press("x") and not keyboard.press("")
    assert keyboard.controls is before


@pytest.mark.parametrize("key", ["space", "s", "r", "i", "h"])
def test_a_second_press_takes_it_back(keyboard: Keyboard, key: str) -> None:
    keyboard.press(key)
    keyboard.press(key)
    assert not PROMISES[key](keyboard)


def test_what_a_key_has_changed_is_told(keyboard: Keyboard) -> None:
    for key, word in (("3", "c"), ("down", "90%"), ("t", "smoothing"), ("m", "c + d")):
        keyboard.press(key)
        assert word in keyboard.overlay().notice


def test_figures_name_rates_ages_drops_size_and_stages(keyboard: Keyboard) -> None:
    wait_until(lambda: keyboard.session.status.camera_rate)
    text = "\n".join(figure_lines(keyboard.session))
    for word in ("fps", "p50 / p95 / p99", "dropped", "lost", "96 px", "identity"):
        assert word in text


class Sent:
    """Sends what a person would, into a Qt window drawn offscreen."""

    def __init__(self, keyboard: Keyboard) -> None:
        from rtstyle.sink.window_qt import QtWindow

        self.keyboard = keyboard
        self.window = QtWindow(keyboard)
        keyboard.session.add_sink(self.window)
        self.window.desktop.show()
        self.window._timer.start(20)
        self.until(lambda: self.canvas.frame is not None)

    @property
    def canvas(self) -> Any:
        return self.window.desktop.canvas

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            self.window.app.processEvents()
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.002)

    def key(self, code: int, text: str = "", *, is_repeat: bool = False) -> None:
        from PySide6.QtCore import QEvent, Qt
        from PySide6.QtGui import QKeyEvent

        none = Qt.KeyboardModifier.NoModifier
        event = QKeyEvent(QEvent.Type.KeyPress, code, none, text, is_repeat)
        self.window.app.sendEvent(self.window.desktop, event)

    def move_mouse(self, x: float, y: float) -> None:
        from PySide6.QtCore import QEvent, QPointF, Qt
        from PySide6.QtGui import QMouseEvent

        none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        place = QPointF(x, y)
        event = QMouseEvent(QEvent.Type.MouseMove, place, place, none, none, keys)
        self.window.app.sendEvent(self.canvas, event)

    def picture(self) -> np.ndarray:
        """What the canvas shows: (H, W, 3) uint8."""
        image = (
            self.canvas.grab()
            .toImage()
            .convertToFormat(type(self.canvas.grab().toImage()).Format.Format_RGB888)
        )
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
        # A copy, since the bytes are gone with the image.
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()

    def close(self) -> None:
        self.window._timer.stop()
        self.keyboard.session.remove_sink(self.window)
        self.window.desktop.close()
        self.window.app.processEvents()


@pytest.fixture
def sent(keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    sent = Sent(keyboard)
    yield sent
    sent.close()


@needs_qt
def test_the_qt_window_shows_the_painted_picture_and_counts_its_age(sent: Sent) -> None:
    sent.until(lambda: sent.keyboard.session.figures.ages.total().count >= 5)
    picture, rect = sent.picture(), sent.canvas.picture_rect()
    assert rect.width() / rect.height() == pytest.approx(160 / 96, abs=0.01)
    middle = picture[round(rect.center().y()), round(rect.center().x())]
    assert middle.tolist() == [10, 10, 10]


@needs_qt
def test_keys_of_the_qt_window(sent: Sent) -> None:
    from PySide6.QtCore import Qt

    arrows = (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Space)
    for code, promise in zip(arrows, ("right", "down", "space"), strict=True):
        sent.key(code)
        assert PROMISES[promise](sent.keyboard)
    sent.key(Qt.Key.Key_4, "4")
    assert sent.keyboard.style == "d"
    sent.key(Qt.Key.Key_H, "H")
    assert sent.keyboard.shows_help
    sent.key(Qt.Key.Key_F5)
    sent.key(Qt.Key.Key_Q, "q")
    assert sent.keyboard.has_ended


@needs_qt
def test_a_key_held_down_goes_on_only_where_it_steps(sent: Sent) -> None:
    from PySide6.QtCore import Qt

    for code, text in ((Qt.Key.Key_R, "r"), (Qt.Key.Key_P, "p"), (Qt.Key.Key_Down, "")):
        for press in range(4):
            sent.key(code, text, is_repeat=press > 0)
    assert sent.keyboard.takes.is_recording and len(sent.keyboard.takes.pictures) == 1
    assert sent.keyboard.controls.strength == 0.6


@needs_qt
def test_the_split_follows_the_mouse_without_a_new_frame(sent: Sent) -> None:
    from PySide6.QtCore import Qt

    sent.key(Qt.Key.Key_S, "s")
    sent.keyboard.session.remove_sink(sent.window)
    rect = sent.canvas.picture_rect()
    for share in (0.25, 0.75):
        sent.move_mouse(rect.left() + share * rect.width(), rect.center().y())
        assert sent.keyboard.controls.split == pytest.approx(share, abs=0.01)
        row = sent.picture()[round(rect.center().y())].astype(int)
        painted: Any = (abs(row - 10) <= 1).all(axis=1)
        column = rect.left() + share * rect.width()
        assert painted[round(column) + 4 : round(rect.right()) - 2].all()
        assert not painted[round(rect.left()) + 2 : round(column) - 4].any()


@needs_qt
def test_the_strip_chooses_and_shows_thumbnails(sent: Sent) -> None:
    panel = sent.window.desktop.panel
    sent.until(lambda: panel.strip.num_pictures == len(NAMES))
    panel.strip.itemClicked.emit(panel.strip.item(4))
    assert sent.keyboard.style == "e"
    sent.until(lambda: panel.strip.currentRow() == 4)
    sent.keyboard.press("2")
    sent.until(lambda: panel.strip.currentRow() == 1)


@needs_qt
def test_the_strip_scrolls_to_what_is_chosen_and_numbers_what_the_keys_choose(sent: Sent) -> None:
    strip = sent.window.desktop.panel.strip
    assert strip.item(0).text().split() == ["1", "a"] and strip.item(9).text() == "j"
    sent.keyboard.press("0")
    sent.until(lambda: strip.item(9).text().split() == ["1", "j"])
    assert strip.item(0).text() == "a"
    sent.keyboard.press("2")
    sent.until(lambda: strip.currentRow() == 10)
    seen = strip.viewport().rect()
    assert seen.contains(strip.visualItemRect(strip.item(10)).center())
    sent.keyboard.press("right")
    sent.until(lambda: strip.currentRow() == 0)
    assert seen.contains(strip.visualItemRect(strip.item(0)).center())


@needs_qt
def test_the_wheel_scrolls_the_strip(sent: Sent) -> None:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent

    strip = sent.window.desktop.panel.strip
    none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    phase, place = Qt.ScrollPhase.NoScrollPhase, QPointF(40, 40)
    for turn in (-120, 120):
        before = strip.horizontalScrollBar().value()
        turned = QWheelEvent(place, place, QPoint(), QPoint(0, turn), none, keys, phase, False)
        sent.window.app.sendEvent(strip.viewport(), turned)
        assert (strip.horizontalScrollBar().value() - before) * turn < 0


@needs_qt
def test_a_chosen_thumbnail_is_not_tinted(sent: Sent) -> None:
    from PySide6.QtGui import QIcon

    strip = sent.window.desktop.panel.strip
    sent.until(lambda: strip.num_pictures == len(NAMES))
    pictures = [
        strip.item(0).icon().pixmap(strip.iconSize(), mode).toImage()
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected)
    ]
    assert pictures[0] == pictures[1]


@needs_qt
def test_buttons_press_keys(sent: Sent) -> None:
    from PySide6.QtWidgets import QPushButton

    for button in sent.window.desktop.panel.findChildren(QPushButton):
        button.click()
    assert sent.keyboard.shows_help and sent.keyboard.shows_figures
    assert sent.keyboard.takes.is_recording and len(sent.keyboard.takes.pictures) == 1


@needs_qt
def test_the_help_fits_into_a_small_window(sent: Sent) -> None:
    sent.window.desktop.resize(360, 320)
    sent.keyboard.press("h")
    sent.until(lambda: sent.canvas.height() < 220)
    picture = sent.picture().astype(int)
    bright: Any = (picture > 150).all(axis=2)
    assert bright.sum() > 100
    assert not bright[-8:].any() and not bright[:, -4:].any()


@needs_qt
def test_sliders_move_the_controls_and_follow_the_keys(sent: Sent) -> None:
    panel = sent.window.desktop.panel
    panel.strength.slider.setValue(35)
    panel.smooth.slider.setValue(80)
    assert (sent.keyboard.controls.strength, sent.keyboard.controls.smooth) == (0.35, 0.8)
    sent.keyboard.press("up")
    sent.until(lambda: panel.strength.slider.value() == 45)


@needs_qt
@pytest.mark.parametrize(("width", "height"), [(400, 900), (1200, 420)])
def test_the_picture_keeps_its_shape_in_any_window(sent: Sent, width: int, height: int) -> None:
    sent.window.desktop.resize(width, height)
    sent.window.app.processEvents()
    rect = sent.canvas.picture_rect()
    assert rect.width() / rect.height() == pytest.approx(160 / 96, rel=0.01)
    picture = sent.picture()
    assert (picture[0, 0] == 0).all()
    assert picture[round(rect.center().y()), round(rect.center().x())].tolist() == [10, 10, 10]


@needs_qt
def test_overlays_are_drawn_over_the_picture_and_vanish(sent: Sent) -> None:
    plain = sent.picture()
    sent.keyboard.press("h")
    with_help = sent.picture()
    assert (with_help != plain).any(axis=2).sum() > 2000
    assert (with_help > 200).all(axis=2).sum() > 100
    sent.keyboard.press("h")
    sent.keyboard.session.tell("camera lost")
    assert (sent.picture()[-60:] > 200).all(axis=2).any()


@needs_qt
def test_closing_the_window_ends_the_session(sent: Sent) -> None:
    sent.window.desktop.close()
    assert sent.keyboard.has_ended


@needs_qt
def test_run_returns_when_the_session_ends(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rtstyle.sink.window_qt import QtWindow

    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    window = QtWindow(keyboard)
    keyboard.session.add_sink(window)
    keyboard.session.stop_requested = True
    window.run()
    keyboard.session.remove_sink(window)


def test_the_plain_window_draws_picture_split_and_overlays(keyboard: Keyboard) -> None:
    from rtstyle.sink.window_cv import drawn

    frame = keyboard.session.latest_frame
    assert frame is not None and frame.original is not None
    assert (drawn(frame, keyboard) == 10).all()
    keyboard.set(compare="split", split=0.5)
    split = drawn(frame, keyboard)
    assert (split[:, :79] == frame.original[:, :79, ::-1]).all() and (split[:, 82:] == 10).all()
    keyboard.press("i")
    assert (drawn(frame, keyboard) > 200).all(axis=2).sum() > 100


def test_the_split_waits_for_a_picture_that_is_not_side_by_side(keyboard: Keyboard) -> None:
    from rtstyle.sink.window_cv import drawn

    session = keyboard.session
    keyboard.set(compare="side-by-side")
    wait_until(lambda: session.latest_frame and session.latest_frame.width == 320)
    frame = session.latest_frame
    assert frame is not None
    before = drawn(frame, keyboard)
    keyboard.set(compare="split", split=0.75)
    assert (drawn(frame, keyboard) == before).all()


def test_text_over_a_small_picture_is_whole_in_the_plain_window(keyboard: Keyboard) -> None:
    from rtstyle.sink.window_cv import drawn

    frame = keyboard.session.latest_frame
    assert frame is not None
    keyboard.press("h")
    keyboard.press("i")
    picture = drawn(frame, keyboard)
    assert picture.shape[1] / picture.shape[0] == pytest.approx(160 / 96, abs=0.01)
    bright: Any = (picture > 200).all(axis=2)
    assert bright.any() and not bright[-8:].any() and not bright[:, -8:].any()


def test_codes_of_the_plain_window_become_names_of_keys() -> None:
    from rtstyle.sink.window_cv import KEY_CODES, key_name

    assert [key_name(code) for code in (ord("s"), ord("S"), 32, 27)] == [
        "s",
        "s",
        "space",
        "escape",
    ]
    for code, name in KEY_CODES.get(sys.platform, {}).items():
        assert key_name(code) == name


def test_keys_without_a_letter_do_nothing_in_the_plain_window(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rtstyle.sink.window_cv import key_name

    monkeypatch.setattr(sys, "platform", "linux")
    home, find, dead_acute, dead_circumflex, search = 0xFF50, 0xFF68, 0xFE51, 0xFE52, 0x1008FF1B
    for code in (home, find, dead_acute, dead_circumflex, search):
        assert not keyboard.press(key_name(code)), hex(code)
    num_lock, shift_held = 0x100000, 0x10000
    assert key_name(num_lock | 0xFF51) == "left" and key_name(shift_held | ord("S")) == "s"


def test_without_a_display_other_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SinkError) as error:
        displays.choose_window("auto", records=False)
    assert all(way in error.value.fix for way in ("rtstyle camera", "rtstyle video", "--record"))
    assert displays.choose_window("auto", records=True) == "none"
    with pytest.raises(UsageError, match="qt, highgui"):
        displays.choose_window("gtk", records=False)


linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems always have a display"
)
NOBODY = ":4077"
"""A display that no X server has."""


@linux
@pytest.mark.parametrize("asked", ["auto", "qt", "highgui"])
@pytest.mark.parametrize("platform", ["", "xcb"])
def test_a_display_that_is_named_but_away_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str, platform: str
) -> None:
    monkeypatch.setenv("DISPLAY", NOBODY)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-77")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("QT_QPA_PLATFORM", platform)
    with pytest.raises(SinkError, match=f"no display.*\n.*{NOBODY}") as error:
        displays.choose_window(asked, records=False)
    assert "--record" in error.value.fix
    assert displays.choose_window(asked, records=True) == "none"


@linux
@pytest.mark.parametrize("name", ["wayland-77", "/wayland-77"])
def test_with_wayland_alone_only_qt_has_a_window(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = str(tmp_path / name.strip("/"))
    monkeypatch.setenv("WAYLAND_DISPLAY", path if name.startswith("/") else name)
    monkeypatch.setattr(displays, "missing_for_qt", lambda: None)
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(path)
        compositor.listen()
        assert displays.choose_window("auto", records=False) == "qt"
        with pytest.raises(SinkError, match="plain window needs an X server"):
            displays.choose_window("highgui", records=False)
        monkeypatch.setattr(displays, "missing_for_qt", lambda: ("no PySide6", "install it"))
        with pytest.raises(SinkError, match=r"no display.*\n.*no PySide6\ninstall it"):
            displays.choose_window("auto", records=False)


@linux
def test_an_x_server_that_answers_is_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    server, display = start_x_server()
    monkeypatch.setenv("DISPLAY", display)
    try:
        assert displays.choose_window("highgui", records=False) == "highgui"
    finally:
        server.terminate()
        server.wait(20)


@linux
def test_without_the_library_of_x_the_display_that_is_named_is_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    monkeypatch.setenv("DISPLAY", ":4078")
    assert displays.choose_window("highgui", records=False) == "highgui"


@linux
@pytest.mark.parametrize("library", displays.XCB_LIBRARIES)
def test_a_library_without_which_qt_would_abort_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    def load(name: str) -> None:
        if name == library:
            raise OSError(name)

    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setattr(displays, "has_x", lambda: True)
    monkeypatch.setattr(displays, "find_spec", lambda name: name)
    monkeypatch.setattr(displays, "_qt_version", lambda: (6, 11))
    monkeypatch.setattr("ctypes.CDLL", load)
    found = displays.missing_for_qt()
    assert found is not None
    assert library in found[0]
    assert library.split(".")[0] in found[1], "and the package that has it"


@linux
def test_qt_may_draw_where_there_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", NOBODY)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(displays, "missing_for_qt", lambda: None)
    assert displays.choose_window("auto", records=False) == "qt"
    with pytest.raises(SinkError, match=NOBODY):
        displays.choose_window("highgui", records=False)


def test_without_pyside_the_plain_window_is_taken_and_the_extra_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(displays, "has_x", lambda: True)
    monkeypatch.setattr(displays, "find_spec", lambda name: None)
    assert displays.choose_window("auto", records=False) == "highgui"
    assert "rtstyle[gui]" in capsys.readouterr().err
    with pytest.raises(SinkError, match="PySide6"):
        displays.choose_window("qt", records=False)


@pytest.mark.parametrize("named", [{}, pytest.param({"DISPLAY": NOBODY}, marks=linux)])
def test_live_without_a_window_records_and_reports(tmp_path: Path, named: dict[str, str]) -> None:
    """The whole command, as a person on a server would use it."""
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    environment.pop("QT_QPA_PLATFORM", None)
    command = [
        *(sys.executable, "-m", "rtstyle", "live", "--camera", "synthetic", "--seconds", "2"),
        *("--resolution", "160x96", "--backend", "identity", "--json"),
        *("--record", str(tmp_path / "out.mkv")),
    ]
    environment |= named
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["schema"] == 1 and facts["num_painted"] > 5
    assert facts["recordings"] == [str(tmp_path / "out.mkv")]
    assert (tmp_path / "out.mkv").stat().st_size > 1000
    assert "no display" in result.stderr


@pytest.mark.parametrize("quiet", [False, True])
def test_quiet_is_quiet(tmp_path: Path, quiet: bool) -> None:
    """Not a word of what goes as it should."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".rtstyle-1.mkv.{ended.pid}.part").write_bytes(b"film")
    environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    environment.pop("QT_QPA_PLATFORM", None)
    command = [
        *(sys.executable, "-m", "rtstyle", "live", "--camera", "synthetic", "--seconds", "1"),
        *("--resolution", "160x96", "--backend", "identity", "--record", str(tmp_path / "out.mkv")),
        *("--folder", str(tmp_path), *(["--quiet"] if quiet else [])),
    ]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0 and result.stdout == "", result.stderr
    if quiet:
        assert result.stderr == ""
    else:
        for words in ("rtstyle-1.recovered.mkv", "recording out.mkv", "frames in"):
            assert words in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"out.mkv", "rtstyle-1.recovered.mkv"}


def test_quiet_waiting_tells_of_trouble_only(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([False, False, True])
    session: Any = SimpleNamespace(
        ended=SimpleNamespace(wait=lambda seconds: next(answers)),
        stop_requested=False,
        trouble="camera lost",
        notice="recording out.mkv",
    )
    starting.wait_for_end(session, quiet=True)
    assert capsys.readouterr().err == "camera lost\n"


LIVE = ("live", "--camera", "synthetic", "--window", "none", "--backend", "identity")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--record", "/proc/out.mkv", "--seconds", "1"), 4, "cannot be written"),
        (("--record", "nowhere/out.mkv"), 4, "does not exist"),
        (("--folder", "nowhere"), 4, "does not exist"),
        (("--seconds", "-1"), 2, "--seconds"),
        (("--seconds", "nan"), 2, "--seconds"),
        (("--seconds", "inf"), 2, "--seconds"),
        (("--camera", "nowhere.mp4"), 3, "nowhere.mp4 does not exist"),
        (("--camera", "/dev/video99"), 5, "rtstyle cameras"),
        (("--camera", "."), 3, "is a folder"),
    ],
)
def test_what_cannot_work_is_told_in_three_lines(
    tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    if "/proc" in str(options) and not sys.platform.startswith("linux"):
        pytest.skip("needs a folder in which nobody can make files")
    result = subprocess.run(
        [sys.executable, "-m", "rtstyle", *LIVE, "--quiet", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == code and words in result.stderr, result.stderr
    assert 1 <= len(result.stderr.splitlines()) <= 3


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3, 0.6])
def test_ctrl_c_while_it_starts_leaves_no_traceback(tmp_path: Path, seconds: float) -> None:
    script = "from rtstyle.__main__ import run; print(flush=True); run()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *LIVE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (130, -signal.SIGINT), errors
    assert "Traceback" not in errors and len(errors.splitlines()) <= 1


needs_display = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("Xvfb", "xdotool", "openbox", "import")),
    reason="needs Xvfb, xdotool, openbox and ImageMagick",
)


def start_x_server() -> tuple[subprocess.Popen[bytes], str]:
    """An X server, and the display that it has."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return server, f":{pipe.readline().strip()}"


class Desktop:
    """An X server of its own with one `rtstyle live` on it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.server, display = start_x_server()
        self.environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self.manager = subprocess.Popen(
            ["openbox"], env=self.environment, stderr=subprocess.DEVNULL
        )
        self.live = subprocess.Popen(
            [
                *(sys.executable, "-m", "rtstyle", "live", "--camera", "synthetic", "--json"),
                *("--resolution", "320x180", "--backend", "identity", "--window", kind),
                *("--folder", str(folder), "--smooth", "0"),
            ],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.window = self._found()

    def run(self, *command: str) -> str:
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30
        )
        return result.stdout.strip()

    def _found(self) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.live.poll() is None:
            windows = self.run("xdotool", "search", "--onlyvisible", "--name", "^rtstyle$").split()
            if windows:
                self.run("xdotool", "windowactivate", "--sync", windows[-1])
                return windows[-1]
            time.sleep(0.2)
        raise AssertionError(self.live.stderr.read() if self.live.stderr else "no window")

    def key(self, name: str) -> None:
        self.run("xdotool", "key", name)

    def screen(self) -> np.ndarray:
        path = self.folder / "screen.png"
        self.run("import", "-window", "root", str(path))
        return np.asarray(Image.open(path).convert("RGB")).astype(int)

    def end(self, *command: str) -> dict[str, Any]:
        """Close it by a command of xdotool; returns what it prints."""
        self.run("xdotool", *command)
        output, errors = self.live.communicate(timeout=30)
        assert self.live.returncode == 0, errors
        return json.loads(output)

    def close(self) -> None:
        for process in (self.live, self.manager, self.server):
            if process.poll() is None:
                process.terminate()
            process.wait(20)


@pytest.mark.display
@needs_display
@pytest.mark.parametrize("kind", [pytest.param("qt", marks=needs_qt), "highgui"])
def test_a_real_window_shows_moving_pictures_and_takes_real_keys(tmp_path: Path, kind: str) -> None:
    desktop = Desktop(tmp_path, kind)
    try:
        first = desktop.screen()
        deadline = time.monotonic() + 20
        while (desktop.screen() == first).all() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (desktop.screen() != first).any(), "the picture does not move"
        for key in ("2", "Down", "p", "r"):
            desktop.key(key)
            time.sleep(0.4)
        desktop.key("h")
        time.sleep(0.6)
        by_button = ("key", "alt+F4")
        facts = desktop.end(*(by_button if kind == "qt" else ("key", "q")))
    finally:
        desktop.close()
    assert facts["ages"]["count"] > 0
    assert facts["controls"]["strength"] == 0.9
    assert len(facts["pictures"]) == 1 and Path(facts["pictures"][0]).stat().st_size > 100
    assert len(facts["recordings"]) == 1 and Path(facts["recordings"][0]).is_file()


@linux
def test_the_plain_window_opens_where_qt_is_told_to_use_wayland() -> None:
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    server, display = start_x_server()
    try:
        result = subprocess.run(
            [
                *(sys.executable, "-m", "rtstyle", "live", "--camera", "synthetic", "--json"),
                *("--resolution", "160x96", "--backend", "identity", "--smooth", "0"),
                *("--window", "highgui", "--seconds", "2"),
            ],
            cwd=ROOT,
            env={**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "wayland"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        server.terminate()
        server.wait(20)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["ages"]["count"] > 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_recording_that_plays(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    path = tmp_path / "out.mkv"
    command = [
        *(sys.executable, "-m", "rtstyle", "live", "--camera", "synthetic", "--window", "none"),
        *("--resolution", "160x96", "--backend", "identity", "--record", str(path)),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: list(tmp_path.glob(".out.mkv.*.part")), 60)
        time.sleep(0.5)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == code, errors
    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)) > 3
