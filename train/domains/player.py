"""One side of a training: a network, and the losses that it learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, eq=False)
class Player:
    """A network and its objective; adversaries are two players that take turns.

    `objective` turns a `Batch` into loss terms by name. What of it requires gradients belongs to
    `net`, so that DistributedDataParallel can watch over it as a whole: one forward, one backward,
    however often the network is used in between. `factors` weigh the terms; `rate_share` is the
    learning rate relative to the recipe's.
    """

    name: str
    net: nn.Module
    objective: nn.Module
    factors: Mapping[str, float]
    rate_share: float = 1.0
