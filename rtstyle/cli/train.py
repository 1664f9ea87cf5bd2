"""`rtstyle train`: hands over to the command line of `train/`, which the extra `train` needs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import typer

import rtstyle

SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""For typer: every argument goes on as it is, `--help` too."""


def train(context: typer.Context) -> None:
    """Make a style of your own from a painting (needs the extra `train`)."""
    # In the wheel the training code lies inside the package; in a checkout, beside it.
    inside = (Path(rtstyle.__file__).parent / "train").is_dir()
    name = "rtstyle.train.__main__" if inside else "train.__main__"
    import_module(name).run(context.args, "rtstyle train")
