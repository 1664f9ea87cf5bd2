"""Which window `rtstyle live` opens, and what to say where none can be opened."""

from __future__ import annotations

import ctypes
import os
import sys
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
QT_LIBRARIES = "sudo apt install libxcb-cursor0 libegl1 libxkbcommon-x11-0"


def choose_window(asked: str, *, records: bool) -> str:
    """ "qt", "highgui" or "none".

    Raises:
        UsageError: unknown kind.
        SinkError: there is no display, and nothing is recorded either.
    """
    if asked not in KINDS:
        raise UsageError(f"--window cannot be '{asked}'", fix=f"it is one of: {', '.join(KINDS)}")
    if asked == "none":
        return asked
    if not has_display():
        if not records:
            raise SinkError("there is no display to open a window on", fix=WITHOUT)
        print("there is no display: recording without a window", file=sys.stderr)
        return "none"
    if asked == "highgui":
        return asked
    missing = missing_for_qt()
    if not missing:
        return "qt"
    if asked == "qt":
        raise SinkError("the Qt window cannot be opened", *missing)
    why, fix = missing
    print(f"plain window, because {why}; for sliders and a strip of styles, {fix}", file=sys.stderr)
    return "highgui"


def has_display() -> bool:
    """Whether windows can be seen, or Qt was told to draw elsewhere."""
    if not sys.platform.startswith("linux"):
        return True
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in named)


def missing_for_qt() -> tuple[str, str] | None:
    """Why the Qt window would not open, and what to do; Qt itself would abort the process."""
    if find_spec("PySide6") is None:
        return "PySide6 is not installed", INSTALL_QT
    if sys.version_info < (3, 12) and _qt_version() >= (6, 12):
        # It gives up a reference to None on every call into Python, until Python itself gives up.
        return "PySide6 6.12 crashes with Python 3.11", INSTALL_QT
    libraries = ["libEGL.so.1"] if sys.platform.startswith("linux") else []
    if libraries and not os.environ.get("QT_QPA_PLATFORM") and "DISPLAY" in os.environ:
        libraries.append("libxcb-cursor.so.0")
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

        return CVWindow(keyboard)
    return None
