"""Pictures moved along the flow, some rows at a time."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Mask, Pixels
from .scratch import Scratch

AVERAGED_PX = 8
"""The mean of the flow over so many pixels to a side tells how much it blurs: noise of the flow
would look like blur itself."""

EVERY_ROW = slice(None)


class Way:
    """Where pixels come from: a flow (h, w, 2) of the small picture for pictures of (H, W).

    `moves` (h, w) is how much of the flow is followed, all of it if None.
    """

    def __init__(
        self,
        flow: NDArray[np.float32],
        height: int,
        width: int,
        moves: Mask | None = None,
        scratch: Scratch | None = None,
    ) -> None:
        scratch = scratch or Scratch()
        scales = width / flow.shape[1], height / flow.shape[0]
        self.grid = grid = Grid(scales, height, width)
        self._blurs: list[NDArray[np.float32]] = []
        fitted = []
        for axis, name in enumerate(("along", "down")):
            shift = cv2.extractChannel(flow, axis, dst=scratch.array("shift", flow.shape[:2]))
            if moves is None:
                shift *= scales[axis]
            else:
                cv2.multiply(shift, moves, dst=shift, scale=scales[axis])
            self._blurs.append(_blur(shift))
            fitted.append(grid.fitted(shift, scratch, name))
        self._along, self._down = along, down = fitted
        rows, columns = (grid.centres(num) for num in along.shape)
        # What is enlarged with the flow need not be added to it at full size.
        along += columns
        down += rows[:, None]

    def blur(self, rows: slice) -> tuple[float, float]:
        """How much `moved` blurs some rows, along them and down: 0 where whole pixels are moved on
        to others, up to 1/4 half-way between two."""
        along, down = (
            float(blur[_share(len(blur), rows, self.grid.height)].mean()) for blur in self._blurs
        )
        return along, down

    def moved(
        self,
        pixels: Pixels,
        rows: slice = EVERY_ROW,
        scratch: Scratch | None = None,
        out: Pixels | None = None,
    ) -> Pixels:
        """Rows of the picture (H, W, 3) from where the flow points, into `out` if it is given."""
        scratch = scratch or Scratch()
        x = self.grid.enlarged(self._along, rows, scratch, "x")
        y = self.grid.enlarged(self._down, rows, scratch, "y")
        low, high, _, _ = cv2.minMaxLoc(self._down[self.grid.around(rows)])
        top = min(max(int(low), 0), len(pixels) - 1)
        needed = slice(top, max(top, int(high) + 1) + 1)
        # OpenCV interpolates four channels in less than half the time of three.
        quads = scratch.array("quads", (*pixels.shape[:2], 4), np.uint8)
        cv2.cvtColor(pixels[needed], cv2.COLOR_RGB2RGBA, dst=quads[needed])
        moved = scratch.array("moved", (*x.shape, 4), np.uint8)
        cv2.remap(quads, x, y, cv2.INTER_LINEAR, dst=moved, borderMode=cv2.BORDER_REPLICATE)
        return cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB, dst=out)  # type: ignore[return-value]


class Grid:
    """Of a picture (H, W) one value for `factor` rows and columns each, and one more all around.

    The factor is a power of two, so that what is interpolated is the same to the last bit in
    whichever rows it is asked for. The grid is as fine as the small picture or finer.
    """

    def __init__(self, scales: tuple[float, float], height: int, width: int) -> None:
        self.height, self._width = height, width
        self._factor = 1 << max(0, int(np.log2(min(scales))))

    def centres(self, num: int) -> NDArray[np.float32]:
        """Which rows or columns of the picture its `num` are the middle of."""
        return (np.arange(-1, num - 1, dtype=np.float32) + 0.5) * self._factor - 0.5

    def fitted(self, values: NDArray[Any], scratch: Scratch, name: str) -> NDArray[Any]:
        """Values (h, w) of the small picture, interpolated: in the scratch's array of a name."""
        height, width = -(-self.height // self._factor), -(-self._width // self._factor)
        if values.shape != (height, width):
            inner = scratch.array("inner", (height, width), values.dtype)
            values = cv2.resize(values, (width, height), dst=inner, interpolation=cv2.INTER_LINEAR)
        around = scratch.array(name, (height + 2, width + 2), values.dtype)
        return cv2.copyMakeBorder(values, 1, 1, 1, 1, cv2.BORDER_REPLICATE, dst=around)

    def around(self, rows: slice) -> slice:
        """Its rows that some rows of the picture are interpolated from."""
        start, stop, _ = rows.indices(self.height)
        return slice(start // self._factor, -(-stop // self._factor) + 2)

    def enlarged(
        self, values: NDArray[Any], rows: slice, scratch: Scratch, name: str
    ) -> NDArray[Any]:
        """Some rows of the picture, interpolated: (rows, W), in the scratch's array of a name."""
        part, factor = values[self.around(rows)], self._factor
        shape = factor * part.shape[0], factor * part.shape[1]
        whole = scratch.array(name, shape, values.dtype)
        cv2.resize(part, shape[::-1], dst=whole, interpolation=cv2.INTER_LINEAR)
        start, stop, _ = rows.indices(self.height)
        first = factor + start % factor
        return whole[first : first + stop - start, factor : factor + self._width]


def _blur(shift: NDArray[Any]) -> NDArray[np.float32]:
    """How much pixels shifted so far (h, w) are blurred, over squares of the small picture."""
    height, width = (max(1, side // AVERAGED_PX) for side in shift.shape)
    beside: NDArray[Any] = cv2.resize(shift, (width, height), interpolation=cv2.INTER_AREA)
    beside -= np.floor(beside)
    return beside * (1 - beside)


def _share(num: int, rows: slice, height: int) -> slice:
    """Which of `num` rows show what some rows of the picture show, one at least."""
    top = rows.start * num // height
    return slice(top, max(top + 1, rows.stop * num // height))
