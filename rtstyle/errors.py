"""Everything that a user can be told: what went wrong, why, and what to do next."""

from __future__ import annotations


class RtstyleError(Exception):
    """An error with a message of at most three lines and the exit code of the command line.

    Args:
        what: what went wrong, naming the file, style or device.
        why: the cause, where it is known.
        fix: what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        # What a library says may have lines of its own.
        self.what, self.why, self.fix = (" ".join(text.splitlines()) for text in (what, why, fix))
        super().__init__("\n".join(line for line in (self.what, self.why, self.fix) if line))


class UsageError(RtstyleError):
    """Options that contradict each other or are out of range."""

    exit_code = 2


class SourceError(RtstyleError):
    """An input that cannot be read, or whose pictures cannot be decoded."""

    exit_code = 3


class SinkError(RtstyleError):
    """An output that cannot be written."""

    exit_code = 4


class DeviceError(RtstyleError):
    """A camera or virtual camera that is absent, busy, forbidden or lost."""

    exit_code = 5


class EngineError(RtstyleError):
    """A generator or backend that cannot be loaded, compiled or run."""

    exit_code = 6


class StyleError(RtstyleError):
    """An unknown style, a damaged style file, or one that does not fit the generator."""

    exit_code = 6
