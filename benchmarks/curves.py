"""L-BFGS curves on disk: they take long, depend on no network of ours, and so are committed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from .gatys import Protocol

SCHEMA = 1
DIGITS = 5


class CurveCache:
    """Curves by style picture and photo (file names), all of one protocol.

    Raises:
        ValueError: the file holds curves of another protocol.
    """

    def __init__(self, path: Path, protocol: Protocol) -> None:
        self.path, self.protocol = path, protocol
        self.curves: dict[str, list[float]] = {}
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            if (saved["schema"], saved["protocol"]) != (SCHEMA, protocol.asdict()):
                raise ValueError(
                    f"{path} holds curves of another protocol\n"
                    f"{saved['protocol']} instead of {protocol.asdict()}\n"
                    "name another file with --curves, or delete it"
                )
            self.curves = saved["curves"]

    def get(self, picture: str, photo: str) -> list[float] | None:
        """The curve of a pair, None where it was not computed yet."""
        return self.curves.get(_key(picture, photo))

    def put(self, picture: str, photo: str, curve: Sequence[float]) -> None:
        """Keep the curve of a pair, and write the file at once."""
        self.curves[_key(picture, photo)] = [float(f"{loss:.{DIGITS}g}") for loss in curve]
        self._save()

    def _save(self) -> None:
        """One line a curve, so that a commit shows what it adds."""
        lines = [
            f" {json.dumps(key)}: {json.dumps(self.curves[key])}" for key in sorted(self.curves)
        ]
        text = (
            f'{{"schema": {SCHEMA},\n"protocol": {json.dumps(self.protocol.asdict())},\n'
            '"curves": {\n' + ",\n".join(lines) + "\n}}\n"
        )
        part = self.path.with_name(f".{self.path.name}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, self.path)


def _key(picture: str, photo: str) -> str:
    return f"{picture} on {photo}"
