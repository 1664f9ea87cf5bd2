"""`rtstyle video`."""

from __future__ import annotations


def video() -> None:
    """To be written."""
