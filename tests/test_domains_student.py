"""The student: what it is taught, under which licence, and that it runs in the runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from domain_data import random_features, recipe, run_of, write_picture

from train.domains import student
from train.domains.faces import CropOptions
from train.domains.networks import Trained
from train.domains.run import DomainRun, calibrate
from train.errors import TrainError

CPU = torch.device("cpu")
SHAPE = {"front": 16, "body": 16, "blocks": 1}


class Swap(torch.nn.Module):
    """A teacher that exchanges red and blue, darker in its second style."""

    num_style_values = 2
    size_multiple = 1

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return image.flip(1) * (1 - 0.5 * label[:, 1, None, None, None])


@pytest.fixture
def teacher() -> Trained:
    taught = recipe(
        "adversarial", styles=["light", "dark"], licence="CC0-1.0", size_px=16,
        learned_from="blobs of colour",
    )  # fmt: skip
    return Trained(Swap(), taught, 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for seed in range(9):
        write_picture(tmp_path / "faces" / f"{seed}.png", seed)
    return tmp_path


def plan_of(**changes: object):
    return recipe(
        "student", sources=["faces"], licence="Apache-2.0", shape=SHAPE,
        crops=CropOptions(align=False), **changes,
    )  # fmt: skip


def student_run(data: Path, teacher: Trained, **changes: object) -> DomainRun:
    plan, features = plan_of(**changes), random_features()
    pairs = student.taught_pairs(plan, data, teacher, CPU)
    calibrate(features, pairs)
    torch.manual_seed(plan.seed)
    players = student.players(plan, features, teacher.recipe.size_px)
    return run_of(plan, pairs, players, data / "run")


@pytest.mark.parametrize(("styles", "shade"), [([], 1.0), (["dark"], 0.5)])
def test_it_is_taught_what_the_teacher_paints_at_its_own_size(
    data: Path, teacher: Trained, styles: list[str], shade: float
) -> None:
    pairs = student.taught_pairs(plan_of(styles=styles), data, teacher, CPU)
    assert pairs.sources.shape == pairs.targets.shape == (9, 3, 32, 32)
    assert pairs.styles == tuple(styles or ["light"])
    expected = pairs.sources.flip(1).float() * shade
    assert (pairs.targets.float() - expected).abs().mean() < 12  # 16 px, enlarged
    with pytest.raises(TrainError, match="not 'blue'"):
        student.taught_pairs(plan_of(styles=["blue"]), data, teacher, CPU)


def test_the_teacher_may_paint_at_another_size(data: Path, teacher: Trained) -> None:
    plan = plan_of(teacher_px=32)
    pairs = student.taught_pairs(plan, data, teacher, CPU)
    assert student.taught_px(plan, teacher) == 32
    expected = pairs.sources.flip(1).float()
    assert (pairs.targets.float() - expected).abs().max() <= 1  # nothing was enlarged


def test_it_begins_as_a_generator_of_the_shelf_in_the_style_of_that_name() -> None:
    from rtstyle.api import load

    plan = recipe("student", styles=["starry-night"], start_from="fast", shape={"grain": True})
    net = student.players(plan, random_features(), 32)[0].net.eval()
    engine, bank = load("fast", "onnxruntime")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with torch.no_grad():
        painted = net(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)[0].clamp(0, 1)
    expected = engine.stylize(pixels, bank["starry-night"])
    difference = (painted.permute(1, 2, 0) * 255 - torch.from_numpy(expected)).abs()
    assert difference.max() < 3
    engine.close()
    with pytest.raises(TrainError, match="another shape"):
        student.players(replace(plan, shape=SHAPE), random_features(), 32)


@pytest.mark.parametrize(
    ("of_teacher", "of_faces", "expected"),
    [
        ("Apache-2.0", "Apache-2.0", "Apache-2.0"),
        ("research only, non-commercial", "Apache-2.0", "research only, non-commercial"),
        ("Apache-2.0", "non-commercial faces", "non-commercial faces"),
    ],
)
def test_a_student_is_bound_by_what_its_teacher_saw(
    teacher: Trained, of_teacher: str, of_faces: str, expected: str
) -> None:
    taught = Trained(teacher.net, replace(teacher.recipe, licence=of_teacher), 1)
    assert student.licence_of(replace(plan_of(), licence=of_faces), taught) == expected


def test_it_learns_and_paints_faces_in_the_runtime(data: Path, teacher: Trained) -> None:
    from faces import detection

    from rtstyle.api import load
    from rtstyle.controls import Controls
    from rtstyle.face import FaceOptions, People
    from rtstyle.face.align import CROP_PX, crop_to_frame, pose_of
    from rtstyle.frame import Face, Frame
    from rtstyle.pipeline import Pipeline
    from train.domains.export import export_domain

    run = student_run(data, teacher, steps=1000)
    fixed = run.pairs.first(4)
    with torch.no_grad():
        before = (run.generator(fixed.source) - fixed.target).square().mean()
    for _ in range(15):
        run.advance()
    with torch.no_grad():
        assert (run.generator(fixed.source) - fixed.target).square().mean() < 0.8 * before
    run.save()
    export_domain(run.paths.checkpoint, data, "light", torch.rand(3, 200, 200))
    card = (data / "light.md").read_text()
    assert "9 faces" in card and "`tiny`, 1 steps; that learned from blobs of colour." in card
    engine, bank = load(str(data / "light.onnx"), "openvino")
    assert engine.info.generator.num_style_values == 0 and bank.names == ["light"]

    pose = pose_of(detection(160, 90, 100))
    face = Face((110, 40, 100, 100), crop_to_frame(pose), CROP_PX)

    class OneFace(People):
        def find(self, frame: Frame, controls: Controls) -> Frame:
            from rtstyle.face import face_mask

            mask = face_mask((face,), frame.height, frame.width)
            return replace(frame, faces=(face,), face_mask=mask)

    pixels = np.ascontiguousarray(
        np.random.default_rng(0).integers(0, 256, (180, 320, 3), np.uint8)
    )
    pipeline = Pipeline(engine, bank)
    pipeline.people = OneFace(FaceOptions())
    controls = Controls((("light", 1.0),), region="face", smooth=0)
    painted = pipeline.process(Frame.still(pixels), controls).pixels
    changed = (painted != pixels).any(axis=2)
    assert changed[70:110, 140:180].mean() > 0.9 and not changed[:, :40].any()
    half = pipeline.process(Frame.still(pixels), replace(controls, strength=0.5)).pixels
    whole_change = np.abs(painted.astype(int) - pixels)[changed].mean()
    half_change = np.abs(half.astype(int) - pixels)[changed].mean()
    assert 0.4 < half_change / whole_change < 0.6
    pipeline.close()
    engine.close()


def test_a_size_at_which_the_teacher_cannot_paint_is_refused(data: Path, teacher: Trained) -> None:
    Swap.size_multiple, plan = 8, plan_of(teacher_px=36)
    try:
        with pytest.raises(TrainError, match="teacher_px must be a multiple of 8"):
            student.taught_pairs(plan, data, teacher, CPU)
    finally:
        Swap.size_multiple = 1


def test_without_faces_there_is_nothing_to_be_taught_on(data: Path, teacher: Trained) -> None:
    with pytest.raises(TrainError, match="no faces to be taught on"):
        student.taught_pairs(replace(plan_of(), sources=[]), data, teacher, CPU)


def test_a_student_that_names_no_style_begins_in_that_of_its_teacher(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from domain_data import made_pairs, random_weights

    from train.__main__ import run as run_command
    from train.checkpoint import load_checkpoint
    from train.domains import dcnn

    named = {f"features.{name}": value for name, value in random_weights().items()}
    torch.save(named, data / "vgg.pth")
    features, plan = random_features(), recipe("dcnn")
    taught = run_of(
        plan,
        made_pairs(styles=("starry-night",)),
        dcnn.players(dcnn.create(features), plan, features),
        data / "teacher",
    )
    taught.save()
    (data / "r.toml").write_text(
        "name='tiny'\nnetwork='student'\nstart_from='fast'\nsources=['faces']\nsize_px=32\n"
        "batch=2\ncrops={align=false}\nshape={grain=true}\n"
    )
    options = ["--teacher", taught.paths.checkpoint, "--out", data / "run", "--data", data]
    options += ["--features", data / "vgg.pth", "--threads", "1", "--steps", "1"]
    run_command(["student", str(data / "r.toml"), *map(str, options)], "python -m train")
    saved = load_checkpoint(data / "run" / "checkpoint.safetensors")
    assert saved.recipe["styles"] == ["starry-night"]
    capsys.readouterr()
    run_command(["student", str(data / "r.toml"), *map(str, options), "--resume"], "train")
    assert "tiny: all 1 steps are done" in capsys.readouterr().err
