"""`rtstyle camera`: oneself painted, as the camera of a call."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from . import starting, styling

if TYPE_CHECKING:
    from rtstyle.capture.steady import SteadySource
    from rtstyle.live import Session


def camera(
    source: starting.CameraOptions,
    look: starting.LiveLook,
    options: styling.RunOptions,
    device: Annotated[
        str | None,
        typer.Option(
            help="Virtual camera to feed, like /dev/video10.",
            show_default="the one labelled rtstyle, or the first",
        ),
    ] = None,
) -> None:
    """Be the painted camera of a call; your camera rests while nobody watches (Linux)."""
    start = starting.Start(source, look, options, look.controls())
    mode = source.mode
    device = check_device(device)
    with starting.Loader(start) as loader:
        from rtstyle.capture.live import open_live

        opened = open_live(source.camera, mode, exclude=device)
        ready = loader.finish(opened)
    session = open_session(ready, float(source.rate), device, quiet=options.quiet)
    started = time.monotonic()
    with starting.stopping_on_signals(session) as codes, starting.closing(session):
        session.start()
        with starting.limited_to(source.seconds, session):
            starting.wait_for_end(session, quiet=options.quiet)
    facts = starting.report(
        session, time.monotonic() - started, {"device": device, "interrupted": bool(codes)}
    )
    starting.say(facts, as_json=options.as_json, quiet=options.quiet)
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
    ready.watch(session, quiet=quiet)
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
