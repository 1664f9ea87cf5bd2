"""A domain network to the shelf, under the graph contract: `python -m train export-domain`.

DCNN, DRN and students have no style input (P = 0): the graph's name is their only style. The
adversarial network takes its style label, one value a style, and each style's vector has a 1 in its
place, so that styles can be mixed like any others.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rtstyle.inference import is_non_commercial
from rtstyle.style import Style, StyleBank, save_styles

from ..errors import TrainError, check_name
from ..export import Exported, weights_hash, write_graphs
from .networks import Trained, load_trained

CHECK_SIZES_HW = ((128, 192), (160, 128))
"""Multiples of 32, at which the largest of the networks can be compared in seconds."""

RESEARCH = "research"
"""The folder of weights that are not for every use; the wheel leaves it out."""


def export_domain(checkpoint: Path, out: Path, name: str, photo: Tensor) -> Exported:
    """Write `NAME.onnx`, `NAME.fp16.onnx`, `NAME.md` and, with style labels, `NAME.styles`.

    Args:
        checkpoint: of a run of `python -m train dcnn`, `drn`, `adversarial` or `student`.
        out: the shelf.
        name: name of the generator.
        photo: (3, H, W) in [0, 1], on which torch and ONNX Runtime are compared.

    Raises:
        TrainError: damaged checkpoint; a name that is none; the graph differs from torch; or
            weights that are for research only are sent to another folder than one of that name.
    """
    trained = load_trained(checkpoint)
    licence = trained.recipe.licence
    if is_non_commercial(licence) and out.resolve().name != RESEARCH:
        raise TrainError(
            f"{checkpoint} was trained on data whose licence is: {licence}",
            "such weights stay out of the wheel",
            f"export them with --out engines/{RESEARCH}",
        )
    check_name(name)
    metadata = {
        "name": name,
        "num_style_values": str(trained.num_style_values),
        "size_multiple": str(trained.size_multiple),
        "normalisation": trained.normalisation,
        "architecture": json.dumps({"network": trained.recipe.network, **trained.recipe.shape}),
        "training": json.dumps({"recipe": trained.recipe.name, "steps": trained.step}),
        "licence": licence,
        "weights_sha256": weights_hash(trained.net),
    }
    style = torch.eye(trained.num_style_values)[0] if trained.num_style_values else None
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        made = Path(folder)
        result = write_graphs(trained.net, made / name, metadata, photo, style, CHECK_SIZES_HW)
        if trained.num_style_values:
            save_styles(made / f"{name}.styles", _bank(trained, name, result.weights_sha256))
        (made / f"{name}.md").write_text(card(name, trained, result))
        for file in made.iterdir():
            file.chmod(0o644)
            file.replace(out / file.name)
    return result


def card(name: str, trained: Trained, result: Exported) -> str:
    """What it is, what it was trained on, how faithful its graphs are."""
    recipe = trained.recipe
    num_weights = sum(p.numel() for p in trained.net.parameters())
    factors = ", ".join(f"{k} {v:g}" for k, v in recipe.weights.items()) or "the network's own"
    begun = f" Begun as `{recipe.start_from}`." if recipe.start_from else ""
    faces = f"Faces: {', '.join(recipe.sources)}. " if recipe.sources else ""
    return f"""# {name}

{recipe.network}, {num_weights / 1e6:.2f} M weights, {trained.num_style_values} style values; paints
aligned faces (`--region face`). Licence of the weights: {recipe.licence}.
Weights SHA-256: `{result.weights_sha256}`.

## Training

Recipe `{recipe.name}`: {trained.step} steps of {recipe.batch} faces at {recipe.size_px} px, Adam
{recipe.learning_rate:g} with cosine decay, averaged weights, seed {recipe.seed}.{begun}
Loss factors: {factors}.
{faces}Styles: {", ".join(recipe.styles)}; features: VGG.
Learned from {recipe.learned_from}.

## Fidelity

Against torch in float32 at {" and ".join(f"{w}x{h}" for h, w in CHECK_SIZES_HW)}: float32 graph in
ONNX Runtime, largest difference {result.max_difference} of 255; float16 graph,
{result.fp16_psnr_db:.1f} dB PSNR.
"""


def _bank(trained: Trained, name: str, weights_sha256: str) -> StyleBank:
    vectors = np.eye(trained.num_style_values, dtype=np.float32)
    styles = {
        label: Style(label, vector, weights_sha256, generator_name=name)
        for label, vector in zip(trained.recipe.styles, vectors, strict=True)
    }
    return StyleBank(weights_sha256, styles)
