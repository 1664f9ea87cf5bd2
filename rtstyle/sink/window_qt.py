"""The live window with PySide6: the picture, a strip of styles, sliders, figures."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from ..frame import Frame
from ..handoff import Latest
from .qt_canvas import Canvas
from .qt_panel import Panel
from .window import WindowHost

TICK_MS = 100
"""Notices and sliders follow within this time, and Python gets to see signals."""
SHARE_OF_SCREEN, MIN_WIDTH_PX = 0.8, 800
KEY_NAMES = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
    Qt.Key.Key_Space: "space",
    Qt.Key.Key_Escape: "escape",
}
REPEATED = ("left", "right", "up", "down")
"""A key held down goes on only where it steps: a second R would end the recording."""
STYLE_SHEET = """
QWidget { background: #16181b; color: #e6e6e6; }
QLabel { color: #b9bdc2; }
QListWidget { border: none; font-size: 11px; }
QListWidget::item { border: 2px solid transparent; border-radius: 6px; padding: 2px; }
QListWidget::item:hover { background: #202327; }
QListWidget::item:selected { border-color: #e8b23a; color: #ffffff; background: #2a2d31; }
QScrollBar:horizontal { height: 8px; background: transparent; border: none; }
QScrollBar::handle:horizontal { background: #44484d; border-radius: 3px; min-width: 40px; }
QScrollBar::handle:horizontal:hover { background: #6a6f75; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; }
QSlider { min-height: 20px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: #34383d; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: #e8b23a; }
QSlider::handle:horizontal {
    width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: #f2f2f2;
}
QPushButton { background: #26292e; border: none; border-radius: 6px; padding: 5px 12px; }
QPushButton:hover { background: #34383d; }
QPushButton:pressed { background: #e8b23a; color: #16181b; }
QToolTip { background: #26292e; color: #e6e6e6; border: 1px solid #44484d; }
"""


class _Bell(QObject):
    """Wakes the main thread."""

    rung = Signal()


class Desktop(QWidget):
    """The window itself: picture above, panel below."""

    def __init__(self, host: WindowHost, title: str) -> None:
        super().__init__()
        self.host = host
        self.canvas, self.panel = Canvas(host), Panel(host)
        self.setWindowTitle(title)
        self.setStyleSheet(STYLE_SHEET)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.panel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        name = KEY_NAMES.get(Qt.Key(event.key()), event.text().lower())
        if event.isAutoRepeat() and name not in REPEATED:
            return
        if self.host.press(name):
            self.panel.refresh()
            self.canvas.update()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.host.stop()
        event.accept()


class QtWindow:
    """A sink that a person sees; `run` needs the main thread until the window closes."""

    drops = "not drawn"

    def __init__(self, host: WindowHost, title: str = "rtstyle") -> None:
        self.app = QApplication.instance() or QApplication(["rtstyle"])
        self.host = host
        self.desktop = Desktop(host, title)
        self.desktop.resize(*self._first_size())
        self._frames: Latest[Frame] = Latest()
        self._bell = _Bell()
        self._bell.rung.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)

    @property
    def num_dropped(self) -> int:
        """Frames that newer ones displaced before they were drawn."""
        return self._frames.num_dropped

    def run(self) -> None:
        """Show the window until it is closed or the session ends."""
        self._timer.start(TICK_MS)
        self.desktop.show()
        self.desktop.panel.refresh()
        self.app.exec()
        self._timer.stop()
        self.desktop.close()

    def write(self, frame: Frame) -> None:
        self._frames.put(frame)
        self._bell.rung.emit()

    def close(self) -> None:
        pass

    def abort(self, *, keep_partial: bool = False) -> None:
        pass

    def _take(self) -> None:
        frame = self._frames.take()
        if frame is not None:
            self.desktop.canvas.show_frame(frame)

    def _tick(self) -> None:
        if self.host.has_ended:
            self.app.quit()
        self.desktop.panel.refresh()
        self.desktop.canvas.update()

    def _first_size(self) -> tuple[int, int]:
        """The camera's own size, enlarged if that is small, or what the screen holds of it."""
        (height, width), panel = self.host.size_hw, self.desktop.panel.sizeHint().height()
        screen = self.desktop.screen().availableSize() * SHARE_OF_SCREEN
        scale = max(1.0, MIN_WIDTH_PX / width)
        scale = min(scale, screen.width() / width, (screen.height() - panel) / height)
        return round(width * scale), round(height * scale) + panel
