"""Still things stay still, moving things are not smeared, and nothing outlives a cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rtstyle import temporal
from rtstyle.controls import Controls
from rtstyle.frame import Frame, Motion, Pixels
from rtstyle.motion import FADE_FRAMES, analyse
from rtstyle.pipeline import Pipeline
from rtstyle.temporal import (
    DISSOLVE_FRAMES,
    MIN_FRESH_SHARE,
    SETTLING_SHARE,
    Fed,
    feed,
    smoothed,
)

SIZE = (180, 320)


def plain(value: int, size: tuple[int, int] = SIZE) -> Pixels:
    return np.full((*size, 3), value, np.uint8)


def grain(value: int) -> Pixels:
    """Strokes a pixel wide, 40 levels apart, whose mean is `value`."""
    y, x = np.indices(SIZE)
    return np.repeat((value - 20 + 40 * ((x + y) % 2))[..., None], 3, axis=2).astype(np.uint8)


def random(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def motion(still: bool | NDArray[np.bool_] = False, flow: Any = (0, 0), **more: Any) -> Motion:
    """The same motion everywhere; `still` for all tiles or for each."""
    facts = {
        "flow": np.broadcast_to(np.float32(flow), (*SIZE, 2)),
        "reliable": np.ones(SIZE, np.float32),
        "still": np.broadcast_to(still, (18, 32)),
        "settling": np.zeros((18, 32), np.bool_),
        **more,
    }
    return Motion(**facts)


@pytest.mark.parametrize(
    ("now", "has_past", "smooth"),
    [(motion(), True, 0), (None, True, 1), (motion(), False, 1), (motion(is_cut=True), True, 1)],
)
def test_without_a_past_that_applies_the_painting_is_untouched(
    now: Motion | None, has_past: bool, smooth: float
) -> None:
    fresh, past = random(1), random(2) if has_past else None
    assert (smoothed(fresh, now, past, smooth) == fresh).all()


@pytest.mark.parametrize("smooth", [0.3, 0.5, 1.0])
def test_share_of_the_new_painting(smooth: float) -> None:
    shown = smoothed(grain(120), motion(), plain(120), smooth)
    fresh_share = MIN_FRESH_SHARE**smooth ** (1 / 3)
    assert fresh_share >= MIN_FRESH_SHARE
    expected = 120 + fresh_share * (grain(120).astype(float) - 120)
    assert np.abs(shown - expected).max() <= 1.5


def test_what_the_flow_does_not_explain_is_painted_anew() -> None:
    reliable = np.ones(SIZE, np.float32)
    reliable[40:80, 40:80] = 0
    fresh = grain(120)
    shown = smoothed(fresh, motion(reliable=reliable), plain(120), 1.0)
    assert (shown[42:78, 42:78] == fresh[42:78, 42:78]).all()
    assert np.ptp(shown[100:]) < 0.3 * np.ptp(fresh)


def test_paint_that_reached_past_what_moved_does_not_stay_behind() -> None:
    scene = np.clip(random(5) // 4 + 120, 0, 255).astype(np.uint8)

    def painted(pixels: Pixels) -> Pixels:
        return np.asarray(cv2.erode(cv2.blur(pixels, (9, 9)), np.ones((25, 25))), np.uint8)

    seen, past, shown = None, None, painted(scene)
    for left in [*range(0, SIZE[1] + 60, 12), *[SIZE[1]] * FADE_FRAMES]:
        frame = scene.copy()
        frame[60:100, max(0, left - 60) : left] = 20
        if left >= SIZE[1]:
            frame = scene
        motion, seen = analyse(frame, seen)
        past = feed(frame, motion, past, SIZE)
        shown = smoothed(painted(past.pixels), motion, shown, 0.8)
    astray = np.abs(shown.astype(int) - painted(scene))
    assert astray.max() < 15


def test_the_last_painting_moves_along_the_flow() -> None:
    past = random(3)
    shown = smoothed(np.roll(past, 6, axis=1), motion(flow=(-6, 0)), past, 1.0)
    assert (shown[:, 8:-8] == np.roll(past, 6, axis=1)[:, 8:-8]).all()


def panned(
    picture: Pixels, smooth: float = 0.6, by: tuple[float, float] = (0.4, 0.3)
) -> tuple[Pixels, Pixels]:
    """The last frame of a slow pan over a picture that is painted exactly: fresh and shown."""
    height, width = picture.shape[:2]
    shown = fresh = picture
    for t in range(1, 13):
        step = np.array([[1, 0, by[0] * t], [0, 1, by[1] * t]])
        fresh = np.asarray(cv2.warpAffine(picture, step, (width, height)), np.uint8)
        shown = smoothed(fresh, motion(flow=(-by[0], -by[1])), shown, smooth)
    inner = slice(20, -20), slice(20, -20)
    return fresh[inner], shown[inner]


def test_strokes_stay_sharp_where_the_whole_picture_moves() -> None:
    fresh, shown = panned(np.asarray(cv2.blur(random(7), (3, 3)), np.uint8))
    detail, left = (np.std(each - cv2.blur(each, (5, 5)).astype(float)) for each in (fresh, shown))
    assert left > 0.93 * detail


@pytest.mark.parametrize(("by", "across"), [((0.4, 0), (1, 5)), ((0, 0.4), (5, 1))])
def test_strokes_along_a_pan_do_not_become_lines(
    by: tuple[float, float], across: tuple[int, int]
) -> None:
    fresh, shown = panned(np.asarray(cv2.blur(random(7), (3, 3)), np.uint8), 0.8, by)
    detail, now = (np.std(each - cv2.blur(each, across).astype(float)) for each in (fresh, shown))
    assert 0.9 * detail < now < 1.06 * detail


def test_sharpening_builds_up_no_halos() -> None:
    picture = plain(80)
    picture[:, 150:] = 170
    picture[100:, ::9] = 120
    fresh, shown = panned(picture, smooth=1.0)
    assert fresh.min() - 2 <= shown.min()
    assert shown.max() <= fresh.max() + 2


def test_what_is_held_in_part_does_not_turn_harsh_beside_what_moves() -> None:
    settling = np.zeros((18, 32), np.bool_)
    settling[:, :16] = True
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[:, 160:] = (-0.4, -0.3)
    picture = np.asarray(cv2.blur(random(7), (3, 3)), np.uint8)
    shown, fresh = picture, picture
    for t in range(60):
        flickers = np.random.default_rng(t).integers(0, 12, picture.shape, dtype=np.uint8)
        step = np.array([[1, 0, 0.4 * t], [0, 1, 0.3 * t]])
        fresh = np.asarray(cv2.warpAffine(picture, step, SIZE[::-1]), np.uint8)
        fresh[:, :160] = picture[:, :160]
        fresh = np.asarray(cv2.add(fresh, flickers), np.uint8)
        shown = smoothed(fresh, motion(flow=flow, settling=settling), shown, 0.8)
    inner = slice(20, 160), slice(20, 130)
    detail, now = (
        np.std(each[inner] - cv2.blur(each[inner], (5, 5)).astype(float)) for each in (fresh, shown)
    )
    assert 0.9 * detail < now < 1.05 * detail


def test_flow_is_scaled_to_the_output() -> None:
    height, width = 2 * SIZE[0], 2 * SIZE[1]
    past = np.zeros((height, width, 3), np.uint8)
    past[:, 200:210] = 255
    fresh = np.roll(past, 20, axis=1)
    shown = smoothed(fresh, motion(flow=(-10, 0)), past, 1.0)
    assert (shown == fresh).all()


@pytest.mark.parametrize("size", [(180, 320), (405, 719)])
def test_on_several_cores_the_picture_is_the_same(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = np.random.default_rng(8)
    fresh, past = (drawn.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
    flow = drawn.normal(0, 3, (*SIZE, 2)).astype(np.float32)
    still = drawn.random((18, 32)) < 0.9
    now = motion(still=still, flow=flow)
    monkeypatch.setattr(temporal, "MIN_STRIP_PX", 1)
    monkeypatch.setattr(temporal, "CORES", 1)
    shown = smoothed(fresh, now, past, 0.8)
    assert (shown != past).any()
    for cores in (2, 4):
        monkeypatch.setattr(temporal, "CORES", cores)
        with ThreadPoolExecutor(cores) as threads:
            assert (shown == smoothed(fresh, now, past, 0.8, each=threads.map)).all()


@pytest.mark.parametrize(("size", "num_parts"), [((240, 427), 1), ((360, 640), 2), ((9, 16), 1)])
def test_small_pictures_are_not_divided(
    size: tuple[int, int], num_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def each(function: Callable[[Any], Any], parts: Any) -> list[Any]:
        calls.extend(parts)
        return [function(part) for part in parts]

    monkeypatch.setattr(temporal, "CORES", 2)
    fresh, past = plain(90, size), plain(100, size)
    smoothed(fresh, motion(), past, 0.8, each=each)
    assert len(calls) == num_parts


def test_still_tiles_are_held_bit_by_bit_and_their_edge_is_soft() -> None:
    still = np.ones((18, 32), np.bool_)
    still[5:9, 5:9] = False
    past = random(4)
    shown = smoothed(plain(90), motion(still=still), past, 0.5)
    held = np.ones(SIZE, np.bool_)
    held[40:100, 40:100] = False
    assert (shown[held] == past[held]).all()
    assert (shown[60:80, 60:80] != past[60:80, 60:80]).any()
    flat, moving = (smoothed(plain(240), each, plain(0), 0.5) for each in (motion(still), motion()))
    assert flat[70, 70, 0] == moving[70, 70, 0] > 60
    steps = np.abs(np.diff(flat[70, :, 0].astype(int)))
    assert steps.max() <= flat.max() / 4


def test_tiles_that_settle_keep_more_but_not_all() -> None:
    settling = np.zeros((18, 32), np.bool_)
    settling[5:13, 5:13] = True
    shown = smoothed(plain(240), motion(settling=settling), plain(0), 0.5)
    settled, moved = shown[90, 90, 0] / 240, shown[90, 250, 0] / 240
    assert settled == pytest.approx((1 - SETTLING_SHARE) * moved, abs=0.01)


def test_camera_noise_is_kept_from_what_is_painted() -> None:
    still = np.ones((18, 32), np.bool_)
    still[3, 4] = False
    past, frame = Fed(random(5), SIZE), random(6)
    fed = feed(frame, motion(still=still), past, SIZE).pixels
    assert (fed[30:40, 40:50] == frame[30:40, 40:50]).all()
    fed[30:40, 40:50] = past.pixels[30:40, 40:50]
    assert (fed == past.pixels).all()
    assert feed(frame, None, past, SIZE).pixels is frame


def test_another_brush_size_is_dissolved_into() -> None:
    fed, shown, fresh = Fed(plain(50), SIZE), plain(120), grain(120)
    contrasts = []
    for _ in range(DISSOLVE_FRAMES + 2):
        fed = feed(plain(50), motion(True), fed, (90, 160))
        shown = smoothed(fresh, motion(True), shown, 0.5, holds=fed.dissolve == 0)
        contrasts.append(int(np.ptp(shown)))
    assert contrasts[0] < 0.6 * np.ptp(fresh)
    assert contrasts == sorted(contrasts)
    assert contrasts[-1] >= 0.95 * np.ptp(fresh)
    assert fed.stays(motion(True), (90, 160))
    assert not fed.stays(motion(True), SIZE)


class Painter:
    """An engine and bank whose every painting differs from the last, like brush strokes do."""

    names = ("a", "b")

    def __init__(self) -> None:
        self.count = 0

    def stylize(self, pixels: Pixels, style: object) -> Pixels:
        self.count += 1
        grain = np.random.default_rng(self.count).integers(0, 40, pixels.shape, dtype=np.uint8)
        return (255 - pixels) // 2 + grain

    def mix(self, parts: object) -> str:
        return "style"


def show(
    frames: Sequence[Pixels], controls: Sequence[Controls] | Controls
) -> tuple[list[Pixels], int]:
    """What a pipeline makes of the frames, and how often it painted."""
    painter = cast(Any, Painter())
    pipeline = Pipeline(painter, painter)
    every = [controls] * len(frames) if isinstance(controls, Controls) else controls
    shown = [
        pipeline.process(Frame(pixels, t, t, Fraction(1, 25)), now).pixels
        for t, (pixels, now) in enumerate(zip(frames, every, strict=True))
    ]
    pipeline.close()
    return shown, painter.count


def scene(seed: int, height: int = 180, width: int = 320) -> Pixels:
    tiles = np.random.default_rng(seed).integers(0, 256, (height // 20, width // 20, 3))
    return np.kron(tiles, np.ones((20, 20, 1))).astype(np.uint8)


ONE = Controls((("a", 1.0),))
RAW = Controls((("a", 1.0),), smooth=0)


def test_a_frame_in_which_nothing_moved_is_not_painted() -> None:
    shown, count = show([scene(1)] * 5, ONE)
    assert count == 1
    assert all((frame == shown[0]).all() for frame in shown)
    assert show([scene(1)] * 5, RAW)[1] == 5


def test_the_frame_after_a_cut_is_the_unsmoothed_one() -> None:
    frames = [np.roll(scene(1), t, axis=1) for t in range(3)] + [scene(2) // 3]
    shown, count = show(frames, ONE)
    assert count == 4
    assert (shown[3] == show(frames, RAW)[0][3]).all()


def test_a_cross_fade_of_styles_is_not_smoothed() -> None:
    frames = [scene(1)] * 4
    fading = [Controls((("a", 4.0 - t), ("b", float(t)))) for t in range(4)]
    shown, count = show(frames, fading)
    assert count == 4
    assert all((a == b).all() for a, b in zip(shown, show(frames, RAW)[0], strict=True))


def test_an_unmoved_background_is_identical_while_something_moves() -> None:
    frames = []
    for t in range(6):
        frame = scene(1, 360, 640)
        frame[20:100, 40 + 12 * t : 120 + 12 * t] = 255 - scene(2, 80, 80)
        frames.append(frame)
    shown, count = show(frames, ONE)
    assert count == 6
    assert all((frame[200:] == shown[0][200:]).all() for frame in shown)
    raw, _ = show(frames, RAW)
    assert (raw[1][200:] != raw[0][200:]).any()


def test_two_runs_are_identical() -> None:
    frames = [np.roll(scene(1), 3 * t, axis=0) for t in range(4)]
    one, other = show(frames, ONE)[0], show(frames, ONE)[0]
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
