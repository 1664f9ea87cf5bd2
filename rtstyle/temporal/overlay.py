"""The new painting laid over the last one, moved and sharpened: in one pass over the bytes.

OpenCV would take ten. OpenVINO makes one loop of the formula, for the processor at hand.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..cpu import openvino_core
from ..errors import EngineError
from ..frame import NEIGHBOURS, Pixels
from .scratch import Pool, Scratch

if TYPE_CHECKING:
    import openvino as ov

Weights = NDArray[np.uint8]
"""Weights (H, W) in which `ONE` is 1: several times as fast as floats."""

ONE = 255


class Detail(NamedTuple):
    """By how much a band, some of the rows, is sharpened in the last painting.

    `gain` times what differs from the mean over `window` (width, height) is added.
    """

    rows: slice
    gain: float
    window: tuple[int, int]


class Bench:
    """What one core works at: arrays for up to so many rows of the picture, written over each time.

    `moved` (rows, width, 3) is for the last painting.
    """

    def __init__(self, rows: int, width: int) -> None:
        arrays = (np.empty((rows, width, 3), np.uint8) for _ in range(5))
        self.moved, self._means, self._shares, self._highest, self._lowest = arrays
        self.scratch = Scratch()
        self._gains = np.empty((rows, 1), np.float32)
        self._requests: dict[int, ov.InferRequest] = {}

    def lay(
        self, fresh: Pixels, out: Pixels, details: list[Detail], weights: Weights, most: int
    ) -> None:
        """Lay the new painting over `weights` of the last one, into `out`; both (rows, width, 3).

        Where more than `most` of the last one stays it is not sharpened: in what is held in part,
        too, it would build up. Nothing grows beyond what the new painting shows within a pixel, so
        that there are no halos (the clamping of "temporal anti-aliasing", Karis 2014, used the
        other way round).
        """
        import openvino as ov

        num = len(weights)
        cv2.cvtColor(weights, cv2.COLOR_GRAY2RGB, dst=self._shares[:num])
        for band, gain, window in details:
            self._gains[band] = gain
            if gain:
                cv2.blur(self.moved[band], window, dst=self._means[band])
                cv2.dilate(fresh[band], NEIGHBOURS, dst=self._highest[band])
                cv2.erode(fresh[band], NEIGHBOURS, dst=self._lowest[band])
        if any(detail.gain for detail in details):
            stays = cv2.compare(weights, most, cv2.CMP_GT)  # type: ignore[call-overload]
            cv2.copyTo(self.moved[:num], stays, self._means[:num])
        request = self._request(num)
        for name, picture in (("fresh", fresh), ("painted", out)):
            request.set_tensor(name, ov.Tensor(_flat(picture), shared_memory=True))
        request.infer(share_outputs=True)

    def _request(self, rows: int) -> ov.InferRequest:
        """One that works on so many rows of the arrays."""
        import openvino as ov

        if rows not in self._requests:
            request = _compiled(rows, self._means.shape[1]).create_infer_request()
            pictures = {
                "moved": self.moved,
                "mean": self._means,
                "share": self._shares,
                "highest": self._highest,
                "lowest": self._lowest,
            }
            tensors = {name: _flat(array[:rows]) for name, array in pictures.items()}
            tensors["gain"] = self._gains[:rows]
            for name, array in tensors.items():
                request.set_tensor(name, ov.Tensor(array, shared_memory=True))
            self._requests[rows] = request
        return self._requests[rows]


@lru_cache(maxsize=2)
def kept_benches(rows: int, width: int) -> Pool[Bench]:
    """Those for a size, of the last few."""
    return Pool(partial(Bench, rows, width))


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
        for name in ("fresh", "moved", "mean", "share", "highest", "lowest")
    ]
    gain = op.parameter([rows, 1], np.float32, name="gain")
    inputs = [*pictures, gain]
    for one in inputs:
        one.output(0).tensor.set_names({one.get_friendly_name()})
    fresh, moved, mean, share, highest, lowest = (op.convert(each, "f32") for each in pictures)

    def number(value: float) -> Any:
        return op.constant(value, np.float32)

    # OpenVINO makes one loop of it all, but would make several of not much more.
    sharp = op.add(moved, op.multiply(gain, op.subtract(moved, mean)))
    sharp = op.minimum(sharp, op.maximum(highest, moved))
    sharp = op.maximum(sharp, op.minimum(lowest, moved))
    history = op.multiply(op.subtract(sharp, fresh), op.multiply(share, number(1 / ONE)))
    painted = op.convert(op.add(op.add(fresh, history), number(0.5)), "u8")
    painted.output(0).tensor.set_names({"painted"})
    return model([painted], inputs, "overlay")


def _flat(picture: NDArray[Any]) -> NDArray[Any]:
    """(rows, width, 3) -> (rows, 3 * width), the same memory."""
    return picture.reshape(len(picture), -1)
