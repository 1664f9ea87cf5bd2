"""The comparison: distances that can be worked out, rivals, verdict, and the whole script."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from domain_data import made_pairs, random_features, random_weights, recipe, run_of

from benchmarks import domains
from benchmarks.frechet import frechet_distance


def test_equal_sets_have_no_distance_and_gaussians_the_known_one() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, (20000, 3))
    assert frechet_distance(one, one) < 1e-6
    other = rng.normal((1, 0, 0), 2, (20000, 3))
    assert frechet_distance(one, other) == pytest.approx(1 + 3 * (2 - 1) ** 2, rel=0.05)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))


def test_retrieval_finds_the_painting_of_the_same_face() -> None:
    pairs = made_pairs()
    found = {rival.name: rival for rival in domains.rivals(pairs, random_features())}
    faces = pairs.sources[[3, 5]].float() / 255
    torch.testing.assert_close(found["retrieval"].paint(faces), pairs.targets[[3, 5]].float() / 255)
    torch.testing.assert_close(found["identity"].paint(faces), faces)


def test_the_verdict_asks_for_identity_and_for_less_distance_than_both_rivals() -> None:
    def figures(kept: float, distance: float) -> dict:
        return {
            "identity_kept": kept, "identity_kept_shuffled": 0.5, "domain_distance": distance
        }  # fmt: skip

    found = domains.verdict(
        {
            "identity": figures(1.0, 9.0),
            "retrieval": figures(0.5, 3.0),
            "good": figures(0.8, 2.0),
            "far": figures(0.8, 4.0),
            "anybody": figures(0.4, 2.0),
        }
    )
    assert set(found) == {"good", "far", "anybody"}
    assert found["good"] == {"keeps_identity": True, "nearer_than_rivals": True}
    assert not found["far"]["nearer_than_rivals"] and not found["anybody"]["keeps_identity"]


def test_the_script_compares_networks_and_draws_the_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domain_data import write_pairs, write_picture

    from train.domains.faces import CropOptions, read_faces
    from train.domains.game import players

    write_pairs(tmp_path / "pairs", count=16)
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
    checkpoint, out, sheet = run.paths.checkpoint, tmp_path / "d.json", tmp_path / "d.png"
    options = ["--pairs", tmp_path / "pairs", "--style", "a", "--features", tmp_path / "vgg.pth"]
    options += ["--data", tmp_path, "--faces", "faces", "--shown", "faces"]
    options += ["--reference", tmp_path / "pairs", "--network", "game", checkpoint]
    options += ["--judge", checkpoint, "--out", out, "--sheet", sheet, "--time"]
    monkeypatch.setattr(sys, "argv", ["domains", *map(str, options)])
    domains.main()
    report = json.loads(out.read_text())
    game = report["networks"]["game"]
    assert game["gmac"] > 0 and game["ms"] > 0 and game["weights_millions"] > 0
    assert set(report["verdict"]) == {"game"}
    assert "score" in report["networks"]["retrieval"]
    assert report["faces"] == 9 and sheet.stat().st_size > 0
    assert report["networks"]["identity"]["identity_kept"] == pytest.approx(1.0, abs=1e-3)
