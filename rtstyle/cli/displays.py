"""Which window `rtstyle live` opens, and what to say where none can be opened."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import sys
from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from rtstyle.errors import SinkError, UsageError

if TYPE_CHECKING:
    from rtstyle.keyboard import Keyboard
    from rtstyle.sink import Sink

    class Window(Sink, Protocol):
        """A sink that a person sees."""

        def run(self) -> None: ...


KINDS = ("auto", "qt", "highgui", "none")
WITHOUT = "go without: rtstyle live --record out.mkv, rtstyle camera, or rtstyle video for files"
INSTALL_QT = "run: pip install 'rtstyle[gui]'"
NEEDS_X = "the plain window needs an X server"
ANSWER_SECONDS = 2.0
QT_LIBRARIES = (
    "sudo apt install libegl1 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0"
)
XCB_LIBRARIES = (
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-keysyms.so.1",
    "libxkbcommon-x11.so.0",
)
"""Without any of these Qt aborts where X is the display; they bring the others that it needs."""


def choose_window(asked: str, *, records: bool, quiet: bool = False) -> str:
    """ "qt", "highgui" or "none"; what was not asked for is said, unless `quiet`.

    Raises:
        UsageError: unknown kind.
        SinkError: there is no display, and nothing is recorded either.
    """
    if asked not in KINDS:
        raise UsageError(f"--window cannot be '{asked}'", fix=f"it is one of: {', '.join(KINDS)}")
    if asked == "none":
        return asked
    no_window = partial(_no_window, records=records, quiet=quiet)
    if asked == "highgui":
        return asked if has_x() else no_window(f"{NEEDS_X}, and {_no_answer()}")
    if not has_display():
        return no_window(_no_answer("WAYLAND_DISPLAY"))
    missing = missing_for_qt()
    if not missing:
        return "qt"
    if asked == "qt":
        raise SinkError("the Qt window cannot be opened", *missing)
    why, fix = missing
    if not has_x():
        return no_window(f"{NEEDS_X}, and {why}", fix)
    if not quiet:
        hint = f"plain window, because {why}; for sliders and a strip of styles, {fix}"
        print(hint, file=sys.stderr)
    return "highgui"


def _no_window(why: str, fix: str = WITHOUT, *, records: bool, quiet: bool) -> str:
    if not records:
        raise SinkError("there is no display to open a window on", why, fix)
    if not quiet:
        print("there is no display: recording without a window", file=sys.stderr)
    return "none"


def _no_answer(*others: str) -> str:
    """Why neither `DISPLAY` nor the `others` lead to a display."""
    names = "DISPLAY", *others
    named = [value for name in names if (value := os.environ.get(name))]
    if named:
        return f"nothing answers at {' or '.join(named)}"
    return f"no {' or '.join(names)} is set"


def has_display() -> bool:
    """Whether Qt reaches a display, or was told to draw elsewhere."""
    if not sys.platform.startswith("linux"):
        return True
    told = re.findall(r"(?:^|;)(\w+)", os.environ.get("QT_QPA_PLATFORM", ""))
    probes = {"xcb": has_x, "wayland": has_wayland}
    return any(name not in probes or probes[name]() for name in told or probes)


def has_x() -> bool:
    """Whether an X server answers: Qt and OpenCV would abort the process. Only Linux needs one."""
    if not sys.platform.startswith("linux"):
        return True
    name = os.environ.get("DISPLAY")
    return bool(name) and _x_answers(name)


@cache
def _x_answers(name: str) -> bool:
    """Connect to an X server, and stay connected.

    Xvfb starts afresh when its last client leaves, and the window would come just then.
    """
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # nothing to ask with
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(os.fsencode(name), None))
    if xcb.xcb_connection_has_error(connection):
        xcb.xcb_disconnect(connection)
        return False
    return True


def has_wayland() -> bool:
    """Whether a Wayland compositor takes connections."""
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name:
        return False
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), name))
        except OSError:
            return False
    return True


def missing_for_qt() -> tuple[str, str] | None:
    """Why the Qt window would not open, and what to do; Qt itself would abort the process."""
    if find_spec("PySide6") is None:
        return "PySide6 is not installed", INSTALL_QT
    if sys.version_info < (3, 12) and _qt_version() >= (6, 12):
        # It gives up a reference to None on every call into Python, until Python itself gives up.
        return "PySide6 6.12 crashes with Python 3.11", INSTALL_QT
    libraries = ["libEGL.so.1"] if sys.platform.startswith("linux") else []
    if libraries and not os.environ.get("QT_QPA_PLATFORM") and has_x():
        libraries += XCB_LIBRARIES
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            return f"the library {library} is missing", f"run: {QT_LIBRARIES}"
    return None


def _qt_version() -> tuple[int, int]:
    from PySide6 import __version_info__

    return __version_info__[0], __version_info__[1]


def load_window(kind: str) -> None:
    """Import the toolkit, which takes a while, beside other work."""
    if kind == "qt":
        import rtstyle.sink.window_qt  # noqa: F401


def make_window(kind: str, keyboard: Keyboard) -> Window | None:
    """The window itself, not shown yet."""
    if kind == "qt":
        from rtstyle.sink.window_qt import QtWindow

        return QtWindow(keyboard)
    if kind == "highgui":
        from rtstyle.sink.window_cv import CVWindow

        if sys.platform.startswith("linux"):
            # OpenCV's own Qt draws with X alone, and aborts when told to use anything else.
            os.environ["QT_QPA_PLATFORM"] = "xcb"
        return CVWindow(keyboard)
    return None
