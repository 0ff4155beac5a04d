"""The stream side of all listeners: servers, connections by number and by peer, connections being opened."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from sbc.config import Listener, Realm
from sbc.sip import Limits
from sbc.transport.certificates import TlsError
from sbc.transport.contexts import TlsContexts
from sbc.transport.door import Door
from sbc.transport.limits import StreamLimits
from sbc.transport.reasons import Ended, NotTaken
from sbc.transport.receiver import Counters, Receiver, Tasks
from sbc.transport.sockets import (
    BACKLOG,
    Doorway,
    family_of,
    is_address,
    open_stream_client,
    open_stream_listener,
    reason_of,
    scope_of,
)
from sbc.transport.stream import StreamConnection
from sbc.transport.table import ConnectionTable
from sbc.transport.tls import TlsLayer
from sbc.wire import Flow

_SWEEP: Final = 5.0
_ACCEPTED: Final = 32
"""Connections taken in one wake-up, so that others get their turn in a flood; the rest waits in the kernel."""
_Aim = tuple[int, str, int, tuple[str, ...]]
"""A peer, and the names of which it must prove one."""


class _Opening:
    """Messages that wait for a connection."""

    __slots__ = ("flows", "messages", "size")

    def __init__(self) -> None:
        self.messages: Final[list[tuple[bytes, Flow]]] = []
        self.size = 0


class Streams:
    """Sends to stream flows, opening a connection where there is none, and bounds what peers can hold.

    A flow with a connection number goes to that connection or is undeliverable; one without goes to an open connection
    to the same peer from the same listener, or to a new one from the listener's address (RFC 3261 section 18.1.1).
    Over TLS an open connection serves only if the peer has proved one of the flow's names on it. `contexts` is read at
    each handshake, by realm: put new ones in, and connections that are up go on as they are.
    """

    def __init__(
        self,
        receiver: Receiver,
        tasks: Tasks,
        messages: Limits,
        realms: Mapping[str, Realm],
        limits: StreamLimits,
        counters: Counters,
        numbers_from: int = 0,
    ) -> None:
        self._receiver: Final = receiver
        self._tasks: Final = tasks
        self._messages: Final = messages
        self._limits: Final = limits
        self._counters: Final = counters
        self._listeners: Final[dict[int, tuple[Listener, int]]] = {}
        self._servers: Final[dict[int, asyncio.Server]] = {}
        self._opening: Final[dict[_Aim, _Opening]] = {}
        self.table: Final = ConnectionTable(realms, limits, limits.connections)
        self.contexts: Final[dict[str, TlsContexts]] = {}
        self.door: Final = Door(receiver, limits, counters, self.table)
        self._last = numbers_from
        self._coming: Final[dict[tuple[int, str, int], list[tuple[bytes, Flow]]]] = {}
        """Peers whose connections another process gives us, and what waits for them."""
        self._paused: Final[dict[int, socket.socket]] = {}
        self._is_closed = False
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, listener: Listener, dscp: int, given: socket.socket | None = None) -> int:
        """Accept connections for this listener, by a socket that is `given` or a new one; the port bound.

        Raises ListenError.
        """
        sock = given or open_stream_listener(listener, dscp)
        if isinstance(sock, Doorway):
            sock.skipped = self._skip
        self._listeners[listener.index] = (listener, dscp)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self._accept(listener, dscp), sock=sock, backlog=_ACCEPTED)
        sock.listen(BACKLOG)  # asyncio takes its own number for both
        self._servers[listener.index] = server
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP, self._sweep)
        return int(sock.getsockname()[1])

    def close(self) -> None:
        """Stop accepting, open no more, and close every connection once its last bytes are sent."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for server in self._servers.values():
            server.close()
        self.door.close()
        for connection in self.table:
            connection.cut(Ended.SHUTDOWN)

    def accepts(self, listener: Listener) -> bool:
        """Whether connections are accepted for it."""
        return listener.index in self._servers

    def has(self, flow: Flow) -> bool:
        """Whether a connection for this flow is open, or comes."""
        return (flow.listener, flow.host, flow.port) in self._coming or self.table.find(flow) is not None

    def know(self, listener: Listener, dscp: int) -> None:
        """Send by this listener, which somebody else accepts by."""
        self._listeners[listener.index] = (listener, dscp)

    def pause(self) -> None:
        """Accept no more; connections stay, and so do the listening sockets."""
        for index, server in self._servers.items():
            self._paused[index] = Doorway(fileno=os.dup(server.sockets[0].fileno()))
            server.close()
        self._servers.clear()

    async def resume(self) -> None:
        """Accept again."""
        while self._paused:
            index, sock = self._paused.popitem()
            await self.listen(*self._listeners[index], sock)

    def give(self, taker: Callable[[socket.socket, Flow, bytes], bool]) -> None:
        """Let another process go on with every connection that it can go on with."""
        for connection in self.table:
            lent = connection.lend()
            if lent is None:
                continue
            sock, partial = lent
            with sock:
                is_taken = taker(sock, connection.flow, partial)
            if is_taken:
                connection.part()
            else:
                connection.take_back()

    def take(self, sock: socket.socket, flow: Flow, partial: bytes) -> None:
        """Go on with a connection of another process."""
        known = self._listeners.get(flow.listener)
        if known is None or self._is_closed:
            sock.close()
            return
        self._coming[flow.listener, flow.host, flow.port] = []
        self._tasks.create_task(self._take(sock, flow, partial, *known), name=f"take over {flow.host}:{flow.port}")

    async def _take(self, sock: socket.socket, flow: Flow, partial: bytes, listener: Listener, dscp: int) -> None:
        connection = StreamConnection(
            flow.connection, listener, self._receiver, self.table, self._messages, self._counters
        )
        connection.mark(dscp)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
            connection.go_on(partial)
        except OSError:
            sock.close()
        for data, back in self._coming.pop((flow.listener, flow.host, flow.port), ()):
            self.send(data, back)
        self._receiver.settle()

    def silence(self, listener: Listener) -> None:
        """The address of the listener with this index has gone: accept no more by it, and end its connections."""
        if self._listeners.pop(listener.index, None) is None:
            return
        server, paused = self._servers.pop(listener.index, None), self._paused.pop(listener.index, None)
        if server is not None:
            server.close()
        if paused is not None:
            paused.close()
        for connection in self.table:
            if connection.listener.index == listener.index:
                connection.abort(Ended.ADDRESS_GONE)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send, now or when the connection is there."""
        waiting = self._coming.get((flow.listener, flow.host, flow.port)) if self._coming else None
        if waiting is not None:
            waiting.append((data, flow))
            return
        connection = self.table.find(flow)
        if connection is not None and (connection.is_open or not flow.back):
            connection.send(data, flow)
        elif flow.back:  # RFC 3261 section 18.2.2: a response whose connection is gone
            self.send(data, Flow(flow.listener, flow.transport, flow.host, flow.back, 0, flow.names))
        elif flow.connection or flow.listener not in self._listeners:
            self._fail(flow, "connection lost" if flow.connection else "no listener of this transport")
        elif self._is_closed:
            self._fail(flow, Ended.SHUTDOWN.value)
        elif not is_address(flow.host, family_of(self._listeners[flow.listener][0].host)):
            self._fail(flow, "not an address of this family")
        else:
            self._wait(data, flow)

    def _skip(self) -> None:
        self._counters.refused[NotTaken.RESET] += 1

    def _accept(self, listener: Listener, dscp: int) -> asyncio.Protocol:
        self._counters.connections_accepted += 1
        connection = self._make(listener, dscp)
        if listener.transport != "TLS":
            return connection
        return TlsLayer(connection, self.contexts[listener.realm], self.door, self._limits.handshake)

    def _make(self, listener: Listener, dscp: int) -> StreamConnection:
        self._last += 1
        connection = StreamConnection(self._last, listener, self._receiver, self.table, self._messages, self._counters)
        connection.mark(dscp)
        return connection

    def _wait(self, data: bytes, flow: Flow) -> None:
        aim = (flow.listener, flow.host, flow.port, flow.names)
        opening = self._opening.get(aim)
        if opening is None:
            if len(self._opening) >= self._limits.openings:
                self._fail(flow, "too many connections are being opened")
                return
            opening = self._opening[aim] = _Opening()
            self._tasks.create_task(self._open(aim), name=f"connect to {flow.host}:{flow.port}")
        if opening.size + len(data) > self._limits.buffered:
            self._fail(flow, "too much waits for a connection")
            return
        opening.messages.append((data, flow))
        opening.size += len(data)

    async def _open(self, aim: _Aim) -> None:
        index, host, port, names = aim
        listener, dscp = self._listeners[index]
        reason = ""
        connection: StreamConnection | None = None
        try:
            async with asyncio.timeout(self._limits.connect):
                connection = await self._connect(listener, dscp, host, port, names or (host,))
        except TimeoutError:
            reason = "connection timed out"
        except TlsError as error:
            reason = error.reason
        except OSError as error:
            reason = reason_of(error)
        opening = self._opening.pop(aim)
        for data, flow in opening.messages:
            if connection is not None and connection.is_open:
                connection.send(data, flow)
            else:
                self._fail(flow, reason or "connection lost")
        self._receiver.settle()

    async def _connect(
        self, listener: Listener, dscp: int, host: str, port: int, names: tuple[str, ...]
    ) -> StreamConnection:
        loop = asyncio.get_running_loop()
        connection = self._make(listener, dscp)
        connection.is_ours = True
        layer: TlsLayer | None = None
        if listener.transport == "TLS":
            layer = TlsLayer(connection, self.contexts[listener.realm], self.door, self._limits.handshake, names)
        sock = open_stream_client(listener, dscp)
        try:
            scope = scope_of(listener)
            await loop.sock_connect(sock, (host, port, 0, scope) if sock.family == socket.AF_INET6 else (host, port))
            await loop.create_connection(lambda: layer or connection, sock=sock)
        except BaseException:
            sock.close()
            raise
        if layer is not None:  # from here on the socket is the layer's
            await layer.settled()
        self._counters.connections_opened += 1
        return connection

    def _fail(self, flow: Flow, reason: str) -> None:
        self._counters.undeliverable += 1
        self._receiver.undeliverable(flow, reason)

    def _sweep(self) -> None:
        """Close connections that said nothing, stopped in the middle of a message, or have been silent for long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in self.table:
            reason = connection.overdue(now, self._limits)
            if connection.is_over(now):
                connection.abort(Ended.NOT_READING)
            elif not connection.is_open:
                continue
            elif reason is Ended.NOT_READING:
                connection.abort(reason)
            elif reason is not None:
                connection.cut(reason)
        self._sweeper = loop.call_later(_SWEEP, self._sweep)
