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
    """How what differs from the mean over `window` (width, height) is raised in the last painting.

    By `gain`; less where more than `most` of it stays, and not where it stays as it was.
    """

    gain: float
    window: tuple[int, int]
    most: int


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
        self._scalars = np.empty((2, 1, 1), np.float32)
        self._requests: dict[tuple[int, int], ov.InferRequest] = {}

    def lay(self, band: slice, fresh: Pixels, out: Pixels, detail: Detail) -> None:
        """Lay the new painting over a band of the last one, into `out`; both (rows, width, 3)."""
        import openvino as ov

        if detail.gain:
            cv2.blur(self.moved[band], detail.window, dst=self._means[band])
        least = ONE - detail.most
        self._scalars[:, 0, 0] = detail.gain / least, least
        request = self._request(band)
        for name, picture in (("fresh", fresh), ("painted", out)):
            request.set_tensor(name, ov.Tensor(_flat(picture), shared_memory=True))
        request.infer(share_outputs=True)

    def _request(self, band: slice) -> ov.InferRequest:
        """One that works on a band of the arrays."""
        import openvino as ov

        key = band.start, band.stop
        if key not in self._requests:
            rows, width = band.stop - band.start, self._means.shape[1]
            self._requests[key] = request = _compiled(rows, width).create_infer_request()
            arrays = {"moved": self.moved, "mean": self._means, "share": self.shares}
            tensors = {name: _flat(array[band]) for name, array in arrays.items()}
            tensors["gain"], tensors["least"] = self._scalars
            for name, array in tensors.items():
                request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        return self._requests[key]


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


@lru_cache(maxsize=8)
def _compiled(rows: int, width: int) -> ov.CompiledModel:
    """The formula for bands (rows, width, 3), computed by the thread that asks for it.

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
    """What `Bench.lay` computes of bands (rows, 3 * width), as a model of OpenVINO's."""
    import openvino
    from openvino import opset13

    model: Any = openvino.Model
    op: Any = opset13
    bands = [
        op.parameter([rows, 3 * width], np.uint8, name=name)
        for name in ("fresh", "moved", "mean", "share")
    ]
    scalars = [op.parameter([1, 1], np.float32, name=name) for name in ("gain", "least")]
    for parameter in (*bands, *scalars):
        parameter.output(0).tensor.set_names({parameter.get_friendly_name()})
    fresh, moved, mean, share = (op.convert(band, "f32") for band in bands)
    gain, least = scalars

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
    return model([painted], [*bands, *scalars], "overlay")


def _flat(picture: NDArray[Any]) -> NDArray[Any]:
    """(rows, width, 3) -> (rows, 3 * width), the same memory."""
    return picture.reshape(len(picture), -1)
