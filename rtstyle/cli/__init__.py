"""The command line: one file per command; the only place that prints or exits.

`--help` imports nothing heavy: commands import what they run inside their functions.
"""

from __future__ import annotations

import errno
import logging
import os
import sys

import typer

from rtstyle import __version__
from rtstyle.errors import RtstyleError, SinkError

from . import batch, camera, cameras, demo, doctor, engines, image, live, styles, train, video
from .grouped import grouped

WRITE_FIXES = {errno.ENAMETOOLONG: "give a shorter name", errno.ENOSPC: "make room there"}
"""What to do where a system refuses names or bytes, of a file or of stdout."""

app = typer.Typer(
    name="rtstyle",
    help="See yourself painted: in a video file, live in a window, or as the camera of a call.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks and what is decided."),
    gpu: int | None = typer.Option(
        None, "--gpu", min=0, help="Number of the NVIDIA GPU to use, as nvidia-smi counts."
    ),
) -> None:
    """See yourself painted: in a video file, live in a window, or as the camera of a call."""
    if version:
        print(f"rtstyle {__version__}")
        raise typer.Exit
    if gpu is not None:
        os.environ["RTSTYLE_GPU"] = str(gpu)
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(name)s: %(message)s",
        stream=sys.stderr,
    )


app.command()(grouped(video.video))
app.command()(grouped(batch.batch))
app.command()(grouped(image.image))
app.command()(grouped(live.live))
app.command()(grouped(camera.camera))
app.command()(cameras.cameras)
app.add_typer(styles.app, name="styles")
app.command(context_settings=train.SETTINGS)(train.train)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.add_typer(engines.app, name="engines")


def main() -> None:
    """Run the command line; an error is at most three lines and an exit code, see DESIGN.md."""
    debug = "--debug" in sys.argv
    if sys.stderr is None:  # the caller closed it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        app()
    except RtstyleError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in WRITE_FIXES:
            fix = WRITE_FIXES[error.errno]
            print(f"error: cannot write\n{error.strerror}\n{fix}", file=sys.stderr)
            raise SystemExit(SinkError.exit_code) from None
        kind = type(error).__name__
        print(
            f"error: rtstyle failed: {kind}: {str(error).splitlines()[0] if str(error) else ''}\n"
            "this is a fault of rtstyle, not yours\n"
            "run the command again as: rtstyle --debug ... and report what it prints",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
