"""Tells whether any program reads a virtual camera, from the kernel's open and close events."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import threading
import time
from pathlib import Path

from ..devices import users_of

IN_OPEN, IN_CLOSE = 0x20, 0x08 | 0x10
EVENT = struct.Struct("iIII")
IDLE_SECONDS = 15.0
"""So long without a reader means that nobody watches; a call may open and close a few times."""
READING_SECONDS = 0.3
"""Programs that only list cameras close them sooner than this."""


class ReaderWatch:
    """Counts the programs that have a file open, from now on (Linux).

    `num_before` are those that had it open already. `is_read` is True where nothing can be known.
    A thread takes the events at once, since the kernel merges equal ones that wait.

    Raises:
        FileNotFoundError: no such file.
    """

    def __init__(self, device: str, num_before: int = 0) -> None:
        self.device, self.num_readers = device, num_before
        self._is_read = True
        self._since_seconds = time.monotonic()
        self._fd = _watching(device)
        self._wake_fd, self._stop_fd = os.pipe()
        self._thread = threading.Thread(target=self._count, name="readers")
        if self._fd is not None:
            self._thread.start()

    @property
    def is_read(self) -> bool:
        """Whether someone reads, or did until a moment ago."""
        if self._fd is None:
            return True
        wait_seconds = IDLE_SECONDS if self._is_read else READING_SECONDS
        if (self.num_readers > 0) == self._is_read:
            self._since_seconds = time.monotonic()
        elif time.monotonic() - self._since_seconds >= wait_seconds:
            # The count may have missed one; what holds the device visibly is believed.
            self._is_read = self.num_readers > 0 or bool(users_of(Path(self.device)))
            self._since_seconds = time.monotonic()
        return self._is_read

    def close(self) -> None:
        """Stop watching; once."""
        os.close(self._stop_fd)
        if self._fd is not None:
            self._thread.join()
            os.close(self._fd)
            self._fd = None
        os.close(self._wake_fd)

    def _count(self) -> None:
        assert self._fd is not None
        while True:
            ready, _, _ = select.select([self._fd, self._wake_fd], [], [])
            if self._wake_fd in ready:
                return
            data, offset = os.read(self._fd, 65536), 0
            while offset + EVENT.size <= len(data):
                _, mask, _, length = EVENT.unpack_from(data, offset)
                offset += EVENT.size + length
                step = bool(mask & IN_OPEN) - bool(mask & IN_CLOSE)
                self.num_readers = max(0, self.num_readers + step)


def _watching(device: str) -> int | None:
    """File descriptor of the kernel's watch on a file; None where there is no such thing."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    except (AttributeError, OSError, TypeError):
        return None
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(device), IN_OPEN | IN_CLOSE) < 0:
        os.close(fd)
        if ctypes.get_errno() == errno.ENOENT:
            raise FileNotFoundError(device)
        return None
    return fd
