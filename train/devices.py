"""What training computes on, and how precisely."""

from __future__ import annotations

import torch

from rtstyle.machine import this_machine


def best_device() -> torch.device:
    """The GPU where torch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> torch.autocast:
    """Inside it convolutions are computed in bfloat16 where that is faster than float32.

    A device without instructions for it only imitates it: that takes many times as long.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=_has_bfloat16(device))


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any("bf16" in flag for flag in this_machine().cpu_flags)
