"""Memory is written over again, and never by two at a time."""

from __future__ import annotations

import numpy as np

from rtstyle.temporal.scratch import Pool, Scratch


def test_an_array_is_the_same_memory_until_more_is_needed() -> None:
    scratch = Scratch()
    large = scratch.array("a", (4, 6, 2))
    assert large.shape == (4, 6, 2) and large.dtype == np.float32
    small = scratch.array("a", (3, 5))
    assert small.shape == (3, 5) and np.shares_memory(small, large)
    assert not np.shares_memory(scratch.array("b", (3, 5)), large)
    larger = scratch.array("a", (10, 10), np.float32)
    assert larger.shape == (10, 10) and not np.shares_memory(larger, large)
    in_bytes = scratch.array("a", (2, 2), np.uint8)
    assert in_bytes.dtype == np.uint8 and not np.shares_memory(in_bytes, larger)
    assert np.shares_memory(scratch.array("a", (2, 2)), larger)


def test_a_pool_hands_out_again_what_nobody_uses() -> None:
    pool = Pool(Scratch)
    with pool.one() as first, pool.one() as second:
        assert first is not second
    with pool.one() as again:
        assert again in (first, second)
