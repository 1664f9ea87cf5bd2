"""Nothing leaves the machine: every command under strace connects to no network.

`CI` is unset for the commands, since ONNX Runtime sends nothing of its own accord where it is set.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
import typer
from PIL import Image

from rtstyle.capture.demo import PHOTOS, DemoSource
from rtstyle.cli import app
from rtstyle.sink.video import VideoSink

WATCHED_CALLS = "connect,sendto,sendmmsg"
HARMLESS_FAMILIES = {"AF_UNIX", "AF_NETLINK", "AF_UNSPEC"}
"""Sockets that end inside this machine's kernel."""

LIVE = ["--camera", "synthetic", "--seconds", "1", "--size", "144", "--resolution", "320x180"]

COMMANDS: Mapping[str, list[str]] = {
    "--help": ["--help"],
    "batch": ["batch", "clip.mp4", "--out", "batched"],
    "camera": ["camera", *LIVE],
    "cameras": ["cameras"],
    "doctor": ["doctor"],
    "engines": ["engines", "list"],
    "image": ["image", "photo.png", "painted.png"],
    "image onnxruntime": ["image", "photo.png", "painted.png", "--backend", "onnxruntime"],
    "live": ["live", *LIVE, "--window", "none", "--record", "painted.mkv", "--region", "person"],
    "styles": ["styles", "--sheet", "photo.png", "-o", "sheet.png", "-y"],
    "train": ["train", "style", "photo.png"],
    "video": ["video", "clip.mp4", "painted.mp4"],
}
"""Arguments by name; the first word is the command that is watched."""

EXIT_CODES = {"camera": {0, 5}, "train": {2}}
"""Where 0 is not the only good end: no loopback device; features that nobody allowed to fetch."""

LINGER_SECONDS = 15
"""ONNX Runtime 1.31 makes its first report 9 seconds after its import, if it is let to."""

LINGERING = f"""
import time
import numpy as np
import rtstyle
for backend in ("onnxruntime", "openvino"):
    rtstyle.stylize(np.zeros((64, 64, 3), np.uint8), "starry-night", backend=backend)
from rtstyle.face.vision import MediaPipeVision, Wanted
vision = MediaPipeVision("short")
vision.look(np.zeros((64, 64, 3), np.uint8), 1, Wanted(faces=True, person=True))
time.sleep({LINGER_SECONDS})
vision.close()
"""

UNWATCHED = {"demo"}
"""Commands that only call others of `COMMANDS`."""


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "--seccomp-bpf", "-e", f"trace={WATCHED_CALLS}", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not strace_works(), reason="strace is missing or may not trace here (apt-get install strace)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo and a clip."""
    here = tmp_path_factory.mktemp("privacy")
    frames = list(DemoSource(192, 108, num_frames=4))
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        photo.resize((256, 256)).save(here / "photo.png")
    sink = VideoSink(here / "clip.mp4")
    for frame in frames:
        sink.write(frame)
    sink.close()
    return here


def start(command: list[str], folder: Path, log: Path) -> subprocess.Popen[str]:
    """Run `command` in `folder`; strace writes to `log`."""
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={WATCHED_CALLS}", "-o", log]
    # A home of its own: what a library remembers in this user's may hide its first contact.
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment |= {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("TORCH_HOME", None)
    return subprocess.Popen(
        [*strace, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def connections(
    process: subprocess.Popen[str], log: Path, exit_codes: Collection[int] = (0,)
) -> list[str]:
    """The lines of strace in which a process reached for a network."""
    _, errors = process.communicate(timeout=100)
    assert process.returncode in exit_codes, errors
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if set(re.findall(r"\bAF_\w+", line)) - HARMLESS_FAMILIES]


def watch(command: list[str], folder: Path, exit_codes: Collection[int] = (0,)) -> list[str]:
    log = folder / "strace.log"
    return connections(start(command, folder, log), log, exit_codes)


@pytest.fixture(scope="module")
def lingering(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """All libraries at work for a while, beside the other tests of this file."""
    log = folder / "lingering.log"
    process = start([sys.executable, "-c", LINGERING], folder, log)
    yield process, log
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def _begin(lingering: object) -> None:
    """Let the long one run from the first test on."""


def test_the_watch_sees_a_datagram(folder: Path) -> None:
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))"
    (line,) = watch([sys.executable, "-c", code], folder)
    assert "127.0.0.1" in line


def test_the_watch_sees_a_thread_that_connects(folder: Path) -> None:
    code = (
        "import socket, threading\n"
        "s = socket.socket(type=socket.SOCK_DGRAM)\n"
        "t = threading.Thread(target=s.connect, args=(('127.0.0.1', 9),))\n"
        "t.start(); t.join()"
    )
    assert len(watch([sys.executable, "-c", code], folder)) == 1


def test_every_command_is_watched() -> None:
    commands = set(getattr(typer.main.get_command(app), "commands"))  # noqa: B009
    assert commands - {arguments[0] for arguments in COMMANDS.values()} - UNWATCHED == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_reaches_for_a_network(name: str, folder: Path) -> None:
    for path in folder.glob("painted.*"):
        path.unlink()
    command = [sys.executable, "-m", "rtstyle", *COMMANDS[name]]
    assert watch(command, folder, EXIT_CODES.get(name, {0})) == []


def test_no_library_reports_later(lingering: tuple[subprocess.Popen[str], Path]) -> None:
    assert connections(*lingering) == []
