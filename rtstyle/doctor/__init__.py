"""Looks at this machine: what rtstyle can use of it, what it takes and why, and what to mend.

Each check returns findings and starts nothing that lasts: no camera is opened, nothing is written,
nothing leaves the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import RtstyleError
from ..finding import Finding
from .devices import cameras, display, virtual_camera
from .engines import backends, nvidia
from .installation import cache_folder, machine, opencv_builds, packages, privacy
from .media import decoders, encoders, ffmpeg
from .vision import faces


def examine() -> list[Finding]:
    """Everything there is to say, most basic things first."""
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        machine,
        packages,
        opencv_builds,
        ffmpeg,
        backends,
        nvidia,
        faces,
        encoders,
        decoders,
        cameras,
        virtual_camera,
        display,
        privacy,
        cache_folder,
    )
    return [finding for check in checks for finding in _survive(check)]


def is_usable(findings: Iterable[Finding]) -> bool:
    """Whether rtstyle can paint here."""
    return all(finding.level != "fail" for finding in findings)


def _survive(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """A check that fails is a finding too: broken installations are what the doctor is for."""
    topic = check.__name__.replace("_", " ")
    try:
        return list(check())
    except RtstyleError as error:  # of the user's settings
        return [Finding(topic, "fail", ": ".join(filter(None, (error.what, error.why))), error.fix)]
    except Exception as error:
        why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        again = "pip install --force-reinstall rtstyle"
        return [Finding(topic, "fail", f"the check itself failed: {why}", again)]
