"""The machine that a figure belongs to; stands in every file of benchmarks/results."""

from __future__ import annotations

import os
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rtstyle import __version__
from rtstyle.machine import PACKAGES, package_versions, this_machine

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

SLOWING = ("OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Settings that change how fast libraries run."""


def machine_facts() -> dict[str, Any]:
    """Processor, system, versions, and how busy the machine is at this moment."""
    return {
        **asdict(this_machine()),
        "gpu": _gpu_name(),
        "rtstyle": __version__,
        "commit": _output("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "packages": package_versions(PACKAGES),
        "environment": {name: os.environ[name] for name in SLOWING if name in os.environ},
        "load_average": load_average(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def load_average() -> list[float] | None:
    """Processes that wanted to run, mean of 1, 5 and 15 minutes; None where unknown."""
    if not hasattr(os, "getloadavg"):
        return None
    return [round(load, 2) for load in os.getloadavg()]


def _gpu_name() -> str | None:
    return _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def _output(*command: str) -> str | None:
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None
