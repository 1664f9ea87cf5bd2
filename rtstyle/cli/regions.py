"""The options for where in the picture the style goes, and for faces."""

from __future__ import annotations

from typing import Annotated

import typer

RegionOption = Annotated[
    str,
    typer.Option(
        "--region", help="What is painted: frame (all of it), face, person or background."
    ),
]
FaceDetailOption = Annotated[
    bool,
    typer.Option(
        "--face-detail",
        help="Paint faces once more by themselves, with a finer brush, as --region face does.",
    ),
]
FaceStrengthOption = Annotated[
    float,
    typer.Option(
        "--face-strength", help="0 leaves faces as they are, 1 paints them like the rest."
    ),
]
MaxFacesOption = Annotated[
    int, typer.Option("--max-faces", help="So many faces at most; the largest come first.")
]
FaceRangeOption = Annotated[
    str, typer.Option("--face-range", help="short: faces near a camera; full: smaller ones too.")
]
