"""The new painting is laid over the last one as the formula says, in one loop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rtstyle.cpu import openvino_core
from rtstyle.errors import EngineError
from rtstyle.frame import Pixels
from rtstyle.machine import this_machine
from rtstyle.temporal import overlay
from rtstyle.temporal.overlay import ONE, Bench, Detail, Weights, kept_benches

ROWS, WIDTH = 24, 50


def random(seed: int, rows: int = ROWS) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (rows, WIDTH, 3), dtype=np.uint8)


WEIGHTS: Weights = np.repeat(
    np.linspace(0, ONE, WIDTH).round().astype(np.uint8)[None], ROWS, axis=0
)
"""Every share of the last painting stays somewhere."""


def bench() -> Bench:
    made = Bench(ROWS, WIDTH)
    made.moved[:] = random(1)
    return made


def laid(over: Bench, fresh: Pixels, detail: Detail, most: int) -> NDArray[np.float64]:
    """What the formula says, in double precision and one step at a time."""
    new, old = (each[detail.rows].astype(float) for each in (fresh, over.moved))
    share = WEIGHTS[detail.rows][..., None].astype(float)
    mean = cv2.blur(over.moved[detail.rows], detail.window).astype(float)
    sharp = old + detail.gain * (share <= most) * (old - mean)
    highest, lowest = (way(fresh[detail.rows], np.ones((3, 3))) for way in (cv2.dilate, cv2.erode))
    sharp = np.clip(sharp, np.minimum(lowest, old), np.maximum(highest, old))
    return new + (sharp - new) * share / ONE


@pytest.mark.parametrize(("gain", "window", "most"), [(0, (5, 5), 204), (1.5, (5, 1), 150)])
def test_paintings_are_laid_as_the_formula_says(
    gain: float, window: tuple[int, int], most: int
) -> None:
    over, fresh, out = bench(), random(2), np.zeros((ROWS, WIDTH, 3), np.uint8)
    detail = Detail(slice(0, ROWS), gain, window)
    over.lay(fresh, out, [detail], WEIGHTS, most)
    assert np.abs(out - laid(over, fresh, detail, most)).max() <= 0.501


def test_each_band_has_its_own_detail_and_fewer_rows_are_laid_as_well() -> None:
    over, fresh = bench(), random(2)
    for rows in (ROWS, 10, ROWS):
        out = np.zeros((rows, WIDTH, 3), np.uint8)
        details = [Detail(slice(0, 6), 0, (5, 5)), Detail(slice(6, rows), 1.5, (5, 5))]
        over.lay(fresh[:rows], out, details, WEIGHTS[:rows], 204)
        expected = [laid(over, fresh, detail, 204) for detail in details]
        assert np.abs(out - np.concatenate(expected)).max() <= 0.501


def test_what_is_held_stays_and_what_is_not_followed_is_new_to_the_last_bit() -> None:
    over, fresh, out = bench(), random(2), np.zeros((ROWS, WIDTH, 3), np.uint8)
    over.lay(fresh, out, [Detail(slice(0, ROWS), 1.5, (5, 5))], WEIGHTS, 204)
    assert (out[:, 0] == fresh[:, 0]).all()
    assert (out[:, -1] == over.moved[:, -1]).all()


@pytest.mark.skipif("avx2" not in this_machine().cpu_flags, reason="no AVX2: several loops")
def test_the_formula_is_one_loop_over_the_bytes() -> None:
    compiled = openvino_core().compile_model(overlay.formula(120, 1280), "CPU")
    kinds = [
        node.get_rt_info()["layerType"].astype(str)
        for node in compiled.get_runtime_model().get_ordered_ops()
    ]
    assert sorted(set(kinds)) == ["Input", "Output", "Subgraph"]
    assert kinds.count("Subgraph") == 1


def test_benches_are_used_again_but_by_one_at_a_time() -> None:
    benches = kept_benches(ROWS, WIDTH)
    with benches.one() as first, benches.one() as second:
        assert first is not second
    with benches.one() as again:
        assert again in (first, second)
    assert kept_benches(ROWS, WIDTH) is benches


def test_what_openvino_cannot_compile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def compile_model(self, *args: object) -> None:
            raise RuntimeError("Exception from src/core.cpp:1\nno such instruction")

    monkeypatch.setattr(overlay, "openvino_core", Broken)
    with pytest.raises(EngineError, match="smooths paintings") as failure:
        Bench(7, WIDTH).lay(random(1, 7), random(2, 7), [], WEIGHTS[:7], 204)
    assert "--smooth 0" in str(failure.value)
