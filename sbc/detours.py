"""Ways that a request takes in the place of its own: TCP for what is too large for a datagram, and back.

RFC 3261 section 18.1.1: a request of more than 1300 bytes goes by a transport with congestion control, and by UDP after
all where that cannot be had.
"""

from __future__ import annotations

from typing import Final

from sbc.call import Leg
from sbc.outputs import Transmit
from sbc.snapshot import listener_for
from sbc.wire import Flow

LARGE: Final = 1300
"""Bytes of a request beyond which it goes by TCP, the path MTU being unknown."""
SHUT_SECONDS: Final = 300.0
"""For so long a peer that could not be reached by TCP gets its large requests by UDP at once."""
_PLACES: Final = 4096
"""Places remembered at most, and ACKs that may have to be sent again."""

Place = tuple[str, int]


class Detours:
    """Which peers take no TCP, and what was sent to them by it that nobody repeats."""

    __slots__ = ("_acks", "_shut")

    def __init__(self) -> None:
        self._shut: Final[dict[Place, float]] = {}
        self._acks: Final[dict[Place, tuple[Transmit, dict[str, Transmit], str]]] = {}

    def by_tcp(self, leg: Leg, flow: Flow, now: float) -> Flow | None:
        """The flow for a request that is too large for `flow`, which is UDP; None where it must do."""
        trunk = leg.call.config.trunks.get(leg.trunk)
        if trunk is not None and trunk.large_requests == "udp":
            return None
        if self._shut.get((flow.host, flow.port), 0.0) > now:
            return None
        listener = listener_for(leg.realm, "TCP", flow.host)
        return None if listener is None else Flow(listener.index, "TCP", flow.host, flow.port)

    def shut(self, flow: Flow, now: float) -> None:
        """Nobody takes connections there."""
        if len(self._shut) >= _PLACES:
            self._shut.clear()
        self._shut[(flow.host, flow.port)] = now + SHUT_SECONDS

    def keep_ack(self, flow: Flow, plain: Transmit, acks: dict[str, Transmit], tag: str) -> None:
        """An ACK to a 2xx went by `flow` instead: no transaction of ours would notice that it did not arrive."""
        if len(self._acks) >= _PLACES:
            self._acks.clear()
        self._acks[(flow.host, flow.port)] = plain, acks, tag

    def take_ack(self, flow: Flow) -> Transmit | None:
        """The last ACK that went this way, to be sent its own; from now on copies of the 2xx get it so."""
        kept = self._acks.pop((flow.host, flow.port), None)
        if kept is None:
            return None
        plain, acks, tag = kept
        acks[tag] = plain
        return plain
