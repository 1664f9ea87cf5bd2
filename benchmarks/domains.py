"""The networks of the source documents compared, on faces that none of them was trained on.

    python -m benchmarks.domains --pairs runs/pairs --reference runs/reference --style udnie \
        --network dcnn runs/dcnn/checkpoint.safetensors --network student runs/student/...

Beside the networks stand two that any of them must beat: `identity` shows the face itself, and
`retrieval` the painting of the training face that is most similar. Figures of each:

- weights, GMAC and ms of one face, exported and run by OpenVINO on this machine (with --time);
- identity kept: similarity (`train.domains.similarity`) of face and painting; beside it the control
  with the faces shuffled, which must be lower;
- domain distance and conditional distance from paintings that were made by optimisation, like the
  pairs, of the faces that are measured (--reference): see `domain_figures`;
- score: the similarity that a critic predicts (--judge, an adversarial checkpoint), and how well
  its predictions go together with what is measured.

The faces of the sheet are others, which may be shown: four people, one of them at five moments.
What retrieval finds may not be shown, and is not on it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train.domains.batches import PairSet, load_pairs
from train.domains.faces import CropOptions, read_faces
from train.domains.networks import Trained, load_critic, load_trained
from train.domains.run import calibrate
from train.domains.similarity import similarity_matrix
from train.domains.student import resized
from train.features import VGGFeatures, load_features
from train.sheet import make_sheet

from .domain_figures import COMPONENTS, PART, Ground, describe, judged, measure
from .machine import RESULTS, machine_facts

SCHEMA = 2
FEATURES = "features/vgg16_relu4_3_fp16.pth"
COMPARED_PX = 128
SHEET_FACES = 8
SHEET_QUALITY = 90
SHOWN = ["faces_real/open", "content/open/gb82_baby.jpg", "clips/open/obama_speaking.mp4"]
BETWEEN_SHOWN_FRAMES = 45
NUM_TIMED = 20


@dataclass(frozen=True, eq=False)
class Contender:
    """Paints faces (B, 3, 128, 128) in [0, 1]; `trained` is the network behind it, if one is."""

    name: str
    paint: Callable[[Tensor], Tensor]
    trained: Trained | None = None
    checkpoint: Path | None = None


def networks(named: list[list[str]], style: str) -> Iterator[Contender]:
    """The networks of checkpoints, each painting at the size that it was trained at."""
    for name, path in named:
        trained = load_trained(Path(path))
        number = trained.recipe.styles.index(style) if trained.num_style_values else 0

        def paint(faces: Tensor, trained: Trained = trained, number: int = number) -> Tensor:
            sized = resized(faces, trained.recipe.size_px)
            return resized(trained.paint(sized, number), COMPARED_PX)

        yield Contender(name, paint, trained, Path(path))


def rivals(pool: PairSet, features: VGGFeatures) -> Iterator[Contender]:
    """What must be beaten."""
    yield Contender("identity", lambda faces: faces)
    known = describe(features, pool.sources.float() / 255)

    def retrieve(faces: Tensor) -> Tensor:
        nearest = similarity_matrix(describe(features, faces), known).argmax(dim=1)
        return pool.targets[nearest].float() / 255

    yield Contender("retrieval", retrieve)


@torch.no_grad()
def paintings(contender: Contender, faces: Tensor) -> Tensor:
    """What a contender makes of faces (N, 3, 128, 128)."""
    return torch.cat([contender.paint(part) for part in faces.split(PART)])


def cost(contender: Contender, *, timed: bool) -> dict[str, Any]:
    """Weights, GMAC and, if asked for, median ms of one face at the network's own size."""
    trained = contender.trained
    if trained is None or contender.checkpoint is None:
        return {}
    from torch.utils.flop_counter import FlopCounterMode

    side = trained.recipe.size_px
    with FlopCounterMode(display=False) as counter:
        trained.paint(torch.rand(1, 3, side, side))
    found: dict[str, Any] = {
        "size_px": side,
        "weights_millions": round(sum(p.numel() for p in trained.net.parameters()) / 1e6, 2),
        "gmac": round(counter.get_total_flops() / 2e9, 2),
        "steps": trained.step,
        "licence": trained.recipe.licence,
    }
    if timed:
        found["ms"] = round(_milliseconds(contender.checkpoint, side), 2)
    return found


def verdict(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Whether each network keeps identity and comes nearer to the domain than both rivals.

    By both distances than `identity`; than `retrieval` by the conditional one, since no painting
    can come nearer to true ones than true ones of other faces, which is what that shows.
    """
    identity, retrieval = results["identity"], results["retrieval"]
    distances = ("domain_distance", "conditional_distance")
    return {
        name: {
            "keeps_identity": found["identity_kept"] > found["identity_kept_shuffled"],
            "nearer_than_identity": all(found[key] < identity[key] for key in distances),
            "nearer_than_retrieval": found[distances[1]] < retrieval[distances[1]],
        }
        for name, found in results.items()
        if name not in ("identity", "retrieval")
    }


def main() -> None:
    """Measure, draw the sheet, write the results."""
    options = parse_options()
    torch.manual_seed(0)
    features = load_features(options.features or options.data / FEATURES)
    pool = load_pairs(options.pairs, COMPARED_PX, [options.style])
    calibrate(features, pool)
    reference = load_pairs(options.reference, COMPARED_PX, [options.style])
    faces, true = reference.sources.float() / 255, reference.targets.float() / 255
    ground = Ground.of(features, faces, true)
    judge = load_critic(options.judge) if options.judge else None
    shown = _shown(options)
    results: dict[str, dict[str, Any]] = {}
    columns = [("face", shown)]
    for contender in [*rivals(pool, features), *networks(options.network, options.style)]:
        painted = paintings(contender, faces)
        found = measure(painted, ground, features)
        found |= judged(judge, painted, ground, features) if judge else {}
        results[contender.name] = found | cost(contender, timed=options.time)
        if contender.trained:
            columns.append((contender.name, contender.paint(shown)))
        print(f"{contender.name:12s} {json.dumps(results[contender.name])}", file=sys.stderr)
    captions, pictures = zip(*columns, strict=True)
    sheet = make_sheet(captions, [list(row) for row in zip(*pictures, strict=True)])
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.sheet, quality=SHEET_QUALITY)
    report = {
        "schema": SCHEMA,
        "machine": machine_facts(),
        "style": options.style,
        "faces": len(faces),
        "components": COMPONENTS,
        "controls": ground.controls(),
        "true_paintings_identity_kept": round(float(reference.similarity.mean()), 4),
        "networks": results,
        "verdict": verdict(results),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report["verdict"], indent=1))


def parse_options() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.domains")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--features", type=Path, help="VGG16's weights")
    parser.add_argument("--pairs", type=Path, required=True, help="folder of pairs")
    parser.add_argument(
        "--reference",
        type=Path,
        required=True,
        help="folder of pairs to measure on, not trained on",
    )
    parser.add_argument("--style", required=True, help="style label that is compared")
    parser.add_argument(
        "--network", nargs=2, action="append", default=[], metavar=("NAME", "CHECKPOINT")
    )
    parser.add_argument("--judge", type=Path, help="adversarial checkpoint whose critic scores")
    parser.add_argument("--shown", nargs="+", default=SHOWN, help="faces of the sheet")
    parser.add_argument("--time", action="store_true", help="export and time them; needs quiet")
    parser.add_argument("--sheet", type=Path, default=Path("runs/domains.png"))
    parser.add_argument("--out", type=Path, default=RESULTS / "domains.json")
    return parser.parse_args()


def _shown(options: argparse.Namespace) -> Tensor:
    """Faces of the sheet (N, 3, 128, 128) in [0, 1], from pictures and clips of the data."""
    crops = CropOptions(size_px=COMPARED_PX, clip_step=BETWEEN_SHOWN_FRAMES)
    places = [options.data / place for place in options.shown]
    found = read_faces(places, crops, min_faces=SHEET_FACES)
    return found.stack()[:SHEET_FACES].float() / 255


def _milliseconds(checkpoint: Path, side: int) -> float:
    """Median of one face in OpenVINO, from uint8 to uint8."""
    from rtstyle.api import load
    from rtstyle.doctor.engines import measure_ms
    from train.domains.export import RESEARCH, export_domain

    with tempfile.TemporaryDirectory() as folder:
        shelf = Path(folder) / RESEARCH
        export_domain(checkpoint, shelf, "timed", torch.rand(3, 256, 256))
        engine, bank = load(str(shelf / "timed.onnx"), "openvino")
        milliseconds = measure_ms(engine, next(iter(bank)), (side, side), NUM_TIMED)
        engine.close()
    return milliseconds


if __name__ == "__main__":
    main()
