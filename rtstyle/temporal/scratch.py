"""Memory and tools that are used again: new memory takes longer to get than to fill."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

T = TypeVar("T")


class Scratch:
    """Arrays by name and type, to be written over each time."""

    def __init__(self) -> None:
        self._memory: dict[tuple[str, np.dtype[Any]], NDArray[Any]] = {}

    def array(
        self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float32
    ) -> NDArray[Any]:
        """An array to be used until the next one of that name and type is asked for."""
        key, num = (name, np.dtype(dtype)), math.prod(shape)
        if key not in self._memory or self._memory[key].size < num:
            self._memory[key] = np.empty(num, dtype)
        return self._memory[key][:num].reshape(shape)


class Pool(Generic[T]):
    """As many of a kind as are used at the same time, made by `make`."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._free: list[T] = []

    @contextmanager
    def one(self) -> Iterator[T]:
        """One that nobody uses meanwhile."""
        try:
            taken = self._free.pop()
        except IndexError:
            taken = self._make()
        yield taken
        self._free.append(taken)
