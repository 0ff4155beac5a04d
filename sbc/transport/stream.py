"""One stream connection: framing, keep-alive, bounds. `tls.py` puts its layer below it, and WebSocket will too."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final, Protocol, cast

from sbc.sip import PING, PONG, Limits, ParseError, StreamFramer
from sbc.transport.receiver import Counters, Receiver
from sbc.transport.sockets import prepare_accepted
from sbc.wire import Flow

if TYPE_CHECKING:
    from sbc.config import Listener


class StreamLimits:
    """What stream peers may hold of us. Seconds and bytes; precedents in brackets."""

    __slots__ = (
        "buffered",
        "connect",
        "connections",
        "first_message",
        "handshake",
        "handshakes",
        "idle",
        "partial",
        "per_host",
    )

    def __init__(
        self,
        *,
        connections: int = 16384,
        per_host: int = 512,
        first_message: float = 30.0,
        partial: float = 30.0,
        idle: float = 3600.0,
        buffered: int = 1 << 20,
        connect: float = 5.0,
        handshake: float = 10.0,
        handshakes: int = 1024,
    ) -> None:
        self.connections: Final = connections
        self.per_host: Final = per_host
        self.first_message: Final = first_message
        """Until the first whole message (Kamailio allows a connection 10 s, nginx a request head 60)."""
        self.partial: Final = partial
        """Until a message that has begun is whole; against peers that drip."""
        self.idle: Final = idle
        """Without a byte; RFC 5626 peers ping every 2 minutes, others keep quiet through a long call."""
        self.buffered: Final = buffered
        """Unsent bytes after which a peer that does not read is cut off."""
        self.connect: Final = connect
        """To open a connection, TLS included; well under Timer B, so that the next target gets its chance."""
        self.handshake: Final = handshake
        """For a client to complete its TLS handshake (Postfix, Kamailio: 10 to 20 s)."""
        self.handshakes: Final = handshakes
        """TLS handshakes under way at a time; a host may have `per_host` of them, its open connections counted in."""


class Table(Protocol):
    """Who keeps the connections: told of the two ends of each one's life."""

    def opened(self, connection: StreamConnection) -> bool:
        """Enter it in the table; False: too many, it must go."""

    def closed(self, connection: StreamConnection) -> None:
        """Forget it."""


class StreamConnection(asyncio.Protocol):
    """One TCP or TLS connection, whoever opened it, from its first byte to its last.

    Whole messages go to the receiver with a flow that carries the connection's number. A double CRLF is a ping and is
    answered with a CRLF (RFC 5626 section 4.4.1). A peer whose bytes cannot be framed is reported and
    cut off: nothing behind a framing error can be trusted.
    """

    def __init__(
        self, number: int, listener: Listener, receiver: Receiver, table: Table, limits: Limits, counters: Counters
    ) -> None:
        self.number: Final = number
        self.listener: Final = listener
        self.flow = Flow(listener.index, listener.transport, "", 0, number)
        self.opened_at = 0.0
        self.heard_at = 0.0
        self.partial_since: float | None = None
        self.has_spoken = False
        self._receiver: Final = receiver
        self._table: Final = table
        self._counters: Final = counters
        self._framer: Final = StreamFramer(limits)
        self._transport: asyncio.Transport | None = None
        self._unsent: list[Flow] = []
        self._reason = "connection lost"
        self._dscp = 0

    @property
    def is_open(self) -> bool:
        """True between the handshake and the loss."""
        return self._transport is not None and not self._transport.is_closing()

    def mark(self, dscp: int) -> None:
        """Send with this DSCP value; before the connection is made."""
        self._dscp = dscp

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if not peer:  # gone before we looked
            self._transport.abort()
            return
        self.flow = Flow(
            self.listener.index,
            self.listener.transport,
            str(peer[0]).partition("%")[0],
            int(peer[1]),
            self.number,
            transport.get_extra_info("tls_names", ()),
        )
        sock = transport.get_extra_info("socket")
        if isinstance(sock, socket.socket) or hasattr(sock, "setsockopt"):
            prepare_accepted(sock, self._dscp)
        self.opened_at = self.heard_at = asyncio.get_running_loop().time()
        if not self._table.opened(self):
            self._counters.connections_refused += 1
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Frame what came and hand the whole messages on."""
        self.heard_at = asyncio.get_running_loop().time()
        self._counters.bytes_received += len(data)
        framer = self._framer
        fault = framer.fault
        try:
            frames = framer.feed(data)
            fault = framer.fault
        except ParseError as error:
            frames = []
            fault = error
        for frame in frames:
            if not self.is_open:
                return
            self._take(frame)
        if fault is not None and self.is_open:
            self._counters.framing_errors += 1
            self._receiver.malformed(fault, self.flow)
            self.cut("framing")
        elif not framer.has_partial:
            self.partial_since = None
        elif self.partial_since is None or frames:
            self.partial_since = self.heard_at
        self._receiver.settle()

    def _take(self, frame: bytes) -> None:
        if frame == PING:
            assert self._transport is not None
            self._transport.write(PONG)
        elif frame != PONG:
            self._counters.received += 1
            self.has_spoken = True
            self._receiver.receive(frame, self.flow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; what was not sent is reported."""
        self._table.closed(self)
        transport, self._transport = self._transport, None
        if transport is not None and transport.get_write_buffer_size() > 0:
            for flow in self._unsent:
                self._counters.undeliverable += 1
                self._receiver.undeliverable(flow, self._reason)
        self._unsent.clear()
        self._receiver.settle()

    def send(self, data: bytes, flow: Flow, buffered: int) -> None:
        """Send in order; `flow` is what the engine asked for and what is reported if this connection is lost first."""
        transport = self._transport
        if transport is None or transport.is_closing():
            self._counters.undeliverable += 1
            self._receiver.undeliverable(flow, self._reason)
            return
        if not transport.get_write_buffer_size():
            self._unsent.clear()
        transport.write(data)
        self._counters.sent += 1
        self._counters.bytes_sent += len(data)
        waiting = transport.get_write_buffer_size()
        if waiting and flow not in self._unsent[-8:]:
            self._unsent.append(flow)
        if waiting > buffered:
            self.abort("peer does not read")

    def overdue(self, now: float, limits: StreamLimits) -> str:
        """Why this connection should be closed for its silence, or an empty string."""
        if self.partial_since is not None and now - self.partial_since > limits.partial:
            return "message never completed"
        if not self.has_spoken and now - self.opened_at > limits.first_message:
            return "no message"
        return "idle" if now - self.heard_at > limits.idle else ""

    def cut(self, reason: str) -> None:
        """Close once what is buffered is sent."""
        self._reason = reason
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()
