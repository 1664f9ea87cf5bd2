"""`rtstyle styles`."""

from __future__ import annotations


def styles() -> None:
    """To be written."""
