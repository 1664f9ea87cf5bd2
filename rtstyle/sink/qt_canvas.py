"""The picture of the Qt window, and what is written over it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QMargins, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from ..frame import Frame, Pixels
from .window import WindowHost

MARGIN_PX = 12


class Canvas(QWidget):
    """Draws the newest frame, letterboxed and sharp on high-DPI, with what is written over it."""

    def __init__(self, host: WindowHost) -> None:
        super().__init__()
        self.host = host
        self.frame: Frame | None = None
        self._is_new = False
        self.setMouseTracking(True)
        self.setMinimumSize(320, 180)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame as soon as the window system allows."""
        self.frame, self._is_new = frame, True
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture lies in the widget, in its coordinates."""
        if self.frame is None:
            return QRectF(self.rect())
        scale = min(self.width() / self.frame.width, self.height() / self.frame.height)
        width, height = self.frame.width * scale, self.frame.height * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        if self.frame is not None:
            self._draw_picture(painter, self.frame)
        self._draw_overlays(painter)
        painter.end()
        if self._is_new and self.frame is not None:
            self._is_new = False
            self.host.shown(self.frame)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        rect = self.picture_rect()
        if self.host.controls.compare == "split" and rect.width():
            share = (event.position().x() - rect.left()) / rect.width()
            self.host.set(split=min(1.0, max(0.0, share)))
            self.update()

    def _draw_picture(self, painter: QPainter, frame: Frame) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect, controls = self.picture_rect(), self.host.controls
        painter.drawImage(rect, as_image(frame.pixels))
        if controls.compare == "split" and frame.original is not None:
            column = rect.left() + controls.split * rect.width()
            painter.save()
            painter.setClipRect(
                QRectF(rect.left(), rect.top(), column - rect.left(), rect.height())
            )
            painter.drawImage(rect, as_image(frame.original))
            painter.restore()
            painter.fillRect(QRectF(column - 1, rect.top(), 2, rect.height()), QColor("#ffffff"))

    def _draw_overlays(self, painter: QPainter) -> None:
        overlay = self.host.overlay()
        top_px = MARGIN_PX
        for lines in (overlay.figures, overlay.help):
            if lines:
                top_px = draw_lines(painter, self.rect(), lines, top_px) + MARGIN_PX
        notice = overlay.notice or ("" if self.frame else "waiting for the first picture …")
        if notice:
            draw_notice(painter, self.rect(), notice)
        if overlay.is_recording:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(QColor("#e23b3b"))
            painter.setPen(QColor("#ffffff"))
            painter.drawEllipse(QPointF(self.width() - 22, 22), 8, 8)


def as_image(pixels: Pixels) -> QImage:
    """A view of (H, W, 3) uint8 RGB, valid as long as `pixels` lives."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)


def draw_lines(painter: QPainter, rect: QRect, lines: Sequence[str], top_px: int) -> int:
    """Lines of text in a box at the left, from `top_px` down; returns where the box ends."""
    font = QFont("monospace", 10)
    font.setStyleHint(QFont.StyleHint.Monospace)
    painter.setFont(font)
    text, flags = "\n".join(lines), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    inside = QFontMetrics(font).boundingRect(rect, flags, text)
    inside.moveTo(2 * MARGIN_PX, top_px + MARGIN_PX)
    box = inside.marginsAdded(QMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX))
    painter.fillRect(box, QColor(0, 0, 0, 170))
    painter.setPen(QColor("#f2f2f2"))
    painter.drawText(inside, flags, text)
    return box.bottom()


def draw_notice(painter: QPainter, rect: QRect, text: str) -> None:
    """One line in a box at the bottom, in the middle."""
    font = QFont()
    font.setPointSize(13)
    painter.setFont(font)
    metrics = QFontMetrics(font)
    width = metrics.horizontalAdvance(text) + 3 * MARGIN_PX
    height = metrics.height() + MARGIN_PX
    box = QRect((rect.width() - width) // 2, rect.height() - height - MARGIN_PX, width, height)
    painter.fillRect(box, QColor(0, 0, 0, 180))
    painter.setPen(QColor("#ffffff"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
