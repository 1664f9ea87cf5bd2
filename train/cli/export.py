"""`python -m train export`: a trained bank to the shelf."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.safetensors of a training run.")],
    photo: Annotated[Path, typer.Option(help="Photo on which torch and the graphs are compared.")],
    out: Annotated[Path, typer.Option(help="The shelf.")] = Path("engines"),
    name: Annotated[str, typer.Option(help="Name of the generator on the shelf.")] = "fast",
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0",
) -> None:
    """Write a trained bank to the shelf: ONNX graphs, styles and card."""
    from ..data import load_picture
    from ..export import export as write

    result = write(checkpoint, out, name, load_picture(photo, short_side=512), licence)
    print(
        f"{out / name}.onnx: within {result.max_difference} of 255 of torch; "
        f"float16 {result.fp16_psnr_db:.1f} dB"
    )
