"""What stands between this machine and TensorRT: driver, card, torch, libraries, memory."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..finding import Finding

TOPIC = "NVIDIA"
QUERY = ("index", "name", "driver_version", "compute_cap", "memory.total", "memory.free")
MIN_DRIVER = {12: 535, 13: 580}
"""Least major version of the driver for each major version of CUDA (TensorRT's prerequisites)."""
RTX_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
BASE_MIB, BYTES_PER_PIXEL = 900, 400
"""Rough need of CUDA, TensorRT and two frames in flight; assumed, not measured on a GPU."""

Run = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Gpu:
    """A card as nvidia-smi sees it; memory in MiB."""

    index: int
    name: str
    driver: str
    compute_capability: tuple[int, int]
    memory_total_mib: int
    memory_free_mib: int

    @property
    def target(self) -> str:
        """Compute capability as TensorRT writes it, like "sm86"."""
        return "sm{}{}".format(*self.compute_capability)

    @property
    def driver_major(self) -> int:
        return int(self.driver.split(".")[0])


@dataclass(frozen=True)
class Machine:
    """The facts that `findings` judges.

    `gpu_error` is why no GPU was listed; `torch_cuda` the CUDA version that torch was built for,
    empty for a CPU build, None where torch is not installed. `libraries` holds the version of each
    TensorRT that can be imported, `broken` what the import of an installed one said.
    """

    gpus: tuple[Gpu, ...] = ()
    gpu_error: str = ""
    torch_cuda: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def nvidia_findings(
    gpu: int | None = None, size_hw: tuple[int, int] = (720, 1280)
) -> list[Finding]:
    """What `rtstyle doctor` says of TensorRT on this machine, for frames of that size.

    Raises:
        UsageError: no `gpu` is given, and RTSTYLE_GPU is no number.
    """
    from . import GpuOptions

    return findings(look(), GpuOptions.from_environment().gpu if gpu is None else gpu, size_hw)


def may_use(library: str) -> str:
    """Why `library` cannot run here, as far as can be told without an import; empty if it may."""
    if importlib.util.find_spec(library.replace("-", "_")) is None:
        return f"not installed (pip install 'rtstyle[{library}]')"
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    return "" if driver_version() else "no NVIDIA driver"


def driver_version() -> str:
    """Version of the NVIDIA driver; empty without one."""
    try:
        return Path("/sys/module/nvidia/version").read_text().strip()
    except OSError:
        gpus, _ = query_gpus()
        return gpus[0].driver if gpus else ""


def run_command(command: Sequence[str]) -> str:
    """Output of a command.

    Raises:
        OSError: no such command. subprocess.SubprocessError: it failed or took too long.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout


def query_gpus(run: Run = run_command) -> tuple[tuple[Gpu, ...], str]:
    """The cards that nvidia-smi lists, or none and the reason."""
    try:
        output = run(
            ["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"]
        )
    except FileNotFoundError:
        return (), "no NVIDIA driver (nvidia-smi is missing)"
    except subprocess.CalledProcessError as error:
        said = (error.stdout or error.stderr or "").strip().splitlines()
        return (), said[0] if said else f"nvidia-smi failed with exit code {error.returncode}"
    except (OSError, subprocess.SubprocessError) as error:
        return (), f"nvidia-smi failed: {error}"
    rows = [[cell.strip() for cell in row] for row in csv.reader(output.splitlines()) if row]
    gpus = tuple(gpu for gpu in map(_parse_gpu, rows) if gpu is not None)
    return gpus, "" if gpus else "nvidia-smi lists no card"


def look() -> Machine:
    """Gather the facts; imports torch and TensorRT only where there is a card."""
    gpus, error = query_gpus()
    if not gpus:
        return Machine(gpu_error=error)
    libraries: dict[str, str] = {}
    broken: dict[str, str] = {}
    for name in ("tensorrt", "tensorrt-rtx"):
        module = name.replace("-", "_")
        if importlib.util.find_spec(module) is None:
            continue
        try:
            libraries[name] = str(importlib.import_module(module).__version__)
        except Exception as reason:  # missing shared libraries raise OSError or RuntimeError
            broken[name] = " ".join(str(reason).split())[:160]
    return Machine(gpus, "", _torch_cuda(), libraries, broken)


def findings(machine: Machine, gpu: int, size_hw: tuple[int, int]) -> list[Finding]:
    """Judge the facts: the first thing that stands in the way comes with its remedy."""
    if not machine.gpus:
        without_card = "missing" in machine.gpu_error or "no card" in machine.gpu_error
        fix = "" if without_card else "install the driver again, or restart the computer"
        text = f"{machine.gpu_error}; OpenVINO runs on the CPU"
        return [Finding(TOPIC, "ok" if without_card else "warn", text, fix)]
    found = [_several(machine, gpu)] if len(machine.gpus) > 1 else []
    chosen = next((card for card in machine.gpus if card.index == gpu), None)
    if chosen is None:
        numbers = ", ".join(str(card.index) for card in machine.gpus)
        text = f"there is no GPU {gpu}; --gpu takes one of: {numbers}"
        return [*found, Finding(TOPIC, "warn", text)]
    card = f"GPU {chosen.index}: {chosen.name}, {chosen.target}, driver {chosen.driver}"
    blocked = _card(machine, chosen) or _software(machine, chosen)
    if blocked is not None:
        return [*found, Finding(TOPIC, "ok", card), blocked]
    names = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    found.append(Finding(TOPIC, "ok", f"{card}; {names}"))
    short = _memory(chosen, size_hw)
    return [*found, short] if short else found


def _several(machine: Machine, gpu: int) -> Finding:
    names = ", ".join(f"{card.index} {card.name}" for card in machine.gpus)
    return Finding(
        TOPIC, "ok", f"several GPUs: {names}; number {gpu} is used (another: rtstyle --gpu N)"
    )


def _card(machine: Machine, gpu: Gpu) -> Finding | None:
    if gpu.compute_capability >= (7, 5):
        return None
    other = next((card for card in machine.gpus if card.compute_capability >= (7, 5)), None)
    text = f"{gpu.name} ({gpu.target}) is too old for TensorRT, which needs sm75 (Turing) or newer"
    fix = f"rtstyle --gpu {other.index} ... ({other.name})" if other else ""
    return Finding(TOPIC, "warn", f"{text}; OpenVINO runs on the CPU", fix)


def _software(machine: Machine, gpu: Gpu) -> Finding | None:
    """The first piece of software that is missing, broken or of the wrong kind."""
    if machine.broken and not machine.libraries:
        name, reason = next(iter(machine.broken.items()))
        fix = f"pip install --force-reinstall 'rtstyle[{name}]'"
        return Finding(TOPIC, "warn", f"{name} cannot be imported: {reason}", fix)
    if not machine.libraries or machine.torch_cuda is None:
        missing = "torch" if machine.libraries else "TensorRT"
        text = f"{missing} is not installed, OpenVINO runs on the CPU"
        return Finding(TOPIC, "warn", text, install_line(gpu))
    if not machine.torch_cuda:
        text = "torch is a CPU build, which TensorRT cannot use"
        fix = "pip uninstall torch, then install a CUDA build of it (see the selector of PyTorch)"
        return Finding(TOPIC, "warn", text, fix)
    needed = MIN_DRIVER.get(int(machine.torch_cuda.split(".")[0]), 0)
    if gpu.driver_major < needed:
        text = f"driver {gpu.driver} is too old for CUDA {machine.torch_cuda}, which torch uses"
        return Finding(TOPIC, "warn", text, f"update the NVIDIA driver to {needed} or newer")
    if set(machine.libraries) == {"tensorrt-rtx"} and gpu.target not in RTX_TARGETS:
        text = f"tensorrt-rtx does not know {gpu.name} ({gpu.target})"
        return Finding(TOPIC, "warn", text, "pip install 'rtstyle[tensorrt]'")
    return None


def install_line(gpu: Gpu, platform: str = sys.platform) -> str:
    """What to type for TensorRT on this system, card and driver (`platform` as in `sys`)."""
    before = []
    if gpu.driver_major < MIN_DRIVER[13]:
        before.append(f"update the NVIDIA driver to {MIN_DRIVER[13]} or newer")
    if platform == "win32":  # where torch comes without CUDA, and quotes are double
        before.append("install a CUDA build of torch (see the selector of PyTorch)")
        return ", then: ".join([*before, 'pip install "rtstyle[tensorrt]"'])
    return ", then: ".join([*before, "pip install 'rtstyle[tensorrt]'"])


def _memory(gpu: Gpu, size_hw: tuple[int, int]) -> Finding | None:
    needed = BASE_MIB + size_hw[0] * size_hw[1] * BYTES_PER_PIXEL // 2**20
    if gpu.memory_free_mib >= needed:
        return None
    text = (
        f"{gpu.memory_free_mib} of {gpu.memory_total_mib} MiB of GPU memory are free, "
        f"{size_hw[1]}x{size_hw[0]} needs about {needed}"
    )
    return Finding(TOPIC, "warn", text, "close programs that use the GPU, or use a smaller --size")


def _parse_gpu(row: Sequence[str]) -> Gpu | None:
    try:
        index, name, driver, capability, total, free = row
        major, minor = capability.split(".")
        numbers = (int(major), int(minor))
        return Gpu(int(index), name, driver, numbers, int(float(total)), int(float(free)))
    except ValueError:  # a card that nvidia-smi says "[N/A]" or "[Unknown Error]" of
        return None


def _torch_cuda() -> str | None:
    """CUDA version of the installed torch; empty for a CPU build, None without torch."""
    try:
        importlib.metadata.version("torch")
        import torch
    except Exception:  # a torch that cannot be imported is as good as none
        return None
    return torch.version.cuda or ""
