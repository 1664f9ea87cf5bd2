"""Batches: labels that belong together, augmentation that moves both pictures alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from domain_data import made_pairs, random_features, recipe, write_pairs, write_picture

from train.domains.batches import PairSet, load_pairs, match_unpaired, pairs_for
from train.domains.faces import CropOptions
from train.errors import TrainError


def test_source_and_target_of_a_batch_are_moved_alike() -> None:
    plain = made_pairs()
    same = PairSet(
        plain.sources, plain.sources, plain.labels, plain.similarity, plain.styles, plain.licence
    )
    batch = same.batch(6, torch.Generator().manual_seed(1))
    torch.testing.assert_close(batch.source, batch.target)
    assert batch.source.shape == (6, 3, 32, 32)
    assert batch.source.min() >= 0 and batch.source.max() <= 1
    whole = plain.sources.float() / 255
    assert all((whole - crop).abs().amax(dim=(1, 2, 3)).min() > 0 for crop in batch.source)


def test_the_same_generator_gives_the_same_batch() -> None:
    pairs = made_pairs()
    one, other = (pairs.batch(4, torch.Generator().manual_seed(3)) for _ in range(2))
    torch.testing.assert_close(one.target, other.target, rtol=0, atol=0)


def test_labels_stay_with_their_pairs() -> None:
    pairs = made_pairs(styles=("a", "b"))
    batch = pairs.first(8)
    assert batch.style.shape == (8, 2)
    torch.testing.assert_close(batch.style.argmax(dim=1), pairs.labels)
    torch.testing.assert_close(batch.similarity, pairs.similarity)


def test_pairs_are_read_by_style_without_what_is_kept_for_testing(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", count=24)
    (folder / "targets" / "0.png").write_bytes(b"no picture")
    pairs = load_pairs(folder, 16, ["a"], exclude=["face2.png"])
    assert pairs.styles == ("a",) and len(pairs) == 10 and pairs.licence == "CC0-1.0"
    assert pairs.sources.shape == (10, 3, 16, 16)
    assert "`tiny-pairs`: 10 after Blobs" in pairs.origin
    assert len(pairs.skipped) == 1 and "0.png" in pairs.skipped[0]


def test_too_few_pairs_and_unknown_styles_are_errors(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", count=8)
    with pytest.raises(TrainError, match="only 4 pairs"):
        load_pairs(folder, 32, ["a"])
    with pytest.raises(TrainError, match="style 'c'"):
        load_pairs(folder, 32, ["c"])
    with pytest.raises(TrainError, match="train pairs"):
        load_pairs(tmp_path, 32)
    with pytest.raises(TrainError, match="--pairs"):
        pairs_for(recipe("dcnn"), None, tmp_path, random_features())


def test_unpaired_faces_meet_the_most_similar_of_the_other_domain(tmp_path: Path) -> None:
    for seed in range(8):
        write_picture(tmp_path / "real" / f"{seed}.png", seed)
        write_picture(tmp_path / "drawn" / f"{9 - seed}.png", seed)  # the same, in another order
    crops = CropOptions(size_px=32, align=False)
    pairs = match_unpaired(
        [tmp_path / "real"], [tmp_path / "drawn"], crops, random_features(), "CC0-1.0"
    )
    torch.testing.assert_close(pairs.sources, pairs.targets)
    torch.testing.assert_close(pairs.similarity, torch.ones(8))
    with pytest.raises(TrainError, match="faces in"):
        match_unpaired([tmp_path / "real" / "0.png"], [], crops, random_features(), "CC0-1.0")


def test_no_pair_is_twice_in_a_batch_while_there_are_others() -> None:
    pairs = replace(made_pairs(), similarity=torch.arange(8) / 10)
    for seed in range(5):
        drawn = pairs.batch(8, torch.Generator().manual_seed(seed)).similarity
        assert sorted(drawn.tolist()) == pairs.similarity.tolist()
    assert len(pairs.batch(19, torch.Generator()).similarity) == 19


def test_of_two_domains_too_what_is_kept_for_testing_is_not_learned(tmp_path: Path) -> None:
    for seed in range(10):
        write_picture(tmp_path / "real" / f"{seed}.png", seed)
        write_picture(tmp_path / "drawn" / f"{seed}.png", seed)
    plan = recipe(
        "adversarial", sources=["real"], targets=["drawn"], exclude=["[89].png"],
        licence="CC0-1.0", crops=CropOptions(align=False),
    )  # fmt: skip
    pairs = pairs_for(plan, None, tmp_path, random_features())
    assert len(pairs) == 8 and pairs.origin == "8 faces and 8 painted ones, unpaired"
    with pytest.raises(TrainError, match="licence = "):
        pairs_for(replace(plan, licence=""), None, tmp_path, random_features())


@pytest.mark.parametrize("line", ["no JSON", "[1]", '{"source": "sources/0.png"}', "\x00"])
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str) -> None:
    folder = write_pairs(tmp_path / "pairs")
    with (folder / "pairs.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(TrainError, match=r"pairs\.jsonl is damaged: line 9 is no pair"):
        load_pairs(folder, 32)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "\x00"])
def test_pairs_without_their_licence_are_not_learned(tmp_path: Path, text: str | None) -> None:
    folder = write_pairs(tmp_path / "pairs")
    (folder / "pairs.json").unlink()
    if text is not None:
        (folder / "pairs.json").write_text(text)
    with pytest.raises(TrainError, match=r"pairs.json is missing or damaged"):
        load_pairs(folder, 32)


def test_a_file_is_no_folder_of_pairs(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"no pairs in .*0\.png"):
        load_pairs(write_picture(tmp_path / "0.png", 0), 32)
