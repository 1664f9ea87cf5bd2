"""The new painting laid over the last one, moved and sharpened: in one pass over the bytes.

OpenCV would take ten. OpenVINO makes one loop of the formula, for the processor at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..cpu import openvino_core
from ..errors import EngineError
from ..frame import Pixels
from .warp import Scratch

if TYPE_CHECKING:
    import openvino as ov

Weights = NDArray[np.uint8]
"""Weights (H, W) in which `ONE` is 1: several times as fast as floats."""

ONE = 255

BEYOND = 0.55
"""Sharpening takes a value beyond those of both paintings by up to so much of their difference:
where they agree no detail is lacking, and no halos build up from frame to frame."""


class Detail(NamedTuple):
    """By how much a band, some of the rows, is sharpened in the last painting.

    `gain` times what differs from the mean over `window` (width, height) is added.
    """

    rows: slice
    gain: float
    window: tuple[int, int]


class Bench:
    """What one core works at: arrays for up to so many rows of the picture, written over each time.

    `moved` (rows, width, 3) is for the last painting, `shares` for how much of it stays: `Weights`
    for each channel.
    """

    def __init__(self, rows: int, width: int) -> None:
        self.moved, self.shares, self._means = (
            np.empty((rows, width, 3), np.uint8) for _ in range(3)
        )
        self.scratch = Scratch()
        self._gains = np.empty((rows, 1), np.float32)
        self._least = np.empty((1, 1), np.float32)
        self._requests: dict[int, ov.InferRequest] = {}

    def lay(self, fresh: Pixels, out: Pixels, details: list[Detail], most: int) -> None:
        """Lay the new painting over the last one, into `out`; both (rows, width, 3).

        Where more than `most` of the last one stays it is sharpened less than `details` say, not at
        all where it stays as it was.
        """
        import openvino as ov

        self._least[:] = ONE - most
        for band, gain, window in details:
            self._gains[band] = gain / (ONE - most)
            if gain:
                cv2.blur(self.moved[band], window, dst=self._means[band])
        request = self._request(len(fresh))
        for name, picture in (("fresh", fresh), ("painted", out)):
            request.set_tensor(name, ov.Tensor(_flat(picture), shared_memory=True))
        request.infer(share_outputs=True)

    def _request(self, rows: int) -> ov.InferRequest:
        """One that works on so many rows of the arrays."""
        import openvino as ov

        if rows not in self._requests:
            request = _compiled(rows, self._means.shape[1]).create_infer_request()
            pictures = {"moved": self.moved, "mean": self._means, "share": self.shares}
            tensors = {name: _flat(array[:rows]) for name, array in pictures.items()}
            tensors |= {"gain": self._gains[:rows], "least": self._least}
            for name, array in tensors.items():
                request.set_tensor(name, ov.Tensor(array, shared_memory=True))
            self._requests[rows] = request
        return self._requests[rows]


class Benches:
    """As many as there are cores that work at the same time."""

    def __init__(self, rows: int, width: int) -> None:
        self._size = rows, width
        self._free: list[Bench] = []

    @contextmanager
    def one(self) -> Iterator[Bench]:
        """One that nobody works at meanwhile."""
        try:
            bench = self._free.pop()
        except IndexError:
            bench = Bench(*self._size)
        yield bench
        self._free.append(bench)


kept_benches = lru_cache(maxsize=2)(Benches)
"""Those for a size, of the last few."""


@lru_cache(maxsize=16)
def _compiled(rows: int, width: int) -> ov.CompiledModel:
    """The formula for pictures (rows, width, 3), computed by the thread that asks for it.

    Raises:
        EngineError: OpenVINO is missing or fails.
    """
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 0,
    }
    try:
        return openvino_core().compile_model(formula(rows, width), "CPU", options)
    except RuntimeError as error:
        raise EngineError(
            "OpenVINO cannot compile what smooths paintings",
            str(error).strip().splitlines()[-1][:200],
            "go on without: --smooth 0",
        ) from error


def formula(rows: int, width: int) -> ov.Model:
    """What `Bench.lay` computes of (rows, 3 * width), as a model of OpenVINO's."""
    import openvino
    from openvino import opset13

    model: Any = openvino.Model
    op: Any = opset13
    pictures = [
        op.parameter([rows, 3 * width], np.uint8, name=name)
        for name in ("fresh", "moved", "mean", "share")
    ]
    gain = op.parameter([rows, 1], np.float32, name="gain")
    least = op.parameter([1, 1], np.float32, name="least")
    inputs = [*pictures, gain, least]
    for one in inputs:
        one.output(0).tensor.set_names({one.get_friendly_name()})
    fresh, moved, mean, share = (op.convert(picture, "f32") for picture in pictures)

    def number(value: float) -> Any:
        return op.constant(value, np.float32)

    # In this order OpenVINO makes one loop of it all; in others two or three, at a third the speed.
    gains = op.multiply(gain, op.minimum(op.subtract(number(ONE), share), least))
    differs = op.subtract(moved, fresh)
    sharpened = op.add(differs, op.multiply(gains, op.subtract(moved, mean)))
    behind, further = (op.multiply(differs, number(by)) for by in (-BEYOND, 1 + BEYOND))
    highest = op.maximum(behind, further)
    bounded = op.maximum(op.minimum(highest, sharpened), op.subtract(differs, highest))
    laid = op.add(op.multiply(bounded, op.multiply(share, number(1 / ONE))), fresh)
    painted = op.convert(op.clamp(op.add(laid, number(0.5)), 0, ONE), "u8")
    painted.output(0).tensor.set_names({"painted"})
    return model([painted], inputs, "overlay")


def _flat(picture: NDArray[Any]) -> NDArray[Any]:
    """(rows, width, 3) -> (rows, 3 * width), the same memory."""
    return picture.reshape(len(picture), -1)
