"""The controls of a running stream, as a person moves them: what keys, sliders and clicks do.

A front end (a window, a web page, a MIDI box) calls the methods; the processing thread asks for
`at` once a frame. `Controls` is frozen and replaced whole, so that neither ever waits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from .controls import Compare, Controls, Region
from .style import ORIGINAL

FADE_SECONDS = 1.0
STRENGTH_STEP = 0.1
SMOOTH_STEPS = (0.0, 0.5, 1.0)
PAGE = 9
"""Styles that have a number at a time: as many as there are keys for."""

Mix = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Fade:
    """A change from one mix to another, in style space, that is under way."""

    start: Mix
    end: Mix
    started_at_seconds: float

    def at(self, now_seconds: float) -> Mix:
        """The mix at a time."""
        share = (now_seconds - self.started_at_seconds) / FADE_SECONDS
        if share >= 1:
            return self.end
        share = 0.5 - 0.5 * math.cos(math.pi * max(0.0, share))
        shares: dict[str, float] = {}
        for mix, weight in ((self.start, 1 - share), (self.end, share)):
            total = sum(part for _, part in mix)
            for name, part in mix:
                shares[name] = shares.get(name, 0.0) + weight * part / total
        return tuple(shares.items())


class Desk:
    """Holds the controls; every method replaces them with one assignment."""

    def __init__(self, controls: Controls, style_names: Sequence[str]) -> None:
        self.controls = controls
        # What paints nothing comes last: the first keys are for styles.
        self.style_names = tuple(sorted(style_names, key=lambda name: name == ORIGINAL))
        self._first_compare: Compare = controls.compare
        self._fade: Fade | None = None
        self._page = 0

    def at(self, now_seconds: float) -> Controls:
        """The controls at a time (`time.monotonic`), with the mix of a fade under way."""
        controls, fade = self.controls, self._fade
        if fade is None or fade.end != controls.mix:
            return controls
        return replace(controls, mix=fade.at(now_seconds))

    def set(self, **changes: Any) -> None:
        """Replace fields of the controls."""
        self.controls = replace(self.controls, **changes)

    @property
    def style(self) -> str:
        """The style that has the largest share; of equals the last, which is the newer one."""
        return max(reversed(self.controls.mix), key=lambda part: part[1])[0]

    def choose_style(self, name: str) -> None:
        """That style and no other, at once."""
        self._fade = None
        self.set(mix=((name, 1.0),))

    @property
    def numbered_styles(self) -> tuple[str, ...]:
        """The styles of the numbers from 1; nine at most, see `turn_page`."""
        return self.style_names[PAGE * self._page : PAGE * (self._page + 1)]

    def turn_page(self) -> None:
        """The numbers go on to the next nine styles, around the end."""
        num_pages = -(-len(self.style_names) // PAGE)
        self._page = (self._page + 1) % num_pages

    def choose_number(self, number: int) -> None:
        """The style of that number, counted from 1; nothing happens past the last."""
        if 1 <= number <= len(self.numbered_styles):
            self.choose_style(self.numbered_styles[number - 1])

    def step_style(self, step: int) -> None:
        """The next style (1) or the one before (-1), around the end; the numbers follow."""
        self.choose_style(self._neighbour(step))
        self._page = self.style_names.index(self.style) // PAGE

    def mix_on(self, now_seconds: float) -> None:
        """Cross-fade to half of this style and half of the next; from there, to all of the next."""
        if len(self.controls.mix) > 1:
            self.fade_to(((self.style, 1.0),), now_seconds)
        else:
            self.fade_to(((self.style, 0.5), (self._neighbour(1), 0.5)), now_seconds)

    def fade_to(self, mix: Mix, now_seconds: float) -> None:
        """Cross-fade to a mix."""
        self._fade = Fade(self.at(now_seconds).mix, mix, now_seconds)
        self.set(mix=mix)

    def step_strength(self, steps: int) -> None:
        """Strength up or down by tenths."""
        strength = round(self.controls.strength + steps * STRENGTH_STEP, 2)
        self.set(strength=min(1.0, max(0.0, strength)))

    def toggle_compare(self, compare: Compare) -> None:
        """Into a way to compare, and back to the first one; out of that one, to none."""
        back = "off" if self._first_compare == compare else self._first_compare
        self.set(compare=back if self.controls.compare == compare else compare)

    def step_smooth(self) -> None:
        """No smoothing, some, much, and round again."""
        larger = [step for step in SMOOTH_STEPS if step > self.controls.smooth]
        self.set(smooth=larger[0] if larger else SMOOTH_STEPS[0])

    def step_region(self) -> None:
        """The next part of the picture to paint."""
        regions = get_args(Region)
        index = regions.index(self.controls.region)
        self.set(region=regions[(index + 1) % len(regions)])

    def _neighbour(self, step: int) -> str:
        names = self.style_names
        index = names.index(self.style) if self.style in names else -step
        return names[(index + step) % len(names)]
