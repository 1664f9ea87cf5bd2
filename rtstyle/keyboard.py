"""The keys of a live window: one table for every toolkit, for the help and for the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .controls import Controls
from .frame import Frame, Pixels
from .live import Session
from .sink.window import Overlay
from .takes import Takes

DIGITS = tuple("123456789")


@dataclass(frozen=True)
class Key:
    """Keys by name ("a" to "z", "1" to "9", "left", "space" …) and what they do."""

    names: tuple[str, ...]
    label: str
    text: str
    action: Callable[[Keyboard, str], None]


class Keyboard:
    """A session as a window sees it (`WindowHost`): keys become changes of the desk."""

    def __init__(self, session: Session, takes: Takes, *, shows_figures: bool = False) -> None:
        self.session, self.desk, self.takes = session, session.desk, takes
        self.shows_figures = shows_figures
        self.shows_help = False

    @property
    def controls(self) -> Controls:
        return self.desk.controls

    @property
    def style(self) -> str:
        return self.desk.style

    @property
    def style_names(self) -> tuple[str, ...]:
        return self.desk.style_names

    @property
    def numbered_styles(self) -> tuple[str, ...]:
        return self.desk.numbered_styles

    @property
    def thumbnails(self) -> Mapping[str, Pixels]:
        return self.session.thumbnails.made

    @property
    def size_hw(self) -> tuple[int, int]:
        info = self.session.source.info
        return info.height, info.width

    @property
    def has_ended(self) -> bool:
        return self.session.ended.is_set() or self.session.stop_requested

    def press(self, key: str) -> bool:
        """Do what the key promises; False for a key that has no meaning."""
        for entry in KEYS:
            if key in entry.names:
                entry.action(self, key)
                return True
        return False

    def set(self, **changes: Any) -> None:
        """Replace fields of the controls."""
        self.desk.set(**changes)

    def choose_style(self, name: str) -> None:
        """That style and no other."""
        self.desk.choose_style(name)

    def overlay(self) -> Overlay:
        """What to write over the picture now."""
        return Overlay(
            figures=tuple(figure_lines(self.session)) if self.shows_figures else (),
            help=help_lines() if self.shows_help else (),
            notice=self.session.notice,
            is_recording=self.takes.is_recording,
        )

    def shown(self, frame: Frame) -> None:
        """A person can see this frame now."""
        self.session.shown(frame)

    def stop(self) -> None:
        """The window was closed."""
        self.session.stop()

    def say(self, message: str) -> None:
        """Show what a key has changed."""
        self.session.tell(message)

    def _style(self, name: str) -> None:
        self.desk.choose_number(int(name))
        self.say(self.desk.style)

    def _turn_page(self, _name: str) -> None:
        self.desk.turn_page()
        first, last = self.desk.numbered_styles[0], self.desk.numbered_styles[-1]
        self.say(f"keys 1–{len(self.desk.numbered_styles)}: {first} … {last}")

    def _step_style(self, name: str) -> None:
        self.desk.step_style(1 if name == "right" else -1)
        self.say(self.desk.style)

    def _strength(self, name: str) -> None:
        self.desk.step_strength(1 if name == "up" else -1)
        self.say(f"strength {self.desk.controls.strength:.0%}")

    def _before(self, _name: str) -> None:
        self.desk.toggle_compare("before")
        self.say("before" if self.desk.controls.compare == "before" else "after")

    def _mix(self, _name: str) -> None:
        self.desk.mix_on(time.monotonic())
        self.say(" + ".join(style for style, _ in self.desk.controls.mix))

    def _smooth(self, _name: str) -> None:
        self.desk.step_smooth()
        self.say(f"smoothing {self.desk.controls.smooth:.0%}")

    def _region(self, _name: str) -> None:
        self.desk.step_region()
        self.say(f"painting: {self.desk.controls.region}")

    def _figures(self, _name: str) -> None:
        self.shows_figures = not self.shows_figures

    def _help(self, _name: str) -> None:
        self.shows_help = not self.shows_help

    def _quit(self, _name: str) -> None:
        self.session.stop()


KEYS: tuple[Key, ...] = (
    Key(DIGITS, "1–9", "choose a style", Keyboard._style),
    Key(("0",), "0", "1–9 go on to the next nine styles", Keyboard._turn_page),
    Key(("left", "right"), "← →", "the style before, the next one", Keyboard._step_style),
    Key(("up", "down"), "↑ ↓", "more or less strength", Keyboard._strength),
    Key(("space",), "Space", "before and after", Keyboard._before),
    Key(("s",), "S", "split at the mouse", lambda k, _: k.desk.toggle_compare("split")),
    Key(("m",), "M", "mix with the next style; again: all of it", Keyboard._mix),
    Key(("t",), "T", "smoothing over time", Keyboard._smooth),
    Key(("f",), "F", "paint all, face, background, person", Keyboard._region),
    Key(("r",), "R", "record, and stop", lambda k, _: k.takes.toggle_recording()),
    Key(("p",), "P", "save a picture", lambda k, _: k.takes.save_picture()),
    Key(("i",), "I", "figures", Keyboard._figures),
    Key(("h", "?"), "H", "this help", Keyboard._help),
    Key(("q", "escape"), "Q", "quit", Keyboard._quit),
)


def help_lines() -> tuple[str, ...]:
    """Keys and their meaning, for overlays and `--help`."""
    return tuple(f"{key.label:<7}{key.text}" for key in KEYS)


def figure_lines(session: Session) -> list[str]:
    """The figures of a session, as an overlay shows them."""
    status = session.status
    chosen = "as asked" if status.is_pinned else "chosen for this machine"
    stages = [f"{name} {ms:.1f}" for name, ms in status.stage_ms.items() if ms >= 0.05]
    rows = [
        ("painted", f"{_rate(status.painted_rate)}, the camera gives {_rate(status.camera_rate)}"),
        ("age", f"{status.ages}  (p50 / p95 / p99)"),
        ("dropped", f"{status.num_dropped} of {status.num_captured} before painting"),
        *(("", f"{number} {what}") for what, number in status.dropped_later.items() if number),
        ("lost", f"the camera, {status.num_losses} ×"),
        ("size", f"{status.size_px} px, {chosen}"),
        *_wrapped("stages", stages, " ms"),
        ("engine", status.backend),
    ]
    return [f"{name:<9}{text}" for name, text in rows]


def _rate(per_second: float | None) -> str:
    return "… fps" if per_second is None else f"{per_second:.1f} fps"


def _wrapped(name: str, parts: list[str], unit: str) -> list[tuple[str, str]]:
    """Three parts a row, the unit behind the last."""
    rows = [", ".join(parts[start : start + 3]) for start in range(0, len(parts), 3)]
    ends = [*("," for _ in rows[1:]), unit]
    return [
        ("" if i else name, row + end) for i, (row, end) in enumerate(zip(rows, ends, strict=False))
    ]
