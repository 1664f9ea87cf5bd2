"""Export a trained bank to the shelf: `python -m train export`.

The graph contract: inputs `frame` uint8 (1, H, W, 3) RGB and `style` float32 (1, P), output
`stylized` uint8 (1, H, W, 3); H and W free, multiples of `size_multiple`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bank import StyledGenerator, trained
from .checkpoint import Checkpoint, load_checkpoint
from .errors import TrainError, check_name
from .recipe import Recipe

OPSET = 17
METADATA_PREFIX = "rtstyle."
STYLES_SCHEMA = 1
Sizes = Sequence[tuple[int, int]]
CHECK_SIZES_HW: Sizes = ((256, 384), (360, 640))

MAX_DIFFERENCE = 1
"""Largest difference of uint8 pixels between torch and ONNX Runtime in float32.

Both compute the same sums in another order; a value within 1e-5 of a rounding edge may flip by one.
"""
MIN_FP16_PSNR_DB = 40.0
"""Least fidelity of the float16 graph: 11 bits of mantissa through 11 layers stay under 1 % of
the range, which nobody sees."""


class GraphContract(nn.Module):
    """A generator with the casts, layout, scaling and clamping of the graph contract inside."""

    def __init__(self, net: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.net, self.dtype = net.to(dtype), dtype

    def forward(self, frame: Tensor, style: Tensor | None = None) -> Tensor:
        """(1, H, W, 3) uint8 and, unless P = 0, (1, P) float32 -> (1, H, W, 3) uint8."""
        image = frame.to(self.dtype).permute(0, 3, 1, 2) * (1 / 255)
        painted = self.net(image) if style is None else self.net(image, style.to(self.dtype))
        return (painted.clamp(0, 1) * 255 + 0.5).permute(0, 2, 3, 1).to(torch.uint8)


@dataclass(frozen=True)
class Exported:
    """Fidelity of an exported generator."""

    weights_sha256: str
    max_difference: int
    fp16_psnr_db: float


def export(checkpoint: Path, out: Path, name: str, photo: Tensor, licence: str) -> Exported:
    """Write `NAME.onnx`, `NAME.fp16.onnx`, `NAME.styles` and `NAME.md` into `out`.

    Args:
        checkpoint: written by `python -m train perceptual`; its averaged weights are exported.
        out: the shelf.
        name: name of the generator.
        photo: (3, H, W) in [0, 1], on which torch and ONNX Runtime are compared.
        licence: of the weights, for card and metadata.

    Raises:
        TrainError: damaged checkpoint, a name that is none, or the graph differs from torch.
    """
    check_name(name)
    saved = load_checkpoint(checkpoint)
    model, recipe = trained(saved)
    config = model.net.config
    metadata = {
        "name": name,
        "num_style_values": str(model.net.num_style_values),
        "size_multiple": str(config.size_multiple),
        "normalisation": config.normalisation,
        "architecture": json.dumps(config.asdict()),
        "style_short_side_px": str(recipe.style_short_side_px),
        "training": json.dumps({"recipe": recipe.name, "steps": saved.step}),
        "licence": licence,
        "weights_sha256": weights_hash(model.net),
    }
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        made = Path(folder)
        result = write_graphs(model.net, made / name, metadata, photo, model.styles[1].detach())
        table = model.styles.detach().numpy()
        write_styles(table, recipe, result.weights_sha256, made / f"{name}.styles")
        (made / f"{name}.md").write_text(card(name, saved, recipe, model, result, licence))
        for file in made.iterdir():
            file.chmod(0o644)
            file.replace(out / file.name)
    return result


def write_graphs(
    net: nn.Module,
    stem: Path,
    metadata: dict[str, str],
    photo: Tensor,
    style: Tensor | None,
    sizes_hw: Sizes = CHECK_SIZES_HW,
) -> Exported:
    """Write `STEM.onnx` and `STEM.fp16.onnx` and compare both with torch.

    Args:
        net: (B, 3, H, W) in [0, 1] and, unless P = 0, (B, P) -> (B, 3, H, W).
        stem: path without suffix.
        metadata: of the graph contract.
        photo: (3, H, W) in [0, 1], on which they are compared.
        style: (P,), used for it; None if P = 0.
        sizes_hw: multiples of the net's size.

    Raises:
        TrainError: they differ by more than the tolerances above.
    """
    files = stem.with_name(stem.name + ".onnx"), stem.with_name(stem.name + ".fp16.onnx")
    for file, dtype in zip(files, (torch.float32, torch.float16), strict=True):
        write_onnx(net, file, metadata, style, dtype)
    return compare(net, style, files, photo, sizes_hw)


@torch.no_grad()
def compare(
    net: nn.Module,
    style: Tensor | None,
    files: tuple[Path, Path],
    photo: Tensor,
    sizes_hw: Sizes = CHECK_SIZES_HW,
) -> Exported:
    """Run torch and both graphs (float32, float16) on a photo (3, H, W) at two sizes.

    Raises:
        TrainError: they differ by more than the tolerances above.
    """
    frames = [_photo_frame(photo, size) for size in sizes_hw]
    vector = None if style is None else style[None]
    reference = [GraphContract(net)(frame, vector)[0].numpy() for frame in frames]
    exact, halved = (_run_onnx(file, frames, vector) for file in files)
    difference = max(
        int(np.abs(a.astype(int) - b).max()) for a, b in zip(reference, exact, strict=True)
    )
    psnr = min(_psnr_db(a, b) for a, b in zip(reference, halved, strict=True))
    if difference > MAX_DIFFERENCE or psnr < MIN_FP16_PSNR_DB:
        raise TrainError(
            f"the exported graph differs from torch by {difference} of 255 "
            f"(float16: {psnr:.1f} dB)",
            f"allowed: {MAX_DIFFERENCE}, {MIN_FP16_PSNR_DB} dB",
        )
    return Exported(weights_hash(net), difference, psnr)


def weights_hash(net: nn.Module) -> str:
    """SHA-256 over the weights; ties styles to the generator they were trained with."""
    digest = hashlib.sha256()
    for key, value in sorted(net.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def write_onnx(
    net: nn.Module,
    path: Path,
    metadata: dict[str, str],
    style: Tensor | None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write one graph with `dtype` internals and its metadata; `style` (P,) or None as in use."""
    import copy

    import onnx

    graph = GraphContract(copy.deepcopy(net), dtype).eval()
    frame = torch.zeros(1, 64, 96, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (frame,) if style is None else (frame, style[None].float()),
            str(path),
            input_names=["frame"] if style is None else ["frame", "style"],
            output_names=["stylized"],
            dynamic_axes={"frame": {1: "H", 2: "W"}, "stylized": {1: "H", 2: "W"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = METADATA_PREFIX + key, value
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def write_styles(table: np.ndarray, recipe: Recipe, generator: str, path: Path) -> None:
    """Write the style table (S, P) as the bank that `rtstyle.style.load_styles` reads."""
    from safetensors.numpy import save_file

    facts = {style.name: style for style in recipe.styles}
    entries = []
    for name in recipe.style_names:
        style = facts.get(name)
        keys = ("title", "author", "year", "licence")
        values = {key: getattr(style, key) for key in keys} if style else {}
        entries.append({"name": name, **values})
    header = {
        "schema": STYLES_SCHEMA,
        "generator": generator,
        "generator_name": path.stem,
        "styles": entries,
    }
    vectors = {
        name: np.ascontiguousarray(row, np.float32)
        for name, row in zip(recipe.style_names, table, strict=True)
    }
    save_file(vectors, path, metadata={"rtstyle": json.dumps(header)})


def card(
    name: str,
    saved: Checkpoint,
    recipe: Recipe,
    model: StyledGenerator,
    result: Exported,
    licence: str,
) -> str:
    """The generator's card: what it is, what it was trained on, how faithful its graphs are."""
    num_weights = sum(p.numel() for p in model.net.parameters())
    rows = "\n".join(
        f"| {s.name} | {s.title} | {s.author} | {s.year} | {s.licence} |" for s in recipe.styles
    )
    factors = ", ".join(f"{k} {v:g}" for k, v in vars(recipe.weights).items())
    emphases = [f"{s.name} {s.emphasis:g}" for s in recipe.styles if s.emphasis != 1]
    steadier = [f"{s.name} {s.steadiness:g}" for s in recipe.styles if s.steadiness != 1]
    return f"""# {name}

`UnshuffleNet` ({", ".join(f"{k} {v}" for k, v in model.net.config.asdict().items())}),
{num_weights / 1e6:.2f} M weights, {model.net.num_style_values} style values.
Licence of the weights: {licence}. Weights SHA-256: `{result.weights_sha256}`.

## Training

Recipe `{recipe.name}`: {saved.step} steps of {recipe.batch} crops at {recipe.size_px} px, style
pictures at {recipe.style_short_side_px} px (short side), Adam {recipe.learning_rate:g} with cosine
decay, averaged weights, seed {recipe.seed}. Loss factors: {factors}.
Emphasis: {", ".join(emphases) or "none"}. Steadiness: {", ".join(steadier) or "1"}.
Photos: {", ".join(recipe.photos)} (without {", ".join(recipe.exclude) or "exceptions"}),
{recipe.plain_share:.0%} of the crops on plain backgrounds, {recipe.soft_share:.0%} soft,
{recipe.recoloured_share:.0%} in other colours;
films: {", ".join(recipe.clips) or "none"}; features: VGG16.
History: {"; ".join(recipe.history) or "nothing, weights at random"}.

## Styles

| name | picture | author | year | licence of the picture |
| --- | --- | --- | --- | --- |
{rows}

## Fidelity

Against torch in float32 on a photo at {" and ".join(f"{w}x{h}" for h, w in CHECK_SIZES_HW)}:
float32 graph in ONNX Runtime, largest difference {result.max_difference} of 255;
float16 graph, {result.fp16_psnr_db:.1f} dB PSNR.
"""


def _photo_frame(photo: Tensor, size_hw: tuple[int, int]) -> Tensor:
    image = F.interpolate(photo[None], size_hw, mode="bilinear", antialias=True)
    return (image * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _run_onnx(path: Path, frames: Sequence[Tensor], style: Tensor | None) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {} if style is None else {"style": style.numpy()}
    return [
        np.asarray(session.run(["stylized"], {"frame": frame.numpy(), **inputs})[0])[0]
        for frame in frames
    ]


def _psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    error = np.square(a.astype(float) - b).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-12)))
