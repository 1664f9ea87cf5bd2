"""Rules that hold for every test: no thread is left behind; on a GPU machine no GPU test skips."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator, Iterator

import pytest

THREAD_GRACE_SECONDS = 2.0
"""How long a thread that was told to end may take to do so."""

LIBRARY_THREADS = ("pytest_timeout", "ThreadPoolExecutor", "tqdm_monitor")
"""Beginnings of names of threads that libraries keep for the life of the process."""


def pytest_configure() -> None:
    """Hear Ctrl-C also where a shell started the tests in the background, which ignores it for them
    and for every process that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def leftover_threads(before: set[threading.Thread]) -> list[str]:
    """Names of threads that were started since and still run after the grace."""
    deadline = time.monotonic() + THREAD_GRACE_SECONDS
    started = [
        thread
        for thread in threading.enumerate()
        if thread not in before and not thread.name.startswith(LIBRARY_THREADS)
    ]
    for thread in started:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in started if thread.is_alive()]


@pytest.fixture(autouse=True)
def _no_thread_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = leftover_threads(before)
    if left:
        pytest.fail(f"the test left threads behind: {', '.join(left)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    must_run = os.environ.get("FAIL_WITHOUT_GPU") == "1" and item.get_closest_marker("gpu")
    if must_run and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"FAIL_WITHOUT_GPU=1, but this GPU test was skipped: {report.longrepr}"
    return report
