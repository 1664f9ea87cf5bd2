"""The command line of training: `python -m train` in a checkout, `rtstyle train` everywhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rtstyle.errors import RtstyleError

from .cli import app
from .errors import TrainError, missing_extra

INTERRUPTED = 130


def run(arguments: Sequence[str] | None, program: str, *, is_whole_program: bool = False) -> None:
    """Run a command; without arguments, the one of the process.

    Raises:
        RtstyleError: anything that a user can mend.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    try:
        code = app(arguments, prog_name=program, standalone_mode=is_whole_program)
    except ModuleNotFoundError as error:
        if explained := missing_extra(error):
            raise explained from None
        raise
    except OSError as error:
        if error.errno is None:
            raise
        what = f"cannot use {error.filename}" if error.filename else "cannot read or write"
        raise TrainError(what, error.strerror or str(error)) from error
    if code == INTERRUPTED:  # as typer tells it where it does not end the program
        raise KeyboardInterrupt


def main() -> None:
    """`python -m train`; errors that a user can mend are printed without a traceback."""
    try:
        run(None, "python -m train", is_whole_program=True)
    except RtstyleError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
