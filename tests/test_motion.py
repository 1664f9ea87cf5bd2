"""What moved is seen, what did not is not, and a camera's noise is no motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import rtstyle.motion.flow
from rtstyle.frame import Motion, Pixels
from rtstyle.motion import FADE_FRAMES, SETTLE_FRAMES, TILE_PX, Seen, analyse
from rtstyle.motion.flow import TORN_PX

HD = (720, 1280)


def texture(height: int, width: int, seed: int = 0) -> Pixels:
    """Blobs of many sizes: something for flow to hold on to."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            rng.random((height // size + 2, width // size + 2, 3)).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for size in (64, 24, 9)
    ]
    return np.clip(40 + 60 * np.asarray(sum(layers)), 0, 255).astype(np.uint8)


def noisy(picture: Pixels, seed: int, std: float = 2.0) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, std, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def seen_after(*frames: Pixels) -> Seen:
    seen = None
    for frame in frames:
        _, seen = analyse(frame, seen)
    assert seen is not None
    return seen


def test_first_frame_has_no_motion() -> None:
    motion, _ = analyse(texture(*HD), None)
    assert motion is None


def test_camera_noise_is_no_motion() -> None:
    picture = texture(*HD)
    seen = None
    for t in range(4):
        motion, seen = analyse(noisy(picture, t), seen)
        if motion is not None:
            assert motion.still.all()
            assert not motion.is_cut


@pytest.mark.parametrize("change", [2.5, -3.0])
def test_small_change_over_a_tile_is_seen(change: float) -> None:
    picture = np.clip(texture(*HD), 10, 245)
    seen = seen_after(picture)
    changed = picture.astype(np.float32)
    changed[80:120, 160:200] += change
    motion, _ = analyse(np.rint(changed).astype(np.uint8), seen)
    assert motion is not None
    assert not motion.still[2, 4]
    assert motion.still[10:].all()


def test_change_of_colour_alone_is_seen() -> None:
    picture = np.full((*HD, 3), 120, np.uint8)
    changed = picture.copy()
    changed[80:120, 160:200] = (130, 113, 125)
    luma = cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY)
    assert abs(int(luma[100, 180]) - 120) <= 1
    motion, _ = analyse(changed, seen_after(picture))
    assert motion is not None
    assert not motion.still[2, 4]


def test_slow_fade_is_not_lost() -> None:
    picture = texture(360, 640)
    seen = seen_after(picture)
    num_painted = 0
    for t in range(1, 41):
        faded = np.clip(picture.astype(np.float32) + 0.25 * t, 0, 255)
        motion, seen = analyse(np.rint(faded).astype(np.uint8), seen)
        assert motion is not None
        num_painted += not motion.still.any()
    assert num_painted >= 3


def test_moving_square_moves_only_near_itself() -> None:
    picture = texture(*HD)
    patch = texture(100, 100, seed=5)
    frames = []
    for x in (400, 412):
        frame = picture.copy()
        frame[300:400, x : x + 100] = patch
        frames.append(frame)
    motion, _ = analyse(frames[1], seen_after(frames[0]))
    assert motion is not None
    assert not motion.still[7:10, 10:13].any()
    far = motion.still.copy()
    far[5:12, 8:16] = True
    assert far.all()


@pytest.mark.parametrize("shift", [(8, 0), (0, -12), (-20, 8)])
def test_flow_leads_back_to_the_last_frame(shift: tuple[int, int]) -> None:
    dx, dy = shift
    wide = texture(HD[0] + 80, HD[1] + 80)
    now = wide[40 - dy : 40 - dy + HD[0], 40 - dx : 40 - dx + HD[1]]
    motion, _ = analyse(now.copy(), seen_after(wide[40:-40, 40:-40].copy()))
    assert motion is not None
    assert not motion.is_cut
    found = np.median(motion.flow.reshape(-1, 2), axis=0) * (HD[1] / motion.flow.shape[1])
    assert found == pytest.approx((-dx, -dy), abs=0.6)
    assert motion.reliable[20:-20, 20:-20].mean() > 0.8


def test_refinement_brings_flow_nearer_where_motion_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    last = texture(*HD)
    y, x = np.mgrid[: HD[0], : HD[1]].astype(np.float32)
    # Every pixel of this frame was up to 12 px away, differently from place to place.
    bend = np.dstack([12 * np.sin(y / 90), 8 * np.cos(x / 120)]).astype(np.float32)
    moved = cv2.remap(last, x + bend[..., 0], y + bend[..., 1], cv2.INTER_LINEAR)
    now = np.asarray(moved, np.uint8)

    def error_px() -> float:
        motion, _ = analyse(now, seen_after(last))
        assert motion is not None
        height, width = motion.flow.shape[:2]
        true = cv2.resize(bend, (width, height), interpolation=cv2.INTER_AREA)
        missed = np.linalg.norm(motion.flow * (HD[1] / width) - true, axis=-1)
        return float(missed[10:-10, 10:-10].mean())

    refined = error_px()
    monkeypatch.setattr(rtstyle.motion.flow, "_refined", lambda flow, *_: flow)
    assert refined < 0.9 * error_px()


def test_a_fine_pattern_off_by_part_of_a_pixel_is_explained() -> None:
    """Flow is never exact: a miss within what the next pixels show says nothing against it."""
    coarse = np.random.default_rng(4).integers(60, 200, (200, 340, 3), np.uint8)
    wide = np.asarray(cv2.resize(coarse, (1360, 800)), np.uint8)
    now, last = wide[40:760, 40:1320].copy(), wide[42:762, 43:1323].copy()
    motion, _ = analyse(now, seen_after(last))
    assert motion is not None
    assert motion.reliable[20:-20, 20:-20].mean() > 0.8


def test_flow_that_does_not_return_counts_for_half_just_beside_what_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there, back = np.zeros((90, 160, 2), np.float32), np.zeros((90, 160, 2), np.float32)
    back[:, 80:, 0] = 3
    there[40:42, 120:122, 0] = -3
    flows = iter([there, back])
    monkeypatch.setattr(rtstyle.motion.flow, "_dis", lambda *_: next(flows))
    picture = np.full((*HD, 3), 128, np.uint8)
    motion, _ = analyse(picture, seen_after(picture), closely=False)
    assert motion is not None
    assert (motion.reliable[:, :158] == 1).all()
    assert motion.reliable[:, 161:163] == pytest.approx(0.5, abs=0.01)
    assert motion.reliable[81:83, 241:243] == pytest.approx(1, abs=0.01)
    motion.reliable[79:85, 239:245] = 0
    assert (motion.reliable[:, 165:] == 0).all(), "further off, and beside a single place"


def test_what_was_hidden_is_not_explained() -> None:
    picture = texture(*HD)
    covered = picture.copy()
    covered[200:400, 400:600] = texture(200, 200, seed=9)
    motion, _ = analyse(picture, seen_after(covered))
    assert motion is not None
    assert motion.reliable[60:90, 110:140].mean() < 0.2
    assert motion.reliable[120:].mean() > 0.95


def square_moved(width: int) -> Motion:
    """Since something of that width moved right by 32 px over still ground."""
    frames = []
    for x in (400, 432):
        frame = texture(*HD)
        frame[260:460, x : x + width] = texture(200, width, seed=5)
        frames.append(frame)
    motion, _ = analyse(frames[1], seen_after(frames[0]))
    assert motion is not None
    return motion


def test_still_ground_beside_what_moves_is_not_taken_along() -> None:
    motion = square_moved(200)
    above_and_below = motion.flow[[*range(60, 64), *range(116, 120)], 112:154]
    assert (np.hypot(above_and_below[..., 0], above_and_below[..., 1]) > 1).mean() < 0.02


def test_flow_that_tears_is_not_followed() -> None:
    """Between two ends far apart everything would be drawn together to a thin line."""
    motion = square_moved(240)
    steps = np.abs(np.diff(motion.flow, axis=1)).max(axis=2) > TORN_PX
    assert steps.any()
    assert (motion.reliable[:, 1:][steps] == 0).all()
    assert (motion.reliable[:, :-1][steps] == 0).all()
    assert motion.reliable[70:110, 120:160].mean() > 0.8


def crossing(step: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Squares that fly apart over a background that moves 80 px a step; and the way back."""
    height, width = HD
    speed = np.array([-64, 48])
    picture = texture(height + 200, width + 200, 1)
    picture = np.roll(picture, (speed * step).tolist(), axis=(0, 1))[100 : 100 + height, 100:-100]
    picture, back = picture.copy(), np.full((*HD, 2), -speed[::-1], np.float32)
    drawn = np.random.default_rng(5)
    for number in range(16):
        velocity = drawn.uniform(-64, 64, 2)
        x, y = (drawn.uniform(100, (width - 260, height - 260)) + velocity * step).astype(int)
        square = slice(y, y + 160), slice(x, x + 160)
        picture[square], back[square] = texture(160, 160, 10 + number), -velocity
    return picture, back


def test_a_closer_look_finds_fast_motion() -> None:
    (last, _), (picture, back) = crossing(0), crossing(1)
    truth = cv2.resize(back, (320, 180), interpolation=cv2.INTER_AREA) / 4
    errors = []
    for closely in (False, True):
        motion, _ = analyse(picture, seen_after(last), closely=closely)
        assert motion is not None
        errors.append(np.median(np.hypot(*np.moveaxis(motion.flow - truth, -1, 0))))
    assert errors[1] < errors[0] / 10
    assert errors[1] < 0.5


def test_where_the_flow_is_known_nothing_is_looked_at_twice() -> None:
    picture = texture(*HD)
    moved = np.roll(picture, 24, axis=1)
    one, other = (analyse(moved, seen_after(picture), closely=each)[0] for each in (False, True))
    assert one is not None and other is not None
    assert (one.flow == other.flow).all()


def test_a_cut_is_one_and_brightness_or_motion_are_none() -> None:
    picture, other = texture(360, 640), texture(360, 640, seed=3) // 2
    seen = seen_after(picture)
    cut, _ = analyse(other, seen)
    assert cut is not None and cut.is_cut and not cut.still.any()
    brighter = np.clip(picture * 1.1, 0, 255).astype(np.uint8)
    for frame in (brighter, np.roll(picture, 30, axis=1)):
        motion, _ = analyse(frame, seen)
        assert motion is not None and not motion.is_cut


@pytest.mark.parametrize(("levels", "frames"), [(3, SETTLE_FRAMES), (40, FADE_FRAMES)])
def test_tiles_settle_after_their_last_change(levels: int, frames: int) -> None:
    picture = np.clip(texture(360, 640), 40, 200).astype(np.uint8)
    changed = picture.copy()
    changed[100:160, 100:160] += levels
    _, seen = analyse(changed, seen_after(picture))
    moving = []
    for _ in range(frames + 2):
        motion, seen = analyse(changed, seen)
        assert motion is not None
        assert (motion.settling == ~motion.still).all()
        moving.append(not motion.still.all())
    assert moving == [True] * frames + [False] * 2


def test_tiles_beside_what_passed_settle_too() -> None:
    picture = texture(360, 640)
    changed = picture.copy()
    changed[126:154, 126:154] = 255 - changed[126:154, 126:154]
    motion, _ = analyse(changed, seen_after(picture))
    assert motion is not None
    around = np.zeros_like(motion.still)
    around[4:10, 4:10] = True
    assert not motion.still[5:9, 5:9].any() and motion.still[~around].all()
    assert motion.settling[5, 5:9].all() and not motion.settling[6:8, 6:8].any()
    assert not (motion.settling & motion.still).any()


SIZES = [(1, 1), (3, 200), (16, 16), (24, 20), (30, 30), (64, 48), (201, 355), (960, 540)]


@pytest.mark.parametrize("size", SIZES)
def test_any_size(size: tuple[int, int]) -> None:
    picture = texture(*size)
    motion, _ = analyse(picture, seen_after(picture))
    assert motion is not None
    assert motion.still.all()
    assert np.isfinite(motion.flow).all()
    rows, columns = motion.still.shape
    assert motion.flow.shape == (rows * TILE_PX, columns * TILE_PX, 2)


def test_two_runs_are_identical() -> None:
    frames = [np.roll(noisy(texture(360, 640), t), 3 * t, axis=1) for t in range(4)]
    runs = []
    for _ in range(2):
        seen, run = None, []
        for frame in frames:
            motion, seen = analyse(frame, seen)
            run.append(motion)
        runs.append(run)
    for one, other in zip(*runs, strict=True):
        if one is not None:
            assert (one.flow == other.flow).all()
            assert (one.reliable == other.reliable).all()
            assert (one.still == other.still).all()
