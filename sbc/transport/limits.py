"""What stream peers may hold of us, each and together."""

from __future__ import annotations

import socket
from typing import Final

_SPARE: Final = 256
"""Descriptors left to everything that is no connection."""


class StreamLimits:
    """Seconds, bytes and counts; precedents in brackets. Each realm's own two stand in its configuration."""

    __slots__ = (
        "buffered",
        "connect",
        "connections",
        "first_message",
        "half_received",
        "handshake",
        "handshakes",
        "handshakes_per_source",
        "idle",
        "openings",
        "partial",
        "unread",
        "unsent",
    )

    def __init__(
        self,
        *,
        connections: int = 32768,
        first_message: float = 30.0,
        partial: float = 30.0,
        idle: float = 3600.0,
        half_received: int = 64 << 20,
        buffered: int = 1 << 20,
        unsent: int = 128 << 20,
        unread: float = 30.0,
        connect: float = 5.0,
        openings: int = 512,
        handshake: float = 10.0,
        handshakes: int = 1024,
        handshakes_per_source: int = 128,
    ) -> None:
        self.connections: Final = connections
        """Of all realms; the process's descriptors may allow fewer."""
        self.first_message: Final = first_message
        """Until the first whole message, or ping (Kamailio allows a connection 10 s, nginx a request head 60)."""
        self.partial: Final = partial
        """Until a message that has begun is whole; against peers that drip."""
        self.idle: Final = idle
        """Without a byte; RFC 5626 peers ping every 2 minutes, others keep quiet through a long call."""
        self.half_received: Final = half_received
        """Bytes of messages not yet whole, over all connections; the oldest of them goes first."""
        self.buffered: Final = buffered
        """Unsent bytes after which a peer that does not read is cut off."""
        self.unsent: Final = unsent
        """The same over all connections."""
        self.unread: Final = unread
        """Seconds for which bytes may stay unsent."""
        self.connect: Final = connect
        """To open a connection, TLS included; well under Timer B, so that the next target gets its chance."""
        self.openings: Final = openings
        """Connections being opened at a time, whatever the far ends are: peers name some of them."""
        self.handshake: Final = handshake
        """For a client to complete its TLS handshake (Postfix, Kamailio: 10 to 20 s)."""
        self.handshakes: Final = handshakes
        """TLS handshakes under way at a time; beyond, the oldest gives way."""
        self.handshakes_per_source: Final = handshakes_per_source
        """The same of one source; beyond, its new ones are refused."""

    def most_connections(self, descriptors: int) -> int:
        """How many connections a process with so many descriptors takes."""
        return max(16, min(self.connections, descriptors - _SPARE - min(self.handshakes, descriptors // 4)))


def source_of(host: str) -> str:
    """Whom a limit per source counts: an IPv4 address, or the /64 of an IPv6 one, which one customer has whole."""
    if ":" not in host:
        return host
    try:
        return socket.inet_pton(socket.AF_INET6, host)[:8].hex()
    except OSError:
        return host
