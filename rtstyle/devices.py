"""Who else has a device open, as far as Linux tells; both cameras and virtual cameras ask."""

from __future__ import annotations

import glob
import os
from pathlib import Path


def users_of(device: Path, root: Path = Path("/")) -> list[str]:
    """Names of other processes that have a device file open, as far as this user may see them."""
    names: set[str] = set()
    # Unlike that of `Path`, this glob goes on past processes that end meanwhile.
    for link in glob.iglob(str(root / "proc/[0-9]*/fd/*")):
        process = Path(link).parent.parent
        try:
            if os.readlink(link) == str(device) and process.name != str(os.getpid()):
                names.add(f"{(process / 'comm').read_text().strip()} (process {process.name})")
        except OSError:
            continue
    return sorted(names)
