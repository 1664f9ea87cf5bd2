"""Made pairs: labels, resuming, refusing what belongs to another recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from domain_data import random_features, write_picture

from train.data import load_picture
from train.domains.faces import CropOptions
from train.domains.gatys import GatysOptions, paint_by_optimisation
from train.domains.pairs import (
    PairsRecipe,
    Progress,
    load_pairs_recipe,
    make_pairs,
    read_lines,
)
from train.domains.similarity import descriptors, similarity, similarity_matrix
from train.errors import TrainError
from train.features import VGGFeatures
from train.fusion import style_targets
from train.recipe import StylePicture


@pytest.fixture
def features() -> VGGFeatures:
    return random_features()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for seed in range(3):
        write_picture(tmp_path / "faces" / f"{seed}.png", seed)
    write_picture(tmp_path / "styles" / "a.png", 50, 64)
    write_picture(tmp_path / "styles" / "b.png", 51, 64)
    return tmp_path


RECIPE = PairsRecipe(
    "tiny",
    ["faces"],
    [StylePicture("a", "styles/a.png"), StylePicture("b", "styles/b.png")],
    licence="CC0-1.0",
    min_faces=2,
    batch=2,
    style_short_side_px=32,
    crops=CropOptions(size_px=32, align=False),
    gatys=GatysOptions(steps=2),
)


WHOLE = "name='a'\nfaces=['x']\nlicence='y'\n[[styles]]\nname='b'\nfile='b.png'\n"


def silent(progress: Progress) -> None:
    pass


def test_every_face_is_painted_in_every_style_with_both_labels(
    data: Path, features: VGGFeatures
) -> None:
    heard: list[Progress] = []
    make_pairs(RECIPE, data, data / "out", features, heard.append)
    lines = read_lines(data / "out")
    assert len(lines) == 6 and {line["style"] for line in lines} == {"a", "b"}
    assert heard[-1].done == heard[-1].total == 6
    for line in lines:
        source = load_picture(data / "out" / line["source"])[None]
        target = load_picture(data / "out" / line["target"])[None]
        assert source.shape == target.shape == (1, 3, 32, 32)
        measured = similarity(descriptors(features, source), descriptors(features, target))
        assert abs(measured.item() - line["similarity"]) < 0.05


def test_a_stopped_run_goes_on_and_makes_nothing_twice(data: Path, features: VGGFeatures) -> None:
    out = data / "out"
    make_pairs(RECIPE, data, out, features, silent)
    text = (out / "pairs.jsonl").read_text()
    kept = text.splitlines(keepends=True)
    stopped_at = (out / kept[0].split('"')[3]).stat().st_mtime_ns
    (out / "pairs.jsonl").write_text("".join(kept[:4]) + kept[4][:20])
    make_pairs(RECIPE, data, out, random_features(), silent)
    again = (out / "pairs.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["target"] for line in again) == sorted(
        json.loads(line)["target"] for line in kept
    )
    assert (out / kept[0].split('"')[3]).stat().st_mtime_ns == stopped_at


def test_further_styles_are_painted_on_fewer_faces_and_last(
    data: Path, features: VGGFeatures
) -> None:
    make_pairs(replace(RECIPE, further_faces=2), data, data / "out", features, silent)
    lines = [(line["style"], line["source"]) for line in read_lines(data / "out")]
    assert [style for style, _ in lines] == ["a", "a", "a", "b", "b"]
    assert lines[0][1] == lines[3][1] and lines[2][1] == lines[4][1]  # spread over all faces


def test_a_folder_of_another_recipe_is_refused(data: Path, features: VGGFeatures) -> None:
    make_pairs(RECIPE, data, data / "out", features, silent)
    with pytest.raises(TrainError, match="another recipe"):
        make_pairs(replace(RECIPE, licence="other"), data, data / "out", features, silent)
    write_picture(data / "faces" / "00.png", 9)  # comes before the others
    with pytest.raises(TrainError, match="other faces"):
        make_pairs(RECIPE, data, data / "out", random_features(), silent)


def test_optimisation_comes_nearer_to_the_style(data: Path, features: VGGFeatures) -> None:
    from train.losses import gram_matrix, style_distance

    picture = load_picture(data / "styles" / "a.png")
    photo = load_picture(data / "faces" / "0.png")[None]
    features.calibrate([photo])
    targets = style_targets([picture], features)
    options = GatysOptions(steps=8, smoothness=0.0)
    painted = paint_by_optimisation(photo, targets, features, options)
    assert painted.shape == photo.shape and painted.min() >= 0 and painted.max() <= 1

    def distance(image: torch.Tensor) -> float:
        found = features(image)
        return sum(
            style_distance(gram_matrix(found[layer]), target).item()
            for layer, target in targets.items()
        )

    assert distance(painted) < 0.8 * distance(photo)


def test_similarity_is_1_for_equal_pictures_and_knows_a_stranger(features: VGGFeatures) -> None:
    pictures = torch.rand(4, 3, 32, 32)
    described = descriptors(features, pictures)
    matrix = similarity_matrix(described, described)
    torch.testing.assert_close(matrix.diagonal(), torch.ones(4))
    assert (matrix <= 1 + 1e-5).all() and (matrix[0, 1:] < 0.99).all()
    torch.testing.assert_close(
        similarity(described, described.roll(1, 0)), matrix.roll(1, 0).diag()
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'a'\nfaces = ['x']\nlicence = 'y'\n", "styles"),
        ("name = 'a'\nfaces = ['x']\nlicence = 'y'\n[crops]\nsise_px = 3\n", "sise_px"),
        ("name = 'a'\n[[styles]]\nname='b'\nfile='b.png'\n", "faces|licence"),
        (WHOLE + "[gatys]\nsteps = 0\n", "steps must be 1 or more"),
        (WHOLE.replace("name='b'", "name='b/c'"), "'b/c' is no name for a file"),
        ("max_faces = 0\n" + WHOLE, "max_faces must be 1 or more"),
    ],
)
def test_a_bad_recipe_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(TrainError, match=message):
        load_pairs_recipe(tmp_path / "r.toml")


def test_a_folder_without_pairs_belongs_to_no_recipe(data: Path, features: VGGFeatures) -> None:
    with pytest.raises(TrainError, match="only 3 faces"):
        make_pairs(replace(RECIPE, min_faces=9), data, data / "out", features, silent)
    make_pairs(RECIPE, data, data / "out", features, silent)
    assert len(read_lines(data / "out")) == 6


def test_pairs_made_before_there_was_an_option_are_gone_on_with(
    data: Path, features: VGGFeatures
) -> None:
    out = data / "out"
    make_pairs(RECIPE, data, out, features, silent)
    facts = json.loads((out / "pairs.json").read_text())
    del facts["styles"][0]["frequency"], facts["crops"]["max_per_clip"]
    (out / "pairs.json").write_text(json.dumps(facts))
    make_pairs(RECIPE, data, out, random_features(), silent)
    assert len(read_lines(out)) == 6


def test_a_full_disk_does_not_cost_the_pairs_that_are_there(
    data: Path, features: VGGFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = data / "out"
    make_pairs(RECIPE, data, out, features, silent)
    with (out / "pairs.jsonl").open("a") as file:
        file.write('{"source": "sou')
    before = {name: (out / name).read_bytes() for name in ("pairs.json", "pairs.jsonl")}

    def full(path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        make_pairs(RECIPE, data, out, random_features(), silent)
    assert {name: (out / name).read_bytes() for name in before} == before
