"""The picture of the Qt window, and what is written over it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from PySide6.QtCore import QMargins, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from ..frame import Frame, Pixels
from .window import WindowHost, original_to_split

MARGIN_PX = 12
AREA_BELOW = 0.6
COLUMN_GAP = 3
FONT_SIZES = (10, 9, 8, 7, 6, 5)
"""Points; the largest that fits into the window is taken."""


class Canvas(QWidget):
    """Draws the newest frame, letterboxed and sharp on high-DPI, with what is written over it."""

    def __init__(self, host: WindowHost) -> None:
        super().__init__()
        self.host = host
        self.frame: Frame | None = None
        self._drawn: Pixels | None = None
        self._is_new = False
        self.setMouseTracking(True)
        self.setMinimumSize(320, 180)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame as soon as the window system allows."""
        self.frame, self._is_new = frame, True
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture lies in the widget, in its coordinates, on whole pixels."""
        if self.frame is None:
            return QRectF(self.rect())
        scale = min(self.width() / self.frame.width, self.height() / self.frame.height)
        width, height = round(self.frame.width * scale), round(self.frame.height * scale)
        return QRectF((self.width() - width) // 2, (self.height() - height) // 2, width, height)

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
        rect, controls = self.picture_rect(), self.host.controls
        original = original_to_split(frame, controls)
        painter.drawImage(rect.topLeft(), self._fitted(frame.pixels, rect))
        if original is not None:
            column = rect.left() + controls.split * rect.width()
            painter.save()
            painter.setClipRect(
                QRectF(rect.left(), rect.top(), column - rect.left(), rect.height())
            )
            painter.drawImage(rect.topLeft(), self._fitted(original, rect))
            painter.restore()
            painter.fillRect(QRectF(column - 1, rect.top(), 2, rect.height()), QColor("#ffffff"))

    def _fitted(self, pixels: Pixels, rect: QRectF) -> QImage:
        """The picture at the size of `rect` in pixels of the screen; valid until the next call.

        OpenCV scales in less than half the time that Qt takes.
        """
        ratio = self.devicePixelRatioF()
        width, height = max(1, round(rect.width() * ratio)), max(1, round(rect.height() * ratio))
        if (height, width) != pixels.shape[:2]:
            # Averaging is for much smaller pictures: it is slow, and needed only there.
            mode = cv2.INTER_AREA if height < AREA_BELOW * pixels.shape[0] else cv2.INTER_LINEAR
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=mode), np.uint8)
        self._drawn = pixels
        image = as_image(pixels)
        image.setDevicePixelRatio(ratio)
        return image

    def _draw_overlays(self, painter: QPainter) -> None:
        overlay = self.host.overlay()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top_px = MARGIN_PX
        for lines in (overlay.figures, overlay.help):
            if lines:
                top_px = draw_lines(painter, self.rect(), lines, top_px) + MARGIN_PX
        notice = overlay.notice or ("" if self.frame else "waiting for the first picture …")
        if notice:
            draw_notice(painter, self.rect(), notice)
        if overlay.is_recording:
            painter.setBrush(QColor("#e23b3b"))
            painter.setPen(QColor("#ffffff"))
            painter.drawEllipse(QPointF(self.width() - 24, 24), 8, 8)


def as_image(pixels: Pixels) -> QImage:
    """A view of (H, W, 3) uint8 RGB, valid as long as `pixels` lives."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)


def draw_lines(painter: QPainter, rect: QRect, lines: Sequence[str], top_px: int) -> int:
    """Lines of text in a box at the left, from `top_px` down; returns where the box ends.

    In a small window they go into two columns, then into a smaller font.
    """
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    text, inside = "", QRect()
    for size, num_columns in itertools.product(FONT_SIZES, (1, 2)):
        font = QFont("monospace", size)
        font.setStyleHint(QFont.StyleHint.Monospace)
        text = in_columns(lines, num_columns)
        inside = QFontMetrics(font).boundingRect(QRect(0, 0, 4000, 4000), flags, text)
        painter.setFont(font)
        height, width = top_px + inside.height() + 3 * MARGIN_PX, inside.width() + 4 * MARGIN_PX
        if height <= rect.height() and width <= rect.width():
            break
    inside.moveTo(2 * MARGIN_PX, top_px + MARGIN_PX)
    box = inside.marginsAdded(QMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX))
    draw_box(painter, box)
    painter.drawText(inside, flags, text)
    return box.bottom()


def in_columns(lines: Sequence[str], num_columns: int) -> str:
    """Lines side by side, for a font whose letters are all as wide."""
    num_rows = -(-len(lines) // num_columns)
    columns = [lines[start : start + num_rows] for start in range(0, len(lines), num_rows)]
    widths = [max(map(len, column)) + COLUMN_GAP for column in columns]
    rows = itertools.zip_longest(*columns, fillvalue="")
    return "\n".join(
        "".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def draw_notice(painter: QPainter, rect: QRect, text: str) -> None:
    """One line in a box at the bottom, in the middle; what is too long ends in dots."""
    font = QFont()
    font.setPointSize(13)
    painter.setFont(font)
    metrics = QFontMetrics(font)
    most = rect.width() - 5 * MARGIN_PX
    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, most)
    width = metrics.horizontalAdvance(text) + 3 * MARGIN_PX
    height = metrics.height() + MARGIN_PX
    box = QRect((rect.width() - width) // 2, rect.height() - height - MARGIN_PX, width, height)
    draw_box(painter, box)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def draw_box(painter: QPainter, box: QRect) -> None:
    """A dark, rounded ground; the pen is set for what is written on it."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(12, 13, 15, 190))
    painter.drawRoundedRect(box, 8, 8)
    painter.setPen(QColor("#f2f2f2"))
