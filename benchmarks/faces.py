"""Faces: how steady, how surely found, what they cost, and whether two runs are one film.

    python -m benchmarks.faces --data ../shared/data

Frames are painted in memory; decoding and encoding are not in these figures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rtstyle.api import load
from rtstyle.capture import open_source
from rtstyle.controls import Controls, Region
from rtstyle.face import FaceOptions, People
from rtstyle.face.align import CROP_PX, crop_to_frame, pose_of, side_px
from rtstyle.face.vision import FaceRange, MediaPipeVision, Wanted
from rtstyle.frame import Frame, Pixels, positions
from rtstyle.motion import analyse
from rtstyle.pipeline import Pipeline
from rtstyle.style import ORIGINAL

from .machine import ROOT, machine_facts

SCHEMA = 1
CLIPS = {
    "pexels_woman_turning.mp4": 1,
    "pexels_man_talking_pcm.mov": 1,
    "pexels_face_vfr.mkv": 1,
    "obama_speaking.mp4": 1,
    "two_people_720p.mp4": 2,
}
"""Clips with people, and how many faces every frame of them shows."""

RATE = 30
NOISE_STD = 4.0
SPEEDS = (0.25, 0.5, 1.0)
"""Of the moving face, in sides of its crop per second."""

PHOTO_SIZE_HW = (720, 1280)
REGIONS: dict[str, tuple[Region, bool]] = {
    "frame": ("frame", False),
    "frame, face detail": ("frame", True),
    "face": ("face", False),
    "person": ("person", False),
    "background": ("background", False),
}


def frames_of(path: Path, count: int) -> list[Frame]:
    """The first frames of a clip."""
    source = open_source(str(path))
    try:
        return list(islice(source, count))
    finally:
        source.close()


def photo() -> Pixels:
    """NASA's astronaut in a frame of 720p, as near as before a webcam."""
    picture = Image.open(ROOT / "rtstyle/photos/astronaut.jpg").convert("RGB")
    width, height = picture.size
    near = picture.crop((width // 8, 0, width * 3 // 4, height * 5 // 8)).resize((720, 720))
    frame = np.full((*PHOTO_SIZE_HW, 3), 110, np.uint8)
    frame[:, 280:1000] = np.asarray(near)
    return frame


def noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(NOISE_STD)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def moving(speed_px: float, count: int) -> list[Frame]:
    """The photo, moving to the right by `speed_px` a second, seen by a noisy sensor."""
    rng, still, frames = np.random.default_rng(0), photo(), []
    for index in range(count):
        move = np.array([[1, 0, speed_px * index / RATE - 60], [0, 1, 0]], np.float64)
        shown = cv2.warpAffine(
            still, move, PHOTO_SIZE_HW[::-1], borderMode=cv2.BORDER_REFLECT, flags=cv2.INTER_CUBIC
        )
        frames.append(
            Frame(noisy(np.asarray(shown, np.uint8), rng), index, index, Fraction(1, RATE))
        )
    return frames


def with_motion(frames: list[Frame]) -> Iterator[Frame]:
    seen = None
    for frame in frames:
        motion, seen = analyse(frame.pixels, seen)
        yield replace(frame, motion=motion)


def corners(to_frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four corners of a crop, in pixels of the frame: (4, 2)."""
    far = CROP_PX - 1
    return np.array([[0, 0, 1], [far, 0, 1], [0, far, 1], [far, far, 1]]) @ to_frame.T


def detected(frames: list[Frame], face_range: FaceRange) -> NDArray[np.float64]:
    """Corners of the crop as each frame's own detection has them: (T, 4, 2)."""
    vision, found = MediaPipeVision(face_range), []
    for frame in frames:
        faces = vision.look(frame.pixels, 1 + frame.index * 33, Wanted(faces=True)).faces
        assert faces, "the photo's face was not found"
        found.append(corners(crop_to_frame(pose_of(faces[0]))))
    vision.close()
    return np.array(found)


def steadied(frames: list[Frame], face_range: FaceRange, *, motion: bool) -> NDArray[np.float64]:
    """The same as the pipeline has them; without `motion`, by the filter alone."""
    people, controls = People(FaceOptions(face_range)), Controls((("x", 1.0),), face_detail=True)
    stream = with_motion(frames) if motion else iter(frames)
    found = [corners(people.find(frame, controls).faces[0].crop_to_frame) for frame in stream]
    people.close()
    return np.array(found)


def steadiness(face_range: FaceRange, count: int) -> dict[str, Any]:
    """Jitter of the crop's corners on a still face, and lag on a moving one."""
    ways: dict[str, Callable[[list[Frame]], NDArray[np.float64]]] = {
        "detector": lambda frames: detected(frames, face_range),
        "filter": lambda frames: steadied(frames, face_range, motion=False),
        "filter and motion": lambda frames: steadied(frames, face_range, motion=True),
    }
    still = moving(0.0, count)
    settled = slice(count // 3, None)
    first = MediaPipeVision(face_range)
    faces = first.look(photo(), 1, Wanted(faces=True)).faces
    first.close()
    assert faces
    side = side_px(pose_of(faces[0]))
    result: dict[str, Any] = {"side_px": round(side, 1), "jitter_px_rms": {}, "lag_ms": {}}
    middles = {}
    for name, way in ways.items():
        path = way(still)[settled]
        middles[name] = path.mean((0, 1))
        away = path - path.mean(0)
        result["jitter_px_rms"][name] = round(float(np.sqrt((away**2).sum(-1).mean())), 3)
    for speed in SPEEDS:
        frames = moving(speed * side, count)
        expected = middles["detector"][0] + speed * side * np.arange(count) / RATE
        lags = {}
        for name, way in ways.items():
            behind = (expected - way(frames).mean(1)[:, 0])[settled].mean()
            lags[name] = round(1000 * float(behind) / (speed * side), 1)
        result["lag_ms"][f"{speed:g} sides/s"] = lags
    return result


def finding(frames: list[Frame], num_faces: int, face_range: FaceRange) -> dict[str, Any]:
    """How many of the faces are found, and what looking costs."""
    vision, found = MediaPipeVision(face_range), 0
    times: dict[str, list[float]] = {"faces": [], "person": []}
    for frame in frames:
        for what, wanted in (("faces", Wanted(faces=True)), ("person", Wanted(person=True))):
            started = time.perf_counter()
            seen = vision.look(frame.pixels, 1 + frame.index * 40, wanted)
            times[what].append(1000 * (time.perf_counter() - started))
            found += min(num_faces, len(seen.faces or ()))
    vision.close()
    ms = {what: round(statistics.median(values), 2) for what, values in times.items()}
    return {"found_share": round(found / num_faces / len(frames), 4), "median_ms": ms}


def mask_flicker(frames: list[Frame]) -> dict[str, float]:
    """Mean change of the person mask along the motion, in percent of its own area.

    `segmenter`: one look at each frame; `shown`: carried, steadied and fitted to edges.
    """
    vision, people = MediaPipeVision("full"), People()
    controls = Controls((("x", 1.0),), region="person")
    last: dict[str, NDArray[np.float32]] = {}
    changes: dict[str, list[float]] = {"segmenter": [], "shown": []}
    for frame in with_motion(frames):
        shown = people.find(frame, controls).person
        raw = vision.look(frame.pixels, 1 + frame.index * 40, Wanted(person=True)).person
        assert shown is not None and raw is not None
        for name, mask in (("segmenter", raw), ("shown", shown)):
            if frame.motion is None:
                last[name] = mask
                continue
            height, width = frame.motion.reliable.shape
            mask = np.asarray(cv2.resize(mask, (width, height)), np.float32)
            before = np.asarray(cv2.resize(last[name], (width, height)), np.float32)
            at = positions(height, width) + frame.motion.flow
            before = cv2.remap(before, at, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
            weight = frame.motion.reliable
            change = float((np.abs(mask - before) * weight).sum() / max(1.0, mask.sum()))
            changes[name].append(100 * change)
            last[name] = mask
    vision.close()
    people.close()
    return {name: round(statistics.mean(values), 3) for name, values in changes.items()}


def at_720p(frames: list[Frame]) -> list[Frame]:
    """Frames 720 pixels high."""
    width = round(frames[0].width * 720 / frames[0].height)
    return [replace(frame, pixels=cv2.resize(frame.pixels, (width, 720))) for frame in frames]  # type: ignore[arg-type]


def speed_and_identity(frames: list[Frame], generator: str, rounds: int) -> dict[str, Any]:
    """Frames per second of every region, rounds interleaved, and whether all rounds agree."""
    engine, bank = load(generator)
    style = next(name for name in bank.names if name != ORIGINAL)
    fps: dict[str, list[float]] = {name: [] for name in REGIONS}
    stages: dict[str, dict[str, float]] = {}
    films: dict[str, set[str]] = {name: set() for name in REGIONS}
    for _ in range(rounds + 1):
        for name, (region, detail) in REGIONS.items():
            controls = Controls(((style, 1.0),), region=region, face_detail=detail)
            pipeline, film = Pipeline(engine, bank), hashlib.sha256()
            pipeline.process(frames[0], controls)  # models are loaded here
            pipeline.reset()
            seconds = 0.0
            for frame in frames:
                started = time.perf_counter()
                pixels = pipeline.process(frame, controls).pixels
                seconds += time.perf_counter() - started
                film.update(pixels.data)
            fps[name].append(len(frames) / seconds)
            stages[name] = {stage: round(ms, 2) for stage, ms in pipeline.times.mean_ms().items()}
            films[name].add(film.hexdigest())
            pipeline.close()
    median = {name: statistics.median(values[1:]) for name, values in fps.items()}
    return {
        "engine": f"{engine.info.backend}, {engine.info.precision}",
        "size": f"{frames[0].width}x{frames[0].height}",
        "fps": {name: round(value, 1) for name, value in median.items()},
        "fps_relative_to_frame": {
            name: round(value / median["frame"], 3) for name, value in median.items()
        },
        "stage_ms_of_last_round": stages,
        "runs": rounds + 1,
        "runs_identical": {name: len(seen) == 1 for name, seen in films.items()},
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.faces")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--generator", default="fast", help="name on the shelf, or an ONNX file")
    parser.add_argument("--frames", type=int, default=90, help="of each clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/faces.json")
    options = parser.parse_args()
    machine = machine_facts()
    ranges: tuple[FaceRange, ...] = ("short", "full")
    clips: dict[str, Any] = {}
    for name, num_faces in CLIPS.items():
        frames = frames_of(options.data / "clips/open" / name, options.frames)
        clips[name] = {
            "finding": {one: finding(frames, num_faces, one) for one in ranges},
            "mask_change_percent": mask_flicker(frames),
            **speed_and_identity(at_720p(frames)[:60], options.generator, options.rounds),
        }
        print(name, json.dumps(clips[name]["fps_relative_to_frame"]))
    report = {
        "schema": SCHEMA,
        "machine": machine,
        "generator": options.generator,
        "noise_std": NOISE_STD,
        "steadiness": {one: steadiness(one, options.frames) for one in ranges},
        "clips": clips,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["steadiness"], indent=1))


if __name__ == "__main__":
    main()
