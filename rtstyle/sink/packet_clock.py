"""Times of copied packets: on the output's clock, and rising whatever the input says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

from av.packet import Packet

JUMP_SECONDS = Fraction(1, 2)
"""A clock that falls back by more than this was set anew: two recordings were joined. The clock of
the pictures has the same rule, so sound and picture stay together."""


def with_decoding_times(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Give the first packets of a stream with B-frames, which in Matroska lack it, a `dts`."""
    waiting: dict[int, list[Packet]] = defaultdict(list)
    for packet in packets:
        early = waiting[packet.stream_index]
        if packet.dts is None and packet.pts is not None:
            early.append(packet)
            continue
        for place, each in enumerate(early):
            each.dts = (packet.dts or 0) - len(early) + place
        yield from early
        early.clear()
        yield packet
    for packet in chain.from_iterable(waiting.values()):
        packet.dts = packet.pts
        yield packet


class PacketClock:
    """Moves the packets of one stream so that `begin` seconds become 0."""

    def __init__(self, begin: Fraction) -> None:
        self._begin = begin
        self._last_dts: int | None = None
        self._last_end = 0
        self._shift: int | None = None

    def move(self, packet: Packet) -> None:
        """Set `pts` and `dts` in place; decoding times rise strictly, as containers demand."""
        shift = self._shift
        if shift is None:
            shift = self._shift = -round(self._begin / packet.time_base)
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            dts = self._last_end - shift
        if self._last_dts is not None and dts + shift <= self._last_dts:
            if (self._last_dts - dts - shift) * packet.time_base > JUMP_SECONDS:
                shift = self._shift = self._last_end - dts
            else:
                dts = self._last_dts + 1 - shift
        packet.pts = max(packet.pts if packet.pts is not None else dts, dts) + shift
        packet.dts = self._last_dts = dts + shift
        self._last_end = max(packet.dts + max(1, packet.duration or 0), self._last_dts + 1)
