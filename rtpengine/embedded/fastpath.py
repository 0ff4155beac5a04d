"""The seam for a kernel fast path: what it is told, and what it must do. None is here; the composing program hands one
in.

A stream's states are BOUND -> LATCHING -> LATCHED -> OFFLOADED, and back to LATCHING when signalling changes the peer's
address. The relay's sockets stay bound all the time, so that a packet which the kernel does not take arrives here as
before.
"""

from __future__ import annotations

from typing import Final, Protocol

from rtpengine.embedded.addresses import Endpoint


class Flow:
    """One direction of one RTP stream, all four addresses agreed."""

    __slots__ = ("destination", "local_egress", "local_ingress", "source")

    def __init__(
        self, source: Endpoint, local_ingress: Endpoint, local_egress: Endpoint, destination: Endpoint
    ) -> None:
        self.source: Final = source
        """Where packets come from; anything else arriving at `local_ingress` stays with the relay."""
        self.local_ingress: Final = local_ingress
        self.local_egress: Final = local_egress
        """Our side of the packet that leaves: its source address."""
        self.destination: Final = destination


class FastPathCounters:
    """What a fast path has carried for one flow since it took it."""

    __slots__ = ("octets", "packets")

    def __init__(self, packets: int, octets: int) -> None:
        self.packets: Final = packets
        self.octets: Final = octets
        """UDP payload, the RTP header included."""


class FastPath(Protocol):
    """A forwarder beside the relay. Calls come from the relay's event loop and must not block."""

    def take(self, flow: Flow) -> int:
        """Start to forward `flow`; a handle above zero, or 0: not this one, the relay goes on."""

    def counters(self, handle: int) -> FastPathCounters:
        """What has been forwarded up to now."""

    def give_back(self, handle: int) -> FastPathCounters:
        """Stop. Packets reach the relay again from here on; the counters are final."""
