"""`rtstyle live`: oneself painted, in a window."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rtstyle.controls import Compare
from rtstyle.errors import SinkError

from . import displays, starting, styling

if TYPE_CHECKING:
    from rtstyle.keyboard import Keyboard
    from rtstyle.live import Session


def live(
    source: starting.CameraOptions,
    look: starting.LiveLook,
    options: styling.RunOptions,
    compare: Annotated[
        str, typer.Option(help="off, split, side-by-side, or before (unpainted).")
    ] = "off",
    record: Annotated[
        Path | None, typer.Option(help="Record to this file (.mkv survives a crash).")
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where the keys R and P put recordings and pictures.")
    ] = Path(),
    figures: Annotated[
        bool, typer.Option("--figures", help="Show figures from the start.")
    ] = False,
    window: Annotated[
        str, typer.Option(help="qt, highgui, none, or auto: Qt where it is installed.")
    ] = "auto",
    overwrite: styling.OverwriteOption = False,
) -> None:
    """See yourself painted, live. H in the window lists the keys."""
    if not folder.is_dir():
        raise SinkError(f"the folder {folder} does not exist", fix="make it first")
    kind = displays.choose_window(window, records=record is not None, quiet=options.quiet)
    shown = cast(Compare, starting.one_of(compare, Compare, "--compare"))
    controls = look.controls(compare=shown, has_keys=kind != "none")
    start = starting.Start(source, look, options, controls)
    session, keyboard = open_session(start, kind, folder)
    keyboard.shows_figures = figures
    started = time.monotonic()
    with starting.stopping_on_signals(session) as codes, starting.closing(session, keyboard.takes):
        for line in keyboard.takes.recover():
            if not options.quiet:
                print(f"note: {line}", file=sys.stderr)
        if record is not None:
            keyboard.takes.record(record, overwrite=overwrite, is_vital=kind == "none")
        run(session, keyboard, kind, start)
    facts = starting.report(
        session,
        time.monotonic() - started,
        {
            "recordings": [str(path) for path in keyboard.takes.recordings],
            "pictures": [str(path) for path in keyboard.takes.pictures],
            "interrupted": bool(codes),
        },
    )
    starting.say(facts, as_json=options.as_json, quiet=options.quiet)
    if keyboard.takes.errors:
        raise keyboard.takes.errors[0]
    if codes:
        raise typer.Exit(codes[0])


def open_session(start: starting.Start, kind: str, folder: Path) -> tuple[Session, Keyboard]:
    """Camera, window toolkit and engine side by side: the first picture comes the sooner."""
    from rtstyle.capture.live import open_live

    mode = start.source.mode
    with starting.Loader(start) as loader:
        source = open_live(start.source.camera, mode)
        displays.load_window(kind)
        ready = loader.finish(source)
    from rtstyle.desk import Desk
    from rtstyle.keyboard import Keyboard
    from rtstyle.live import Session
    from rtstyle.takes import Takes

    session = Session(
        source,
        ready.pipeline,
        Desk(ready.controls, ready.pipeline.bank.names),
        draws_split=kind != "none",
    )
    ready.watch(session, quiet=start.options.quiet)
    return session, Keyboard(session, Takes(session, folder))


def run(session: Session, keyboard: Keyboard, kind: str, start: starting.Start) -> None:
    """Until the window is closed, the session ends, the time is over or a signal comes."""
    window = displays.make_window(kind, keyboard)
    if window is not None:
        session.add_sink(window)
    session.start()
    with starting.limited_to(start.source.seconds, session):
        if window is None:
            starting.wait_for_end(session, quiet=start.options.quiet)
        else:
            window.run()
