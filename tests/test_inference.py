"""The contract of an engine, over every implementation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rtstyle.errors import EngineError, StyleError, UsageError
from rtstyle.inference import Engine, GpuOptions, begin, load_engine
from rtstyle.inference.identity import IdentityEngine
from rtstyle.inference.onnxruntime import ONNXRuntimeEngine
from rtstyle.inference.openvino import AheadOpenVINOEngine, OpenVINOEngine
from rtstyle.inference.padding import padded_size
from rtstyle.shelf import ShelvedGenerator, find_generator
from rtstyle.style import Style, load_styles

FAST = find_generator("fast")
MAKERS: dict[str, Callable[[], Engine]] = {
    "identity": IdentityEngine,
    "onnxruntime": lambda: ONNXRuntimeEngine(FAST.onnx),
    "openvino": lambda: OpenVINOEngine(FAST.onnx),
    "openvino-ahead": lambda: AheadOpenVINOEngine(FAST.onnx),
    "openvino-f32": lambda: OpenVINOEngine(FAST.onnx, precision="f32"),
}


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {name: make() for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def style() -> Style:
    return load_styles(FAST.styles)["starry-night"]


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 20, (height, width, 3))
    y, x = np.mgrid[:height, :width]
    waves = 128 + 80 * np.sin(x / 17)[..., None] * np.cos(y / 23)[..., None]
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("size_hw", [(96, 128), (97, 131), (9, 7), (1, 1)])
def test_any_size_comes_back_as_it_went_in(
    engines: dict[str, Engine], style: Style, name: str, size_hw: tuple[int, int]
) -> None:
    pixels = photo(*size_hw)
    before = pixels.copy()
    pixels.flags.writeable = False
    painted = engines[name].stylize(pixels, style)
    assert painted.shape == pixels.shape
    assert painted.dtype == np.uint8
    assert painted.flags.c_contiguous
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("name", MAKERS)
def test_results_are_repeatable_and_not_overwritten(
    engines: dict[str, Engine], style: Style, name: str
) -> None:
    first = engines[name].stylize(photo(64, 96), style)
    kept = first.copy()
    engines[name].stylize(photo(64, 96, seed=1), style)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(engines[name].stylize(photo(64, 96), style), kept)


@pytest.mark.parametrize("name", MAKERS)
def test_what_may_not_be_written_to_is_painted_alike(
    engines: dict[str, Engine], style: Style, name: str
) -> None:
    pixels, vector = photo(128, 160), style.vector.copy()
    expected = engines[name].stylize(pixels, style)
    pixels.flags.writeable = vector.flags.writeable = False
    fixed = Style(style.name, vector, style.generator)
    for _ in range(3):
        np.testing.assert_array_equal(engines[name].stylize(pixels, fixed), expected)
        np.testing.assert_array_equal(begin(engines[name], pixels, fixed)(), expected)


def test_pictures_begun_together_are_painted_as_one_by_one(
    engines: dict[str, Engine], style: Style
) -> None:
    ahead = engines["openvino-ahead"]
    assert isinstance(ahead, AheadOpenVINOEngine)
    pictures = [photo(64, 96 - 16 * (seed % 2), seed) for seed in range(5)]
    expected = [ahead.stylize(pixels, style) for pixels in pictures]
    begun = [ahead.begin(pixels.copy(), style) for pixels in pictures]
    for finish, one in zip(reversed(begun), reversed(expected), strict=True):
        np.testing.assert_array_equal(finish(), one)


def test_what_nobody_finishes_is_waited_for_on_closing(style: Style) -> None:
    engine = AheadOpenVINOEngine(FAST.onnx)
    for seed in range(3):
        engine.begin(photo(256, 256, seed), style)
    engine.close()
    pixels = photo(256, 256)
    np.testing.assert_array_equal(engine.begin(pixels, style)(), engine.stylize(pixels, style))


def test_only_who_asks_for_it_paints_ahead() -> None:
    assert not hasattr(load_engine(FAST, "openvino"), "begin")
    assert hasattr(load_engine(FAST, "openvino", ahead=True), "begin")
    assert hasattr(load_engine(FAST, gpu=GpuOptions(follow="never"), ahead=True), "begin")


@pytest.mark.parametrize("name", MAKERS)
def test_an_engine_describes_itself(engines: dict[str, Engine], name: str) -> None:
    info = engines[name].info
    assert info.backend == name.split("-")[0]
    assert info.precision in ("uint8", "f32", "bf16", "f16")
    assert info.generator.size_multiple >= 1


@pytest.mark.parametrize("size_hw", [(120, 168), (101, 99)])
def test_backends_agree(engines: dict[str, Engine], style: Style, size_hw: tuple[int, int]) -> None:
    """float32 backends within rounding; bfloat16 has 8 bits of mantissa, so a few levels."""
    reference = engines["onnxruntime"].stylize(photo(*size_hw), style).astype(int)
    exact = engines["openvino-f32"].stylize(photo(*size_hw), style)
    quick = engines["openvino"].stylize(photo(*size_hw), style)
    assert np.abs(exact - reference).max() <= 1
    assert np.abs(quick - reference).mean() < 2


def test_a_style_changes_the_picture(engines: dict[str, Engine]) -> None:
    bank = load_styles(FAST.styles)
    pixels = photo(128, 128)
    results = [engines["openvino"].stylize(pixels, style).astype(int) for style in bank]
    for one in range(len(results)):
        for other in range(one):
            assert np.abs(results[one] - results[other]).mean() > 3


def test_a_named_backend_never_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise EngineError("no OpenVINO today")

    monkeypatch.setattr("rtstyle.inference.openvino.OpenVINOEngine.__init__", broken)
    with pytest.raises(EngineError, match="no OpenVINO today"):
        load_engine(FAST, "openvino")
    assert load_engine(FAST, "auto").info.backend == "onnxruntime"


def test_an_unknown_backend_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="openvino, onnxruntime"):
        load_engine(FAST, "cuda13")


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("damage", ["cut", "noise", "missing", "foreign"])
def test_a_bad_generator_is_an_engine_error(tmp_path: Path, backend: str, damage: str) -> None:
    path = tmp_path / "fast.onnx"
    whole = FAST.onnx.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif damage == "foreign":
        path.write_bytes(whole.replace(b"rtstyle.", b"another."))
    with pytest.raises(EngineError) as caught:
        load_engine(ShelvedGenerator("fast", tmp_path), backend)
    assert caught.value.exit_code == 6
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_the_bank_on_the_shelf_fits_its_generator(engines: dict[str, Engine]) -> None:
    info = engines["onnxruntime"].info.generator
    bank = load_styles(FAST.styles, info.num_style_values).checked_for(info.weights_sha256)
    assert bank.names[0] == "original"
    with pytest.raises(StyleError):
        bank.checked_for("0" * 64)


@pytest.mark.parametrize(
    ("height", "width", "padded"), [(720, 1280, (720, 1280)), (1, 17, (16, 24))]
)
def test_padded_size(height: int, width: int, padded: tuple[int, int]) -> None:
    assert padded_size(height, width, 8) == padded


@pytest.mark.skipif(os.name != "posix", reason="on POSIX, OpenVINO changes the stack of signals")
def test_ctrl_c_after_another_thread_dropped_the_engine_is_no_crash() -> None:
    code = """
import gc, signal, sys, threading
from pathlib import Path
from rtstyle.inference.openvino import OpenVINOEngine

engines = [OpenVINOEngine(Path(sys.argv[1]))]
engines[0].prepare(64, 64)
dropping = threading.Thread(target=lambda: (engines.clear(), gc.collect()))
dropping.start()
dropping.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    raise SystemExit(130)
"""
    command = [sys.executable, "-c", code, FAST.onnx]
    assert subprocess.run(command, timeout=120, check=False).returncode == 130
