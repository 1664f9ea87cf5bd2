"""`python -m rtstyle`, and what the command `rtstyle` runs."""

import signal


def run() -> None:
    """Load the command line and run it; Ctrl-C ends both without a traceback."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from rtstyle.cli import main

    signal.signal(signal.SIGINT, before)
    main()


if __name__ == "__main__":
    run()
