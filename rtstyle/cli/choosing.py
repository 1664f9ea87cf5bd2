"""`--style auto`: the style that is right for the content."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rtstyle.errors import SourceError

from . import styling

if TYPE_CHECKING:
    from rtstyle.capture import Source
    from rtstyle.descriptor import Descriptor
    from rtstyle.frame import Frame, Pixels
    from rtstyle.live import Session
    from rtstyle.style import StyleBank

OPENING_SECONDS, OPENING_STEP_SECONDS = 2.0, 0.25
"""What a video opens with decides, looked at every so often."""

LOOK_SECONDS, LOOK_STEP_SECONDS = 1.0, 0.2
"""The same for a camera."""

FLAT_LEVELS = 6.0
"""A frame whose pixels deviate by less, like one of a fade from black, says nothing."""


class Chooser:
    """Chooses among the styles of a bank; `names` and `lines` tell what it took.

    Raises:
        StyleError: the bank has no graph of styles.
    """

    def __init__(self, generator: str, bank: StyleBank) -> None:
        from rtstyle.shelf import find_generator
        from rtstyle.style_graph import load_graph

        self._graph = load_graph(find_generator(generator).graph, bank)
        self.names: list[str] = []
        self.lines: list[str] = []

    def choose(self, pictures: Sequence[Pixels], what: str) -> styling.Mix:
        """The style for pictures of one scene, (H, W, 3) uint8 RGB; `what` names them."""
        from rtstyle.descriptor import describe

        return self.choose_described([describe(picture) for picture in pictures], what)

    def choose_described(self, descriptors: Sequence[Descriptor], what: str) -> styling.Mix:
        """The same for pictures that are described already."""
        (name, score), *others = self._graph.ranked(descriptors)
        second = f"; next: {others[0][0]} {others[0][1]:.2f}" if others else ""
        self.names.append(name)
        self.lines.append(f"{what}: style {name}, by its content ({score:.2f}{second})")
        return ((name, 1.0),)


def opening(source: Source) -> list[Pixels]:
    """Some pictures of the first two seconds of a source, which is closed then.

    Raises:
        SourceError: it cannot be read, or holds no picture.
    """
    pictures: list[Pixels] = []
    first = last = 0.0
    try:
        for frame in source:
            seconds = frame.pts_seconds
            first = first if pictures else seconds
            if seconds - first > OPENING_SECONDS:
                break
            if not pictures or seconds - last >= OPENING_STEP_SECONDS:
                pictures.append(frame.pixels)
                last = seconds
    finally:
        source.close()
    if not pictures:
        raise SourceError("there is no picture to choose a style by", fix="name one with --style")
    return [picture for picture in pictures if picture.std() >= FLAT_LEVELS] or pictures


class FirstLook:
    """A sink of a live run: it looks at the first second, cross-fades to a style, and leaves.

    A style that is chosen by hand before stays. `on_chosen` gets the line that tells the choice.
    """

    def __init__(
        self, session: Session, chooser: Chooser, on_chosen: Callable[[str], None]
    ) -> None:
        self._session, self._chooser, self._on_chosen = session, chooser, on_chosen
        self._mix_before = session.desk.controls.mix
        self._descriptors: list[Descriptor] = []
        self._first_seconds = self._last_seconds = 0.0

    def write(self, frame: Frame) -> None:
        from rtstyle.descriptor import describe

        seconds = frame.captured_at_seconds
        if self._descriptors and seconds - self._last_seconds < LOOK_STEP_SECONDS:
            return
        self._first_seconds = self._first_seconds if self._descriptors else seconds
        self._last_seconds = seconds
        self._descriptors.append(
            describe(frame.pixels if frame.original is None else frame.original)
        )
        if seconds - self._first_seconds >= LOOK_SECONDS:
            self._choose()

    def close(self) -> None:
        pass

    def abort(self, *, keep_partial: bool = False) -> None:
        pass

    def _choose(self) -> None:
        session = self._session
        session.remove_sink(self)
        if session.desk.controls.mix == self._mix_before:
            mix = self._chooser.choose_described(self._descriptors, session.source.info.name)
            session.desk.fade_to(mix, time.monotonic())
            session.tell(f"style {mix[0][0]}, by the content")
            self._on_chosen(self._chooser.lines[-1])
