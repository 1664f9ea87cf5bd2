"""The strip of style thumbnails of the Qt window: to click, to scroll, with the keys of nine."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap, QWheelEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem

from ..frame import Pixels
from .qt_canvas import as_image
from .window import WindowHost

THUMBNAIL = QSize(128, 72)
CELL = THUMBNAIL + QSize(12, 34)
SCROLL_BAR_PX = 10
NAME = Qt.ItemDataRole.UserRole


class Strip(QListWidget):
    """One row of styles; it follows the style that is chosen, the wheel scrolls it sideways."""

    def __init__(self, host: WindowHost) -> None:
        super().__init__()
        self.host = host
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(THUMBNAIL)
        self.setGridSize(CELL)
        self.setUniformItemSizes(True)
        self.setFixedHeight(CELL.height() + SCROLL_BAR_PX)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        blank = QPixmap(THUMBNAIL)
        blank.fill(QColor("#23262a"))
        for name in host.style_names:
            item = QListWidgetItem(untinted(blank), name)
            item.setData(NAME, name)
            item.setToolTip(name)
            item.setSizeHint(CELL)
            self.addItem(item)
        self.itemClicked.connect(lambda item: host.choose_style(item.data(NAME)))
        self._with_picture: set[str] = set()
        self._followed = ""
        self._numbered: tuple[str, ...] = ()
        self._number()

    def refresh(self) -> None:
        """Show the chosen style, the numbers, and thumbnails that have been painted since."""
        self._number()
        for row in range(self.count()):
            item = self.item(row)
            name = item.data(NAME)
            pixels = self.host.thumbnails.get(name)
            if pixels is not None and name not in self._with_picture:
                self._with_picture.add(name)
                item.setIcon(thumbnail(pixels, self.devicePixelRatioF()))
            if name == self.host.style != self._followed:
                self._followed = name
                self.setCurrentItem(item)
                self.scrollToItem(item, QListView.ScrollHint.PositionAtCenter)

    @property
    def num_pictures(self) -> int:
        """Styles that have their thumbnail."""
        return len(self._with_picture)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta()
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - (turned.y() or turned.x()))
        event.accept()

    def _number(self) -> None:
        """Write the keys before the names; they may have gone on to other styles."""
        numbered = self.host.numbered_styles
        if numbered == self._numbered:
            return
        keys = {name: f"{key}  " for key, name in enumerate(numbered, start=1)}
        for row in range(self.count()):
            name = self.item(row).data(NAME)
            self.item(row).setText(keys.get(name, "") + name)
        if self._numbered:
            self.scrollToItem(self.item(self.host.style_names.index(numbered[0])))
            last = self.host.style_names.index(numbered[-1])
            self.scrollToItem(self.item(last))
        self._numbered = numbered


def thumbnail(pixels: Pixels, ratio: float) -> QIcon:
    """(H, W, 3) uint8 as an icon, sharp on screens of `ratio` pixels a point."""
    size = THUMBNAIL * ratio
    scaled = QPixmap.fromImage(as_image(pixels)).scaled(
        size,
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )
    left = (scaled.width() - size.width()) // 2
    top = (scaled.height() - size.height()) // 2
    cut = scaled.copy(left, top, size.width(), size.height())
    cut.setDevicePixelRatio(ratio)
    return untinted(cut)


def untinted(picture: QPixmap) -> QIcon:
    """An icon that looks the same while it is selected."""
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Active):
        icon.addPixmap(picture, mode)
    return icon
