"""The options that every painting command has, and what they turn into."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rtstyle.controls import DEFAULT_SMOOTH, Controls
from rtstyle.errors import UsageError
from rtstyle.shelf import DEFAULT_GENERATOR

from . import regions

if TYPE_CHECKING:
    from rtstyle.inference import Engine
    from rtstyle.style import StyleBank

Mix = tuple[tuple[str, float], ...]
Follow = Literal["behind", "first", "never"]

ANY_STYLE: Mix = (("", 1.0),)
"""Stands for the style that `load_painter` takes where none is named."""

AUTO_STYLE: Mix = (("auto", 1.0),)
"""Stands for a style that is chosen by the content."""

StyleOption = Annotated[
    str | None,
    typer.Option(
        "--style",
        "-s",
        help="Name of a style (see: rtstyle styles), a .style file, or auto: by the content.",
    ),
]
MixOption = Annotated[
    str | None, typer.Option("--mix", help="Several styles with shares, like a:0.6,b:0.4.")
]
StrengthOption = Annotated[
    float, typer.Option("--strength", help="0 leaves the picture as it is, 1 paints it wholly.")
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        "--size",
        help="Height in pixels at which to paint: smaller is faster, with a broader brush. The "
        "output keeps the input's size.",
        show_default="the input's, at most 720",
    ),
]
SmoothOption = Annotated[
    float, typer.Option("--smooth", help="Smoothing over time, 0 to 1; steadier, but softer.")
]
KeepColorsOption = Annotated[
    bool, typer.Option("--keep-colors", help="Keep the input's colours; paint only light and dark.")
]
GeneratorOption = Annotated[
    str, typer.Option("--generator", help="Generator of the shelf, or a path to one (.onnx).")
]
BackendOption = Annotated[
    str, typer.Option("--backend", help="What runs the generator (see: rtstyle doctor).")
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", "-y", help="Replace an output that exists.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only errors.")]
CompareOption = Annotated[bool, typer.Option("--compare", help="Source and result side by side.")]


@dataclass(frozen=True)
class Look:
    """How pictures are painted (see `grouped`): the options that make the `Controls`."""

    style: StyleOption = None
    mix: MixOption = None
    strength: StrengthOption = 1.0
    size: SizeOption = None
    keep_colors: KeepColorsOption = False
    region: regions.RegionOption = "frame"
    face_detail: regions.FaceDetailOption = False
    face_strength: regions.FaceStrengthOption = 1.0
    max_faces: regions.MaxFacesOption = 4
    face_range: regions.FaceRangeOption = "full"

    @property
    def asked(self) -> Mix | None:
        """What --style or --mix ask for."""
        return parse_mix(self.style, self.mix)

    def controls(self, *, has_keys: bool = False, **more: Any) -> Controls:
        """The controls, with a style that stands for another until `load_painter` names it.

        With `has_keys`, region and strength may change on the way.

        Raises:
            UsageError: a value is out of its range, or --face-detail can do nothing.
        """
        if self.face_detail:
            self._check_detail(has_keys)
        return Controls(
            self.asked or ANY_STYLE,
            strength=self.strength,
            size_px=self.size,
            keep_colors=self.keep_colors,
            region=self.region,  # type: ignore[arg-type]
            face_detail=self.face_detail,
            face_strength=self.face_strength,
            max_faces=self.max_faces,
            **more,
        )

    def _check_detail(self, has_keys: bool) -> None:
        reasons = {"--face-strength 0 leaves faces as they are": self.face_strength == 0}
        if not has_keys:
            reasons |= {
                "--region background leaves faces as they are": self.region == "background",
                "--strength 0 leaves the picture as it is": self.strength == 0,
            }
        for why, is_so in reasons.items():
            if is_so:
                raise UsageError("--face-detail can do nothing", why, "leave one of the two away")


@dataclass(frozen=True)
class MovingLook(Look):
    """How a video is painted."""

    smooth: SmoothOption = DEFAULT_SMOOTH

    def controls(self, **more: Any) -> Controls:
        return super().controls(smooth=self.smooth, **more)


@dataclass(frozen=True)
class RunOptions:
    """What runs, and what it says (see `grouped`)."""

    generator: GeneratorOption = DEFAULT_GENERATOR
    backend: BackendOption = "auto"
    quiet: QuietOption = False
    as_json: JSONOption = False


def parse_mix(style: str | None, mix: str | None) -> Mix | None:
    """The mix asked for with --style or --mix; None where neither is given.

    Raises:
        UsageError: both given, or the mix cannot be read.
    """
    if style is not None and mix is not None:
        raise UsageError("--style and --mix exclude each other")
    if mix is None:
        return None if style is None else ((style, 1.0),)
    parts: list[tuple[str, float]] = []
    for part in mix.split(","):
        name, _, share = part.strip().rpartition(":")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if name == "auto":
            raise UsageError("--mix names styles, and auto is none", fix="use: --style auto")
        if not name or not 0 <= value < float("inf"):
            raise UsageError(
                f"cannot read the mix '{mix}'",
                f"'{part.strip()}' is not NAME:SHARE with a share of at least 0",
                "for example: --mix starry-night:0.6,mosaic:0.4",
            )
        parts.append((name, value))
    return tuple(parts)


def load_painter(
    generator: str, backend: str, mix: Mix | None, *, follow: Follow = "never"
) -> tuple[Engine, StyleBank, Mix]:
    """Engine, bank (with the .style files that the mix names) and the mix with plain names.

    Without a mix, the first style of the bank that paints is taken; `AUTO_STYLE` is left to
    `choosing`. `follow` is how `auto` goes over to an NVIDIA GPU (`rtstyle.inference.GpuOptions`);
    a few pictures are not worth it, and files go over "first".

    Raises:
        EngineError, StyleError: see `rtstyle.api.load`.
    """
    from rtstyle.api import load
    from rtstyle.inference import GpuOptions, is_non_commercial
    from rtstyle.style import ORIGINAL, load_styles

    gpu = replace(GpuOptions.from_environment(), follow=follow)
    engine, bank = load(generator, backend, gpu, ahead=follow == "first")
    if is_non_commercial(licence := engine.info.generator.licence):
        print(f"{engine.info.generator.name} is not for every use: {licence}", file=sys.stderr)
    if mix == AUTO_STYLE:
        return engine, bank, AUTO_STYLE
    if mix is None:
        names = [name for name in bank.names if name != ORIGINAL]
        return engine, bank, (((names or bank.names)[0], 1.0),)
    plain: list[tuple[str, float]] = []
    for name, share in mix:
        if name.endswith(".style"):
            own = next(iter(load_styles(Path(name), engine.info.generator.num_style_values)))
            if own.name in bank.names:  # which may be part of the mix as well
                own = replace(own, name=name)
            bank = bank.with_styles([own])
            name = own.name
        plain.append((bank[name].name, share))
    return engine, bank, tuple(plain)
