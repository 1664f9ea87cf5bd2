"""What is installed: system, packages, OpenCV's builds, the privacy switches, the cache."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from contextlib import suppress
from importlib import metadata

from ..finding import Finding
from ..machine import PACKAGES, Machine, package_versions, this_machine

OPENCV_BUILDS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def machine(this: Machine | None = None) -> list[Finding]:
    """System, Python, processor, memory."""
    this = this or this_machine()
    found = [Finding("system", "ok", this.system), Finding("python", "ok", this.python)]
    found.append(_processor(this))
    if this.memory_gib:
        level = "ok" if this.memory_gib >= 2 else "warn"
        found.append(Finding("memory", level, f"{this.memory_gib} GiB"))
    return found


def _processor(this: Machine) -> Finding:
    text = f"{this.cpu}, {this.num_cores} core{'s' if this.num_cores > 1 else ''}"
    flags = set(this.cpu_flags)
    if not flags and not re.search(r"Linux .*x86_64", this.system):  # only Linux says what it has
        return Finding("processor", "ok", text)
    text += f": {', '.join(this.cpu_flags)}" if flags else ""
    if not flags & {"avx2", "asimd"}:
        return Finding("processor", "warn", f"{text} (no AVX2: painting will be slow)")
    if not flags & {"avx512_bf16", "amx_bf16", "bf16"}:
        text += " (no bfloat16 instructions: float32, nearly twice the time)"
    return Finding("processor", "ok", text)


def packages() -> list[Finding]:
    """Whether what rtstyle needs is installed and can be imported."""
    versions = package_versions()
    text = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    found = [Finding("packages", "ok", text)]
    for name in PACKAGES:
        if versions[name] is None and name != "opencv-contrib-python":
            fix = f"pip install '{required(name)}'"
            found.append(Finding("packages", "warn", f"{name} is missing", fix))
    return found


def opencv_builds(installed: dict[str, str | None] | None = None) -> list[Finding]:
    """OpenCV's builds share the folder `cv2`: two of different versions are one broken mixture."""
    versions = package_versions(OPENCV_BUILDS) if installed is None else installed
    builds = {name: version for name, version in versions.items() if version}
    names = ", ".join(f"{name} {version}" for name, version in builds.items())
    again = "pip install --force-reinstall --no-deps opencv-contrib-python"
    if not builds:
        return [Finding("opencv", "fail", "OpenCV is missing", again)]
    if len(builds) == 1:
        return [Finding("opencv", "ok", f"one build: {names}")]
    fix = f"pip uninstall -y {' '.join(builds)} && {again}"
    if len(set(builds.values())) > 1:
        return [Finding("opencv", "fail", f"builds that overwrite each other: {names}", fix)]
    return [Finding("opencv", "warn", f"several builds of one version: {names}", fix)]


def privacy() -> list[Finding]:
    """The usage reports of the libraries underneath, which rtstyle switches off."""
    quiet = os.environ.get("ORT_DISABLE_TELEMETRY") == "1"
    quiet = quiet and sys.modules.get("openvino_telemetry", True) is None
    if not quiet:
        text = "ONNX Runtime or OpenVINO may report usage: they were imported before rtstyle"
        return [Finding("privacy", "fail", text, "import rtstyle first")]
    version = package_versions(("mediapipe",))["mediapipe"] or "0.10.31"
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers >= (0, 10, 35):
        text = f"MediaPipe {version} reports usage to its maker"
        return [Finding("privacy", "warn", text, f"pip install '{required('mediapipe')}'")]
    return [Finding("privacy", "ok", "usage reports of all libraries are off; nothing is sent")]


def cache_folder() -> list[Finding]:
    """Where compiled engines lie, how much they take, how much room there is."""
    import platformdirs

    folder = platformdirs.user_cache_path("rtstyle")
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # a run puts its engines there meanwhile
            if stat.S_ISREG((status := path.stat()).st_mode):
                sizes.append(status.st_size)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    text = f"{folder}: {sum(sizes) / 1e6:.0f} MB in {len(sizes)} files, {free_gb:.0f} GB free"
    return [Finding("cache", "ok" if free_gb > 1 else "warn", text)]


def required(name: str) -> str:
    """A dependency with the versions that rtstyle takes, as pip is told."""
    try:
        lines = metadata.requires("rtstyle") or []
    except metadata.PackageNotFoundError:
        return name
    return next((line for line in lines if re.match(rf"{name}\b", line, re.I)), name)
