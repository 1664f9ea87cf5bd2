"""`Finding`: one line of what `rtstyle doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    `level`: "ok"; "warn" where something is missing or slow, but rtstyle works; "fail" where it
    cannot. `topic` names the thing in a word or two, `text` says what was found, `fix` is the
    command that would mend it or make it faster, empty where there is nothing to do.
    """

    topic: str
    level: Level
    text: str
    fix: str = ""
