"""Keeps compiled plans in the user's cache folder.

A plan is code that runs on the GPU, so it is handled as such: the folder has mode 0700, and a file
is loaded only when the user owns it, nobody else can write to it, and it has the hash that its
sidecar names. The sidecar (JSON) also says what the plan was compiled from and for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError

logger = logging.getLogger(__name__)

SCHEMA = 1
SUFFIXES = (".plan", ".timing", ".kernels")
LOCK_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class PlanKey:
    """What a plan was compiled from and for; it fits only where all of it is the same.

    `gpu` and `driver` are empty for plans of TensorRT-RTX, which run on every GPU of the compute
    capability.
    """

    generator: str
    onnx_sha256: str
    library: str
    library_version: str
    compute_capability: str
    height_px: int
    width_px: int
    precision: str = "f16"
    gpu: str = ""
    driver: str = ""

    @property
    def stem(self) -> str:
        """Name of its files, without suffix: one for each generator, size, library and GPU."""
        size = f"{self.width_px}x{self.height_px}"
        parts = (self.generator, size, self.library, self.compute_capability, self.gpu)
        return "-".join(re.sub(r"[^a-z0-9]+", "_", part.lower()) for part in parts if part)

    def differences(self, recorded: dict[str, Any]) -> str:
        """What differs from a sidecar, in words; empty where it fits."""
        return ", ".join(
            f"{name.replace('_', ' ')} was {str(recorded.get(name))[:40]}, is {str(value)[:40]}"
            for name, value in asdict(self).items()
            if recorded.get(name) != value
        )


class Unusable(Exception):
    """Why a file is not loaded."""


@dataclass(frozen=True)
class CachedPlan:
    """One plan of a folder, for `rtstyle engines list`."""

    path: Path
    size_bytes: int
    facts: dict[str, Any]


class PlanCache:
    """Plans in a folder, made with mode 0700 when first needed (default: the user's cache)."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def load(self, key: PlanKey, suffix: str = ".plan") -> bytes | None:
        """The plan for `key`; None where there is none that fits, and the log says why."""
        path = self.folder / (key.stem + suffix)
        try:
            return _load(path, key)
        except FileNotFoundError:
            logger.info("no compiled %s in %s", path.name, self.folder)
        except (Unusable, OSError, ValueError) as reason:
            # Who waits for a compilation should know why; timings and kernels are made in passing.
            level = logging.WARNING if suffix == ".plan" else logging.INFO
            logger.log(level, "%s is compiled again: %s", path, reason)
        return None

    def store(self, key: PlanKey, data: bytes, suffix: str = ".plan") -> bool:
        """Keep a plan; a cache that cannot be written costs a compilation next time, not this one.

        Returns:
            Whether it was kept.
        """
        path = self.folder / (key.stem + suffix)
        facts = {"schema": SCHEMA, "sha256": hashlib.sha256(data).hexdigest(), **asdict(key)}
        try:
            self._make_folder()
            _replace(path, data)
            _replace(_sidecar(path), json.dumps(facts, indent=1).encode())
        except OSError as error:
            logger.warning("the engine is not kept for next time: %s", error)
            return False
        return True

    @contextmanager
    def building(self, key: PlanKey, cancelled: threading.Event | None = None) -> Iterator[None]:
        """Hold the right to build `key`; another process that wants the same waits here.

        The lock is the operating system's, so that it ends with the process that held it. Where
        the folder cannot be written, nobody waits: each builds for itself.

        Raises:
            EngineError: `cancelled` was set while waiting.
        """
        try:
            self._make_folder()
            lock = open(self.folder / (key.stem + ".lock"), "ab")  # noqa: SIM115 - closed below
        except OSError as error:
            logger.info("compiling without a lock: %s", error)
            yield
            return
        with lock:
            waiting = cancelled or threading.Event()
            said = False
            while not _try_lock(lock.fileno()):
                if not said:
                    logger.info("another process compiles %s: waiting for it", key.stem)
                    said = True
                if waiting.wait(LOCK_POLL_SECONDS):
                    raise EngineError(f"waiting for {key.stem} was stopped")
            yield

    def plans(self) -> list[CachedPlan]:
        """The plans in the folder; those without a readable sidecar are passed over."""
        found = []
        for path in sorted(self.folder.glob("*.plan")):
            with suppress(OSError, ValueError):
                facts = json.loads(_sidecar(path).read_text())
                if isinstance(facts, dict):
                    found.append(CachedPlan(path, path.stat().st_size, facts))
        return found

    def clean(self) -> tuple[int, int]:
        """Remove all that this cache wrote; returns the number of plans and the bytes freed."""
        num_plans, num_bytes = 0, 0
        kinds = (*SUFFIXES, *(f"{suffix}.json" for suffix in SUFFIXES), ".lock", ".part")
        for path in sorted(self.folder.glob("*")):
            if path.name.endswith(kinds) and not path.is_dir():
                with suppress(OSError):
                    size = path.lstat().st_size
                    path.unlink()
                    num_plans, num_bytes = num_plans + (path.suffix == ".plan"), num_bytes + size
        return num_plans, num_bytes

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.folder.stat()
        if _is_foreign(status) or _others_write(status):
            raise PermissionError(f"others can write to {self.folder}")


def default_folder() -> Path:
    """`engines/` in the user's cache folder for rtstyle."""
    import platformdirs

    return platformdirs.user_cache_path("rtstyle") / "engines"


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _load(path: Path, key: PlanKey) -> bytes:
    folder = path.parent.stat()
    if _is_foreign(folder) or _others_write(folder):
        raise Unusable(f"others can write to {path.parent}")
    facts = json.loads(_read_own(_sidecar(path)))
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise Unusable("written by another version of rtstyle")
    if differences := key.differences(facts):
        raise Unusable(differences)
    data = _read_own(path)
    if hashlib.sha256(data).hexdigest() != facts.get("sha256"):
        raise Unusable("the file is damaged")
    return data


def _read_own(path: Path) -> bytes:
    """Read a regular file of this user's; checked on the open file, so that none can be swapped."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or _is_foreign(status) or _others_write(status):
            raise Unusable(f"{path.name} is not a file that only you can write")
        return file.read()


def _is_foreign(status: os.stat_result) -> bool:
    return hasattr(os, "geteuid") and status.st_uid != os.geteuid()


def _others_write(status: os.stat_result) -> bool:
    return os.name == "posix" and bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that its name always holds a whole one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _try_lock(descriptor: int) -> bool:
    """Lock an open file for this process until it is closed; False where another holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:  # a file system without locks: better to build twice than never
        logger.info("no lock: %s", error)
    return True
