"""Errors of training that a user can mend; the command line prints them without a traceback."""

from __future__ import annotations


class TrainError(Exception):
    """What went wrong, why, and what to do, in at most three lines."""
