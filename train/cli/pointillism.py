"""`python -m train pointillism`: a picture to learn pointillism from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

QUALITY = 92
"""Of a JPEG; that of `train/pictures` was written with it."""


def pointillism(
    picture: Annotated[Path, typer.Argument(help="A painting or a photo.")],
    out: Annotated[Path, typer.Argument(help="The picture to write.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace an output that exists.")
    ] = False,
) -> None:
    """Paint a picture in dots of divided colour, as one to learn a style from."""
    from rtstyle.capture.images import read_image
    from rtstyle.frame import Frame
    from rtstyle.sink.images import check_image_output, write_image

    from ..pointillism import paint

    check_image_output(out, overwrite=overwrite)
    painted = paint(read_image(picture))
    write_image(out, Frame(painted, 0, 0, Fraction(1), 0.0), QUALITY)
    print(out)
