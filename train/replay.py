"""Work for a GPU as one CUDA graph.

A training step launches about 2,000 kernels, which takes the processor longer than the GPU takes to
run them. https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP_CALLS = 3
"""So many calls choose algorithms and allocate what stays, before one is recorded."""


class Replayed:
    """A function of tensors on a GPU that is recorded once and replayed from then on.

    Every call is the function's work done once. Inputs keep their shapes (None stays None), and
    nothing in the function may depend on a value on the GPU or copy from the host. The result is
    overwritten by the next call.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._num_calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor | None] = []
        self._result = torch.empty(0)

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        self._num_calls += 1
        if self._num_calls <= WARM_UP_CALLS:
            return self._on_a_side_stream(inputs)
        if self._graph is None:
            self._inputs = [None if each is None else each.clone() for each in inputs]
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._result = self._function(*self._inputs)
        for mine, given in zip(self._inputs, inputs, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given)
        self._graph.replay()
        return self._result

    def _on_a_side_stream(self, inputs: tuple[Tensor | None, ...]) -> Tensor:
        """As recording does it, so that nothing is set up on a stream that it cannot use."""
        current, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            result = self._function(*inputs)
        current.wait_stream(side)
        return result
