"""`rtstyle camera`: oneself painted, as the camera of a call."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rtstyle.controls import DEFAULT_SMOOTH, Controls, Region

from . import regions, starting, styling

if TYPE_CHECKING:
    from rtstyle.capture.steady import SteadySource
    from rtstyle.live import Session


def camera(
    camera: starting.CameraOption = None,
    style: styling.StyleOption = None,
    mix: styling.MixOption = None,
    strength: styling.StrengthOption = 1.0,
    size: starting.SizeOption = None,
    smooth: styling.SmoothOption = DEFAULT_SMOOTH,
    region: regions.RegionOption = "frame",
    face_detail: regions.FaceDetailOption = False,
    face_strength: regions.FaceStrengthOption = 1.0,
    max_faces: regions.MaxFacesOption = 4,
    face_range: regions.FaceRangeOption = "short",
    keep_colors: styling.KeepColorsOption = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="Virtual camera to feed, like /dev/video10.",
            show_default="the one labelled rtstyle, or the first",
        ),
    ] = None,
    resolution: starting.ResolutionOption = "1280x720",
    rate: starting.RateOption = 30,
    seconds: starting.SecondsOption = None,
    generator: styling.GeneratorOption = "fast",
    backend: styling.BackendOption = "auto",
    quiet: styling.QuietOption = False,
    as_json: styling.JSONOption = False,
) -> None:
    """Be the painted camera of a call; your camera rests while nobody watches (Linux)."""
    asked = styling.parse_mix(style, mix)
    controls = Controls(
        asked or styling.ANY_STYLE,
        strength=strength,
        size_px=size,
        keep_colors=keep_colors,
        region=cast(Region, region),
        face_detail=face_detail,
        face_strength=face_strength,
        max_faces=max_faces,
        smooth=smooth,
    )
    mode = starting.parse_mode(resolution, rate)
    device = check_device(device)
    with starting.Loader(
        starting.Start(camera, mode, controls, asked, generator, backend, face_range)
    ) as loader:
        from rtstyle.capture.live import open_live

        source = open_live(camera, mode, exclude=device)
        ready = loader.finish(source)
    session = open_session(ready, float(rate), device, quiet=quiet)
    started = time.monotonic()
    with starting.stopping_on_signals(session) as codes, starting.closing(session):
        session.start()
        with starting.limited_to(seconds, session):
            starting.wait_for_end(session)
    facts = starting.report(
        session, time.monotonic() - started, {"device": device, "interrupted": bool(codes)}
    )
    starting.say(facts, as_json=as_json, quiet=quiet)
    if codes:
        raise typer.Exit(codes[0])


def check_device(device: str | None) -> str | None:
    """The device to feed, checked before anything else starts; None where the system has none.

    Raises:
        DeviceError: see `rtstyle.sink.loopback`.
    """
    if not sys.platform.startswith("linux"):
        return device
    from rtstyle.sink.loopback import find_loopback

    return find_loopback(device).device


def open_session(
    ready: starting.Started, rate: float, device: str | None, *, quiet: bool
) -> Session:
    """A session whose only sink is the virtual camera.

    Raises:
        DeviceError: it cannot be opened; the source is closed.
    """
    from rtstyle.desk import Desk
    from rtstyle.live import Session
    from rtstyle.sink.virtual_camera import VirtualCamera, VirtualCameraOptions

    source = ready.source
    session = Session(source, ready.pipeline, Desk(ready.controls, ready.pipeline.bank.names))
    options = VirtualCameraOptions(
        source.info.width,
        source.info.height,
        rate,
        device,
        on_sent=session.shown,
        on_watched=lambda is_watched: rest(source, is_watched),
    )
    try:
        output = VirtualCamera(options)
    except BaseException:
        source.close()
        raise
    session.add_sink(output, is_vital=True)
    if not quiet:
        if output.warning:
            print(output.warning, file=sys.stderr)
        size = f"{output.width}x{output.height}"
        print(f"feeding {output.device}, {size} at {rate:g} fps; Ctrl-C ends it", file=sys.stderr)
    return session


def rest(source: SteadySource, is_watched: bool) -> None:
    """Let go of the camera while nobody watches."""
    if is_watched:
        source.resume()
    else:
        source.pause()
