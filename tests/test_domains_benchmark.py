"""The comparison: rivals, verdict, and the whole script."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from domain_data import made_pairs, random_features, random_weights, recipe, run_of

from benchmarks import domains


def test_retrieval_finds_the_painting_of_the_same_face() -> None:
    pairs = made_pairs()
    found = {rival.name: rival for rival in domains.rivals(pairs, random_features())}
    faces = pairs.sources[[3, 5]].float() / 255
    torch.testing.assert_close(found["retrieval"].paint(faces), pairs.targets[[3, 5]].float() / 255)
    torch.testing.assert_close(found["identity"].paint(faces), faces)


def test_the_verdict_asks_for_identity_and_for_less_distance_than_both_rivals() -> None:
    def figures(kept: float, distance: float, conditional: float) -> dict:
        return {
            "identity_kept": kept, "identity_kept_shuffled": 0.5,
            "domain_distance": distance, "conditional_distance": conditional,
        }  # fmt: skip

    found = domains.verdict(
        {
            "identity": figures(1.0, 9.0, 2.0),
            "retrieval": figures(0.5, 0.1, 3.0),
            "good": figures(0.8, 2.0, 1.0),
            "far": figures(0.8, 4.0, 4.0),
            "photo": figures(0.8, 10.0, 1.0),
            "anybody": figures(0.4, 0.1, 2.5),
        }
    )
    assert set(found) == {"good", "far", "photo", "anybody"}
    assert all(found["good"].values())
    assert not found["far"]["nearer_than_identity"] and not found["far"]["nearer_than_retrieval"]
    assert not found["photo"]["nearer_than_identity"] and found["photo"]["nearer_than_retrieval"]
    assert not found["anybody"]["keeps_identity"]


def test_the_script_compares_networks_and_draws_the_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domain_data import write_pairs, write_picture

    from train.domains.faces import CropOptions, read_faces
    from train.domains.game import players

    write_pairs(tmp_path / "pairs", count=56)
    for seed in range(9):
        write_picture(tmp_path / "faces" / f"{seed}.png", 200 + seed)
    named = {f"features.{name}": value for name, value in random_weights().items()}
    torch.save(named, tmp_path / "vgg.pth")
    plan = recipe("adversarial", shape={"width": 8, "blocks": 1})
    pairs = made_pairs(styles=("b", "a"))
    run = run_of(plan, pairs, players(plan, 2, random_features()), tmp_path)
    run.save()

    def unaligned(places, options, **rest):
        return read_faces(places, CropOptions(options.size_px, align=False), **rest)

    monkeypatch.setattr(domains, "read_faces", unaligned)
    monkeypatch.setattr(domains, "COMPARED_PX", 32)
    checkpoint, out, sheet = run.paths.checkpoint, tmp_path / "d.json", tmp_path / "d.png"
    options = ["--pairs", tmp_path / "pairs", "--style", "a", "--features", tmp_path / "vgg.pth"]
    options += ["--data", tmp_path, "--shown", "faces"]
    options += ["--reference", tmp_path / "pairs", "--network", "game", checkpoint]
    options += ["--judge", checkpoint, "--out", out, "--sheet", sheet, "--time"]
    monkeypatch.setattr(sys, "argv", ["domains", *map(str, options)])
    domains.main()
    report = json.loads(out.read_text())
    game = report["networks"]["game"]
    assert game["gmac"] > 0 and game["ms"] > 0 and game["weights_millions"] > 0
    assert set(report["verdict"]) == {"game"}
    assert "score" in report["networks"]["retrieval"]
    assert report["faces"] == 28 and sheet.stat().st_size > 0
    assert report["networks"]["identity"]["identity_kept"] == pytest.approx(1.0, abs=1e-3)
