"""The numbers of the flicker benchmark, on clips for which they are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import flicker_clips, stability
from benchmarks.contenders import moving_average
from benchmarks.flicker_verdict import Judged, verdict
from rtstyle.frame import Pixels

SIZE = (120, 160)


@pytest.fixture(scope="module")
def photo() -> Pixels:
    """Smooth enough to be sampled between pixels."""
    y, x = np.mgrid[:360, :640].astype(np.float32)
    waves = [np.sin(x / a + y / b) for a, b in ((21, 13), (17, -11), (-14, 19))]
    return (127 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)


def still(frame: Pixels, count: int = 2) -> stability.Correspondence:
    flow = np.zeros((count - 1, *frame.shape[:2], 2), np.float32)
    return stability.Correspondence(flow, np.ones(flow.shape[:3], np.bool_))


def test_warping_error_is_the_mean_square_per_channel() -> None:
    dark, light = np.full((*SIZE, 3), 100, np.uint8), np.full((*SIZE, 3), 151, np.uint8)
    assert stability.warping_error([dark, light], still(dark)) == pytest.approx(0.04)
    one_channel = dark.copy()
    one_channel[..., 1] = 151
    assert stability.warping_error([dark, one_channel], still(dark)) == pytest.approx(0.04 / 3)


def test_warping_error_follows_the_flow_and_counts_what_counts(photo: Pixels) -> None:
    moved = np.roll(photo, 5, axis=1)
    flow = np.full((1, *photo.shape[:2], 2), (5, 0), np.float32)
    counts = np.ones(flow.shape[:3], np.bool_)
    assert stability.warping_error([photo, moved], stability.Correspondence(flow, counts)) == 0
    spoilt = moved.copy()
    spoilt[:50] = 0
    counts[:, :50] = False
    assert stability.warping_error([photo, spoilt], stability.Correspondence(flow, counts)) == 0


def test_excess_is_what_the_painting_adds(photo: Pixels) -> None:
    clip = flicker_clips.noisy_still(photo)
    assert clip.flow is not None and clip.visible is not None
    truth = stability.known_correspondence(clip.flow, clip.visible)
    assert stability.excess_warping_error(clip.frames, clip.frames, truth) == 0
    assert stability.excess_warping_error([photo] * len(clip.frames), clip.frames, truth) == 0
    doubled = [np.clip(2.0 * f - photo, 0, 255).astype(np.uint8) for f in clip.frames]
    own = stability.warping_error(clip.frames, truth)
    excess = stability.excess_warping_error(doubled, clip.frames, truth)
    assert excess == pytest.approx(3 * own, rel=0.05)
    assert stability.noise_gain(doubled, clip.frames) == pytest.approx(2, rel=0.03)
    assert stability.noise_gain(clip.frames, clip.frames) == 1


@pytest.mark.parametrize("make", ["occluder", "exposure_steps", "cut"])
def test_made_clips_keep_to_their_flow(photo: Pixels, make: str) -> None:
    args = (photo,) if make == "exposure_steps" else (photo, 255 - photo)
    clip = getattr(flicker_clips, make)(*args)
    assert clip.flow is not None and clip.visible is not None
    truth = stability.known_correspondence(clip.flow, clip.visible)
    assert truth.counts.mean() > 0.9
    error = stability.warping_error(clip.frames, truth)
    assert error > 1e-4 if make == "exposure_steps" else error == 0
    if clip.unmoved is not None:
        assert stability.tint_drift(clip.frames, clip.unmoved) == pytest.approx(0)
        assert stability.held_exactly(clip.frames, clip.unmoved) == 1


def test_estimated_correspondence_finds_a_shift(photo: Pixels) -> None:
    truth = stability.estimated_correspondence([photo, np.roll(photo, (0, 4), axis=(0, 1))])
    inner = (slice(0, 1), slice(40, -40), slice(40, -40))
    assert np.median(truth.flow[inner][..., 0]) == pytest.approx(4, abs=0.2)
    assert truth.counts[inner].mean() > 0.9


def test_tint_drift_and_what_is_held() -> None:
    frames = [np.full((*SIZE, 3), 100 + 2 * (t % 2), np.uint8) for t in range(6)]
    everywhere = np.ones(SIZE, np.bool_)
    assert stability.tint_drift(frames, everywhere) == pytest.approx(1)
    assert stability.held_exactly(frames, everywhere) == 0
    assert stability.held_exactly([frames[0], *frames[:3]], everywhere) == pytest.approx(1 / 3)


def test_lag_of_a_moving_average_is_known(photo: Pixels) -> None:
    clip = flicker_clips.moving_bar(photo)
    assert clip.edge_px is not None
    assert stability.edge_lag_px(clip.frames, clip.frames, clip.edge_px) == 0
    late = moving_average(clip.frames, 0.3)
    expected = 0.3 * flicker_clips.BAR_SPEED_PX
    lag = stability.edge_lag_px(late, clip.frames, clip.edge_px)
    assert lag == pytest.approx(expected, rel=0.1)
    tinted = [np.clip(f + 9.0, 0, 255).astype(np.uint8) for f in clip.frames]
    assert abs(stability.edge_lag_px(tinted, clip.frames, clip.edge_px)) < 0.2


def test_cut_error() -> None:
    black, grey = np.zeros((*SIZE, 3), np.uint8), np.full((*SIZE, 3), 40, np.uint8)
    assert stability.cut_error([black, grey], [black, black], cut=1) == 40


def test_verdict_compares_with_the_steadiest_rival_of_the_same_picture() -> None:
    results = {
        "ours": {"excess": 0.004, "style_left": 0.2, "noise_gain": 0.6},
        "rival a": {"excess": 0.01, "style_left": 0.3},
        "rival b": {"excess": 0.02, "style_left": 0.3},
        "rival of another picture": {"excess": 0.0, "style_left": 0.3},
    }
    everyone = [
        Judged(name, name == "ours", Path("b" if "another" in name else "a")) for name in results
    ]
    rows = {row["figure"]: row for row in verdict({"clip": results}, everyone)}
    assert rows["excess"]["kept"] and rows["excess"]["rival"] == "rival a"
    assert rows["excess"]["at_most"] == pytest.approx(0.0051)
    assert not rows["noise_gain"]["kept"]
    results["ours"]["excess"] = 0.006
    rows = {row["figure"]: row for row in verdict({"clip": results}, everyone)}
    assert not rows["excess"]["kept"]


def test_verdict_asks_for_a_style_as_strong_as_the_rivals() -> None:
    results = {
        "ours": {"excess": 0.006, "style_left": 0.1},
        "ours --strength 0.8": {"excess": 0.004, "style_left": 0.2},
        "ours --strength 0.6": {"excess": 0.001, "style_left": 0.4},
        "rival": {"excess": 0.01, "style_left": 0.3},
    }
    everyone = [
        Judged(name, "ours" in name, Path("a"), is_default="--strength" not in name)
        for name in results
    ]

    def fair() -> dict:
        rows = verdict({"clip": results}, everyone)
        assert [row["figure"] for row in rows] == ["excess", "excess as strong"]
        assert not rows[0]["kept"]
        return rows[1]

    assert fair()["kept"] and fair()["ours"] == "ours --strength 0.8"
    for found in results.values():
        found["style_left"] += 0.3
    results["rival"]["style_left"] = 0.3
    assert not fair()["kept"] and fair()["ours"] is None
