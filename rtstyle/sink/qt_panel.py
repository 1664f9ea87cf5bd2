"""The strip of styles and the sliders of the Qt window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from .qt_canvas import as_image
from .window import WindowHost

THUMBNAIL = QSize(112, 63)


class Panel(QWidget):
    """The strip of styles and the sliders below the picture; each moves the desk."""

    def __init__(self, host: WindowHost) -> None:
        super().__init__()
        self.host = host
        self.strip = QListWidget()
        self.strip.setViewMode(QListView.ViewMode.IconMode)
        self.strip.setFlow(QListView.Flow.LeftToRight)
        self.strip.setWrapping(False)
        self.strip.setMovement(QListView.Movement.Static)
        self.strip.setIconSize(THUMBNAIL)
        self.strip.setFixedHeight(THUMBNAIL.height() + 46)
        self.strip.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.strip.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        blank = QPixmap(THUMBNAIL)
        blank.fill(QColor("#2a2d31"))
        for number, name in enumerate(host.style_names, start=1):
            label = f"{number} {name}" if number <= 9 else name
            item = QListWidgetItem(QIcon(blank), label)
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.strip.addItem(item)
        self.strip.itemClicked.connect(self._clicked)
        self.strength = self._slider(lambda value: host.set(strength=value))
        self.smooth = self._slider(lambda value: host.set(smooth=value))
        self._has_picture: set[str] = set()
        self._lay_out()

    def refresh(self) -> None:
        """Show what the desk holds, and thumbnails that have been painted since."""
        controls = self.host.controls
        for slider, value in (
            (self.strength, controls.strength),
            (self.smooth, controls.smooth),
        ):
            if not slider.isSliderDown():
                slider.blockSignals(True)
                slider.setValue(round(100 * value))
                slider.blockSignals(False)
        for row in range(self.strip.count()):
            item = self.strip.item(row)
            name = item.data(Qt.ItemDataRole.UserRole)
            if name == self.host.style and not item.isSelected():
                self.strip.setCurrentItem(item)
            pixels = self.host.thumbnails.get(name)
            if pixels is not None and name not in self._has_picture:
                self._has_picture.add(name)
                item.setIcon(QIcon(QPixmap.fromImage(as_image(pixels)).scaled(THUMBNAIL * 2)))

    def _clicked(self, item: QListWidgetItem) -> None:
        self.host.choose_style(item.data(Qt.ItemDataRole.UserRole))

    def _slider(self, changed: Callable[[float], None]) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        slider.valueChanged.connect(lambda value: changed(value / 100))
        return slider

    def _lay_out(self) -> None:
        sliders = QHBoxLayout()
        for text, slider in (("strength", self.strength), ("smoothing", self.smooth)):
            sliders.addWidget(QLabel(text))
            sliders.addWidget(slider)
        sliders.addWidget(QLabel("H: help"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 6)
        layout.addWidget(self.strip)
        layout.addLayout(sliders)
