"""The live window with OpenCV's highgui, where PySide6 is not installed: the same keys."""

from __future__ import annotations

import re
import sys

import cv2
import numpy as np

from ..frame import Frame, Pixels
from ..handoff import Latest
from .window import WindowHost, original_to_split

WAIT_SECONDS = 0.05
FONT = cv2.FONT_HERSHEY_SIMPLEX
LINE_PX, COLUMN_PX = 22, 96
MIN_WIDTH_PX = 640
"""Pictures of small cameras are shown larger, so that what is written over them can be read."""
KEY_CODES = {
    "linux": {65361: "left", 65362: "up", 65363: "right", 65364: "down"},
    "win32": {2424832: "left", 2490368: "up", 2555904: "right", 2621440: "down"},
    "darwin": {63234: "left", 63232: "up", 63235: "right", 63233: "down"},
}
PLAIN_KEYS = {32: "space", 27: "escape"}
ASCII = str.maketrans(
    {"←": "<-", "→": "->", "↑": "up", "↓": "down", "–": "-", "×": "x", "…": "..."}
)


class CVWindow:
    """A sink that a person sees; `run` needs the main thread until the window closes."""

    drops = "not drawn"

    def __init__(self, host: WindowHost, title: str = "rtstyle") -> None:
        self.host, self.title = host, title
        self._frames: Latest[Frame] = Latest()
        self._frame: Frame | None = None
        self._drawn_width = 1

    @property
    def num_dropped(self) -> int:
        """Frames that newer ones displaced before they were drawn."""
        return self._frames.num_dropped

    def run(self) -> None:
        """Show the window until it is closed or the session ends."""
        height, width = self.host.size_hw
        scale = max(1.0, MIN_WIDTH_PX / width)
        cv2.namedWindow(
            self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        )
        cv2.resizeWindow(self.title, round(width * scale), round(height * scale))
        cv2.setMouseCallback(self.title, self._mouse_moved)
        while not self.host.has_ended:
            frame = self._frames.take(WAIT_SECONDS)
            self._draw(frame)
            code = cv2.waitKeyEx(1)  # draws, too
            if frame is not None:
                self.host.shown(frame)
            if code != -1:
                self.host.press(key_name(code))
            if not self._is_open():
                self.host.stop()
        self._close()

    def write(self, frame: Frame) -> None:
        self._frames.put(frame)

    def close(self) -> None:
        pass

    def abort(self, *, keep_partial: bool = False) -> None:
        pass

    def _draw(self, frame: Frame | None) -> None:
        """Draw a new frame, or the last one again: what is written over it may have changed."""
        shown = frame or self._frame
        if shown is None:
            return
        self._frame, picture = shown, drawn(shown, self.host)
        self._drawn_width = picture.shape[1]
        cv2.imshow(self.title, picture)

    def _mouse_moved(self, _event: int, x: int, _y: int, _flags: int, _data: object) -> None:
        if self.host.controls.compare == "split" and self._frame is not None:
            self.host.set(split=min(1.0, max(0.0, x / self._drawn_width)))

    def _is_open(self) -> bool:
        try:
            return (
                self._frame is None or cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) > 0
            )
        except cv2.error:
            return False

    def _close(self) -> None:
        try:
            cv2.destroyWindow(self.title)
            cv2.pollKey()
        except cv2.error:
            pass  # the person closed it


def key_name(code: int) -> str:
    """Name of the key that `cv2.waitKeyEx` gave, as `Keyboard.press` takes it."""
    if sys.platform == "linux":
        code &= 0xFFFF  # above it GTK tells Shift and Num Lock
    special = KEY_CODES.get(sys.platform, {}).get(code)
    if special is not None:
        return special
    # Other keys without a letter, like Home (0xFF50), end in the code of one.
    return PLAIN_KEYS.get(code, chr(code).lower()) if code <= 0xFF else ""


def drawn(frame: Frame, host: WindowHost) -> Pixels:
    """The picture with everything that is written over it: (H, W, 3) uint8 BGR."""
    controls, overlay = host.controls, host.overlay()
    picture = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
    original = original_to_split(frame, controls)
    if original is not None:
        column = round(controls.split * frame.width)
        picture[:, :column] = original[:, :column, ::-1]
        picture[:, max(0, column - 1) : column + 1] = 255
    blocks = [block for block in (overlay.figures, overlay.help) if block]
    if blocks or overlay.notice:
        picture = _enlarged(picture, 1 + sum(map(len, blocks)))
    lines = [line for block in blocks for line in block]
    if lines:
        _write_lines(picture, lines, top_px=0)
    if overlay.notice:
        _write_lines(picture, [overlay.notice], top_px=picture.shape[0] - 2 * LINE_PX)
    if overlay.is_recording:
        cv2.circle(picture, (picture.shape[1] - 22, 22), 8, (59, 59, 226), -1, cv2.LINE_AA)
    return picture  # type: ignore[return-value]


def _enlarged(picture: np.ndarray, num_lines: int) -> np.ndarray:
    """The picture, large enough for so many lines of text."""
    height, width = picture.shape[:2]
    scale = max(MIN_WIDTH_PX / width, LINE_PX * (num_lines + 1) / height)
    if scale <= 1:
        return picture
    return cv2.resize(picture, (round(width * scale), round(height * scale)))


def _write_lines(picture: np.ndarray, lines: list[str], top_px: int) -> None:
    """Light text on a darkened box at the left; what follows wide gaps stands in a column."""
    rows = [re.split(r" {2,}", line.translate(ASCII), maxsplit=1) for line in lines]
    right_px = max(
        12 + COLUMN_PX * column + cv2.getTextSize(text, FONT, 0.5, 1)[0][0]
        for row in rows
        for column, text in enumerate(row)
    )
    box = picture[top_px : top_px + LINE_PX * len(lines) + 12, : right_px + 12]
    box //= 3
    for index, row in enumerate(rows):
        for column, text in enumerate(row):
            place = (12 + COLUMN_PX * column, top_px + LINE_PX * (index + 1))
            cv2.putText(picture, text, place, FONT, 0.5, (242, 242, 242), 1, cv2.LINE_AA)
