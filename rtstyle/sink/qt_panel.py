"""What lies below the picture of the Qt window: the strip of styles, sliders, buttons."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from .qt_strip import Strip
from .window import WindowHost

BUTTONS = (("Record", "r"), ("Picture", "p"), ("Figures", "i"), ("Help", "h"))
"""For those who do not know the keys yet."""
BUTTONS_FROM_PX = 640
"""In a narrower window the sliders need their room."""


class Amount(QWidget):
    """A slider from 0 to 1 with its name before it and its value behind."""

    def __init__(self, name: str, changed: Callable[[float], None]) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.valueChanged.connect(lambda value: changed(value / 100))
        self.slider.valueChanged.connect(self._write)
        self._value = QLabel()
        self._value.setMinimumWidth(self._value.fontMetrics().horizontalAdvance("100 %"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(name))
        layout.addWidget(self.slider, 1)
        layout.addWidget(self._value)
        self._write(0)

    def show_value(self, value: float) -> None:
        """Move the slider, unless a hand is on it; nothing is told."""
        if not self.slider.isSliderDown():
            self.slider.blockSignals(True)
            self.slider.setValue(round(100 * value))
            self.slider.blockSignals(False)
            self._write(self.slider.value())

    def _write(self, percent: int) -> None:
        self._value.setText(f"{percent} %")


class Panel(QWidget):
    """Everything to click; each part moves the desk, or presses a key."""

    def __init__(self, host: WindowHost) -> None:
        super().__init__()
        self.host = host
        self.strip = Strip(host)
        self.strength = Amount("Strength", lambda value: host.set(strength=value))
        self.smooth = Amount("Smoothing", lambda value: host.set(smooth=value))
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self.strength, 1)
        row.addWidget(self.smooth, 1)
        self._buttons = [self._button(text, key) for text, key in BUTTONS]
        for button in self._buttons:
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        layout.addWidget(self.strip)
        layout.addLayout(row)

    def refresh(self) -> None:
        """Show what the desk holds, and thumbnails that have been painted since."""
        self.strength.show_value(self.host.controls.strength)
        self.smooth.show_value(self.host.controls.smooth)
        self.strip.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        for button in self._buttons:
            button.setVisible(event.size().width() >= BUTTONS_FROM_PX)

    def _button(self, text: str, key: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(f"key {key.upper()}")
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: self.host.press(key))
        return button
