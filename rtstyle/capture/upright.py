"""Decoded frames to upright RGB pictures of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import cast

import av
import av.filter
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc, VideoReformatter

from ..container import PictureFormat
from ..frame import Pixels

OPAQUE = 255


class UprightConverter:
    """Converts the frames of one stream; each has the size (height, width) of the first one.

    What is transparent is laid over black: a film with no picture there would be of little use to
    the encoders, hardly any of which knows transparency. `saw_through` tells that there was some.
    """

    def __init__(self, picture: PictureFormat, size_hw: tuple[int, int]) -> None:
        self._picture = picture
        self._size_hw = size_hw
        # One converter for all frames: each frame's own would build its tables anew every time.
        self._reformatter = VideoReformatter()
        self.size_changed = self.saw_through = False

    def __call__(self, frame: VideoFrame) -> Pixels:
        """Upright RGB uint8 (H, W, 3), contiguous."""
        pixels = self._opaque(frame)
        orientation = self._picture.orientation
        if orientation.is_transposed:
            pixels = cast(Pixels, cv2.transpose(pixels))
        if orientation.mirror_x:
            pixels = cast(Pixels, cv2.flip(pixels, 1))
        if orientation.mirror_y:
            pixels = cast(Pixels, cv2.flip(pixels, 0))
        if pixels.shape[:2] != self._size_hw:
            self.size_changed = True
            pixels = letterbox(pixels, *self._size_hw)
        return pixels

    def _opaque(self, frame: VideoFrame) -> Pixels:
        # Rows of odd widths are padded in FFmpeg's buffers; only those are copied here.
        if not self._picture.has_alpha:
            return cast(Pixels, np.ascontiguousarray(self._to_rgb(frame).to_ndarray()))
        rgba = np.ascontiguousarray(self._reformatter.reformat(frame, format="rgba").to_ndarray())
        pixels, alpha = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), cv2.extractChannel(rgba, 3)
        if alpha.min() < OPAQUE:
            # The colours under what is transparent are arbitrary; players show it over black.
            self.saw_through = True
            pixels = cv2.multiply(pixels, cv2.merge([alpha] * 3), scale=1 / OPAQUE)
        return cast(Pixels, pixels)

    def _to_rgb(self, frame: VideoFrame) -> VideoFrame:
        if self._picture.is_hdr:
            return self._reformatter.reformat(
                frame,
                format="rgb24",
                dst_color_trc=ColorTrc.BT709,
                dst_color_primaries=ColorPrimaries.BT709,
            )
        return self._reformatter.reformat(frame, format="rgb24")


def letterbox(pixels: Pixels, height: int, width: int) -> Pixels:
    """Fit a picture into another size, its shape kept, black where it does not reach."""
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    inner_h = min(height, max(1, round(pixels.shape[0] * scale)))
    inner_w = min(width, max(1, round(pixels.shape[1] * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    out[top : top + inner_h, left : left + inner_w] = cv2.resize(
        pixels, (inner_w, inner_h), interpolation=mode
    )
    return out


class Deinterlacer:
    """Turns interlaced frames into progressive ones, one for one; leaves others alone.

    The filter starts at the first interlaced frame and anew when the size changes.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._graph: av.filter.Graph | None = None
        self._kind: tuple[int, int, str] | None = None
        self.was_needed = False

    def __call__(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """Frames in the same number and with the same timestamps."""
        for frame in frames:
            if self._graph is None and not frame.interlaced_frame:
                yield frame
                continue
            self.was_needed = True
            kind = (frame.width, frame.height, frame.format.name)
            if kind != self._kind:
                yield from self._drain()
                self._graph, self._kind = self._build(frame), kind
            assert self._graph is not None
            self._graph.vpush(frame)
            yield from self._pull()
        yield from self._drain()

    def _build(self, frame: VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=self._time_base,
        )
        bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
        # bwdif counts in half units; the timestamps are to stay those of the file.
        unit = graph.add("settb", f"{self._time_base.numerator}/{self._time_base.denominator}")
        graph.link_nodes(source, bwdif, unit, graph.add("buffersink")).configure()
        return graph

    def _pull(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            yield frame

    def _drain(self) -> Iterator[VideoFrame]:
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()
