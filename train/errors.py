"""Errors of training that a user can mend; the command line prints them without a traceback."""

from __future__ import annotations

from rtstyle.errors import EngineError, RtstyleError

EXTRA_PACKAGES = {"onnx", "sklearn", "tensorboard", "torch", "torchvision"}
"""What the extra `train` brings, by the names under which it is imported."""


class TrainError(RtstyleError):
    """What went wrong, why, and what to do, in at most three lines."""

    exit_code = 2


def missing_extra(error: ModuleNotFoundError) -> EngineError | None:
    """The error to show where a package of the extra `train` is missing; None if it is another."""
    package = (error.name or "").split(".")[0]
    if package not in EXTRA_PACKAGES:
        return None
    return EngineError(
        "training needs packages that rtstyle itself does without",
        f"{package} is not installed",
        "run: pip install 'rtstyle[train]'",
    )


def check_name(name: str) -> None:
    """See that files can have the name of a generator or of a style.

    Raises:
        TrainError: they cannot.
    """
    if name in ("", ".", "..") or set(name) & set("/\\\0"):
        raise TrainError(f"'{name}' is no name for a file", "give one without slashes")
