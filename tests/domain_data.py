"""Small things for tests of the domain networks: pairs on disk, features without meaning."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from train.domains.batches import PairSet
from train.domains.player import Player
from train.domains.processes import Process
from train.domains.recipe import DomainRecipe, Network
from train.domains.run import DomainRun
from train.features import LAYERS, VGGFeatures
from train.loop import Paths

CPU = torch.device("cpu")

torch.set_num_threads(1)  # on a busy machine two threads wait for each other at every layer


def blobs(seed: int, size: int) -> np.ndarray:
    """A smooth random picture (size, size, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.array(Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC))


def write_picture(path: Path, seed: int, size: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blobs(seed, size)).save(path)
    return path


@cache
def random_weights() -> dict[str, torch.Tensor]:
    """VGG16's, of the right shape; losses need no meaning in tests."""
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    return make_layers(cfgs["D"])[: max(LAYERS.values()) + 1].state_dict()  # type: ignore[index]


def random_features() -> VGGFeatures:
    return VGGFeatures(random_weights())


def made_pairs(count: int = 8, size: int = 32, styles: tuple[str, ...] = ("a",)) -> PairSet:
    """Pairs whose targets are the sources with red and blue exchanged, darker style by style."""
    sources = np.stack([blobs(seed, size) for seed in range(count)])
    sources = torch.from_numpy(sources).permute(0, 3, 1, 2).contiguous()
    labels = torch.arange(count) % len(styles)
    shade = 1 / (1 + labels[:, None, None, None].float())
    targets = (sources.flip(1).float() * shade).to(torch.uint8)
    return PairSet(sources, targets, labels, torch.linspace(0.2, 0.8, count), styles, "CC0-1.0")


def write_pairs(folder: Path, count: int = 8, size: int = 32) -> Path:
    """The same as files, as `train.domains.pairs` writes them."""
    folder.mkdir(parents=True)
    lines = []
    for seed in range(count):
        source, target = f"sources/{seed}.png", f"targets/{seed}.png"
        write_picture(folder / source, seed, size)
        write_picture(folder / target, 100 + seed, size)
        line = {"source": source, "target": target, "style": "ab"[seed % 2], "similarity": 0.5}
        lines.append(json.dumps({**line, "origin": f"face{seed}.png"}) + "\n")
    (folder / "pairs.jsonl").write_text("".join(lines))
    blank = {"title": "", "author": "", "year": ""}
    styles = [{**blank, "name": "a", "title": "Blobs"}, {**blank, "name": "b"}]
    facts = {"name": "tiny-pairs", "licence": "CC0-1.0", "styles": styles}
    (folder / "pairs.json").write_text(json.dumps(facts))
    return folder


def recipe(network: Network, **changes: object) -> DomainRecipe:
    plain = DomainRecipe(
        "tiny",
        network,
        steps=4,
        batch=2,
        size_px=32,
        save_every=2,
        learning_rate=1e-2,  # type: ignore[arg-type]
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def run_of(plan: DomainRecipe, pairs: PairSet, players: list[Player], out: Path) -> DomainRun:
    """A run of one process on the CPU."""
    return DomainRun(plan, Paths(out, out), pairs, players, Process(CPU))


def silent(step: int, terms: dict[str, float], seconds: float) -> None:
    pass
