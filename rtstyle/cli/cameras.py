"""`rtstyle cameras`: the cameras of this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from . import styling

SCHEMA = 1


def cameras(as_json: styling.JSONOption = False) -> None:
    """List the cameras by name; none of them is switched on for it."""
    from rtstyle.capture.cameras import list_cameras

    found = list_cameras()
    if as_json:
        print(json.dumps({"schema": SCHEMA, "cameras": [asdict(each) for each in found]}, indent=2))
        return
    for each in found:
        print(f"{each}{'  (virtual)' if each.is_virtual else ''}")
    if not found:
        print(
            "no camera found; --camera also takes a video file, a URL, or: synthetic",
            file=sys.stderr,
        )
