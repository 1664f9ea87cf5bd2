"""One process, or several that train together under `torchrun`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Process:
    """This process among `count`; the first (`rank` 0) writes what all have learned."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def together(self, module: nn.Module) -> nn.Module:
        """The module, its gradients averaged over all processes.

        Buffers are left to each: those of spectral norms are the same everywhere as they are, and
        to replace them between forward and backward would break the gradients.
        """
        if self.count == 1:
            return module
        return DistributedDataParallel(module, broadcast_buffers=False)


@contextmanager
def joined() -> Iterator[Process]:
    """This process, joined with the others if `torchrun` started it: NCCL on GPUs, else gloo."""
    has_gpu = torch.cuda.is_available()
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield Process(torch.device("cuda" if has_gpu else "cpu"))
        return
    local = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", local) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield Process(device, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
