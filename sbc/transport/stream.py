"""One stream connection: framing, keep-alive, bounds. `tls.py` puts its layer below it, and WebSocket will too."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import TYPE_CHECKING, Final, Protocol, cast

from sbc.sip import PING, PONG, Limits, ParseError, StreamFramer
from sbc.transport.limits import StreamLimits
from sbc.transport.reasons import Ended, NotTaken
from sbc.transport.receiver import Counters, Receiver
from sbc.transport.sockets import prepare_accepted
from sbc.wire import Flow

if TYPE_CHECKING:
    from sbc.config import Listener


LOST: Final = "connection lost"

LINGER: Final = 2.0
"""Seconds, at the least, for which a peer whose bytes we no longer want may read what we have said."""


class Table(Protocol):
    """Who keeps the connections: told of the two ends of each one's life, and of what it holds."""

    def opened(self, connection: StreamConnection) -> NotTaken | None:
        """Enter it in the table, or say why it must go."""

    def closed(self, connection: StreamConnection) -> None:
        """Forget it."""

    def spoke(self, connection: StreamConnection) -> None:
        """It has sent its first whole message, or a ping."""

    def half_received(self, connection: StreamConnection, size: int, *, is_new: bool) -> None:
        """It holds so much of a message that is not whole; `is_new`: of another one than before."""

    def unsent(self, connection: StreamConnection, size: int) -> None:
        """So many bytes wait for it to read. It may be ended by this."""


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
        self.unread_since: float | None = None
        self.ended_at: float | None = None
        self.has_spoken = False
        self.is_ours = False
        """True where we opened it."""
        self.half = 0
        """Bytes held of a message that is not whole."""
        self.waiting = 0
        """Bytes not sent yet, when the table was last told."""
        self._receiver: Final = receiver
        self._table: Final = table
        self._counters: Final = counters
        self._framer: Final = StreamFramer(limits)
        self._transport: asyncio.Transport | None = None
        self._unsent: list[Flow] = []
        self._reason = LOST
        self._dscp = 0

    @property
    def is_open(self) -> bool:
        """True between the handshake and the end, from either side."""
        return self._transport is not None and self._reason == LOST and not self._transport.is_closing()

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
        self.opened_at = self.heard_at = time.monotonic()
        refusal = self._table.opened(self)
        if refusal is not None:
            self._counters.refused[refusal] += 1
            self._receiver.connection_ended(self.flow, refusal)
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=0)  # so that we hear when nothing is left unsent

    def data_received(self, data: bytes) -> None:
        """Frame what came and hand the whole messages on."""
        if self._reason != LOST:
            return
        self.heard_at = time.monotonic()
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
            self._receiver.malformed(fault, self.flow)
            self._refuse()
        self._note_partial(bool(frames))
        self._receiver.settle()

    def _note_partial(self, is_new: bool) -> None:
        framer = self._framer
        if not framer.has_partial or not self.is_open:
            self.partial_since = None
        elif self.partial_since is None or is_new:
            self.partial_since = self.heard_at
        size = framer.held if self.is_open else 0
        if size or self.half:
            self._table.half_received(self, size, is_new=is_new)

    def _take(self, frame: bytes) -> None:
        if not self.has_spoken:
            self.has_spoken = True
            self._table.spoke(self)
        if frame == PING:
            assert self._transport is not None
            self._transport.write(PONG)
        elif frame != PONG:
            self._counters.received += 1
            self._receiver.receive(frame, self.flow)

    def resume_writing(self) -> None:
        """The peer has taken everything."""
        self.unread_since = None
        self._unsent.clear()
        self._table.unsent(self, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; what was not sent is reported."""
        self._table.closed(self)
        self._transport = None
        for flow in self._unsent:
            self._counters.undeliverable += 1
            self._receiver.undeliverable(flow, self._reason)
        self._unsent.clear()
        self._receiver.settle()

    def send(self, data: bytes, flow: Flow) -> None:
        """Send in order; `flow` is what the engine asked for and what is reported if this connection is lost first."""
        transport = self._transport
        if transport is None or not self.is_open:
            self._counters.undeliverable += 1
            self._receiver.undeliverable(flow, self._reason)
            return
        transport.write(data)
        self._counters.sent += 1
        self._counters.bytes_sent += len(data)
        waiting = transport.get_write_buffer_size()
        if waiting:
            if self.unread_since is None:
                self.unread_since = time.monotonic()
            if flow not in self._unsent:
                self._unsent.append(flow)
            self._table.unsent(self, waiting)

    def overdue(self, now: float, limits: StreamLimits) -> Ended | None:
        """Why this connection should be closed by now, if it should."""
        if self.unread_since is not None and now - self.unread_since > limits.unread:
            return Ended.NOT_READING
        if self.partial_since is not None and now - self.partial_since > limits.partial:
            return Ended.INCOMPLETE
        if not self.has_spoken and now - self.opened_at > limits.first_message:
            return Ended.NO_MESSAGE
        return Ended.IDLE if now - self.heard_at > limits.idle else None

    def cut(self, reason: Ended) -> None:
        """Close once what is buffered is sent."""
        transport = self._leave(reason)
        if transport is not None:
            transport.close()

    def abort(self, reason: Ended) -> None:
        """Close at once."""
        transport = self._leave(reason)
        if transport is not None:
            transport.abort()

    def _refuse(self) -> None:
        """Cut it off, but let our answer arrive: to close with bytes unread would reset the connection and take the
        answer with it (RFC 1122 section 4.2.2.13). What still comes is thrown away; the sweep ends it.
        """
        transport = self._leave(Ended.FRAMING)
        if transport is not None:
            transport.write_eof()

    def lend(self) -> tuple[socket.socket, bytes] | None:
        """Stop reading, for another process to go on: a socket of the same connection, and what was read of a message
        that is not whole. None where it cannot go on: TLS is known to this process alone, and what is not sent yet too.
        """
        transport = self._transport
        if transport is None or not self.is_open or self.listener.transport != "TCP" or self._framer.fault is not None:
            return None
        sock = transport.get_extra_info("socket")
        if transport.get_write_buffer_size() or sock is None:
            return None
        transport.pause_reading()
        return socket.socket(fileno=os.dup(sock.fileno())), self._framer.partial

    def take_back(self) -> None:
        """Nobody could be lent it: read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def part(self) -> None:
        """Somebody goes on with it: let it go without a word to the peer."""
        if self._transport is not None:
            self._transport.abort()

    def go_on(self, partial: bytes) -> None:
        """It was another process's, which had read so much of a message."""
        self.has_spoken = True
        self._table.spoke(self)
        if partial:
            self.data_received(partial)

    def is_over(self, now: float) -> bool:
        """True where it was ended a while ago and the peer does not let go."""
        return self.ended_at is not None and now - self.ended_at > LINGER

    def _leave(self, reason: Ended) -> asyncio.Transport | None:
        """Count and tell why; the first reason is the one that counts."""
        if self._transport is not None and self._reason == LOST:
            self._reason = reason.value
            self.ended_at = time.monotonic()
            self._counters.closed[reason] += 1
            self._receiver.connection_ended(self.flow, reason)
        return self._transport
