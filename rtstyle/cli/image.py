"""`rtstyle image`."""

from __future__ import annotations


def image() -> None:
    """To be written."""
