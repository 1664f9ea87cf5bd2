"""What this machine is: for `rtstyle doctor`, and for the figures that benchmarks write."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

USEFUL_FLAGS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve",
)  # fmt: skip
"""Instructions that speed up networks, as Linux calls them."""

PACKAGES = (
    "av",
    "mediapipe",
    "numpy",
    "onnxruntime",
    "opencv-contrib-python",
    "openvino",
    "Pillow",
)
"""Those of our dependencies that decide what works and how fast."""

GIB = 1 << 30
CGROUP = "/sys/fs/cgroup"
"""Where Linux tells what a container may use."""


@dataclass(frozen=True)
class Machine:
    """`num_cores` are those that this process may use; `cpu_flags` those of `USEFUL_FLAGS`.

    `memory_gib` is what this process may use, 0 where unknown.
    """

    system: str
    python: str
    cpu: str
    num_cores: int
    cpu_flags: tuple[str, ...]
    memory_gib: float


@cache
def this_machine() -> Machine:
    """The machine that this process runs on."""
    facts = _cpu_facts()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    return Machine(
        system=_system(),
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        cpu=facts.get("model name") or _cpu_name(),
        num_cores=num_cores(),
        cpu_flags=tuple(flag for flag in USEFUL_FLAGS if flag in flags),
        memory_gib=round(_memory_bytes() / GIB, 1),
    )


def num_cores() -> int:
    """CPU cores that this process may use; what a container may use of them is rounded up."""
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return min(cores, _quota_cores() or cores)


def package_versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str | None]:
    """Installed version of each package, None where it is missing."""
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    if sys.platform != "linux":
        return kernel
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def _cpu_facts() -> dict[str, str]:
    """Of the first core in Linux's /proc/cpuinfo; nothing elsewhere."""
    lines = _text("/proc/cpuinfo").split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_name() -> str:
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or platform.machine()
    return platform.processor() or platform.machine()


def _quota_cores() -> int:
    """What a container may use of the cores' time, in cores; 0 without a limit."""
    quota, _, period = _text(f"{CGROUP}/cpu.max").strip().partition(" ")
    if not quota:  # version 1 of cgroups
        parts = (f"{CGROUP}/cpu/cpu.cfs_{name}_us" for name in ("quota", "period"))
        quota, period = (_text(part).strip() for part in parts)
    limited = quota.isdigit() and period.isdigit()
    return math.ceil(int(quota) / int(period)) if limited else 0


def _memory_bytes() -> int:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0
    limit = _text(f"{CGROUP}/memory.max").strip()  # of a container
    return min(total, int(limit)) if limit.isdigit() else total


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
