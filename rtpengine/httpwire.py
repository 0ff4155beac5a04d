"""HTTP as the wire of a `Client`: each command a `POST /ng` on one of a few kept connections.

One request at a time on a connection, as engines work them off in this order; commands of different calls go by
different connections. What cannot be sent, or is not answered, is repeated by the client's timer like a datagram that
got lost: the cookie is the same, so nothing is worked off twice. An HTTP status other than 200 counts as silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from rtpengine.http import MAX_HEAD, head_of, length_in

CONNECTIONS: Final = 16
"""Kept open at once, and so many requests are under way."""
BACKLOG: Final = 4096
"""Requests that wait for a connection; beyond, they are as good as lost, and repeated."""
PATIENCE: Final = 5.0
"""Seconds in which a request must have been answered; a connection that takes longer is closed."""
_CHUNK: Final = 262_144


class HttpWire:
    """The way to one engine's HTTP listener; replies go to `receive`, `refuse` hears of a closed port."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        family: int,
        address: Any,  # noqa: ANN401 - what getaddrinfo gives
        receive: Callable[[bytes], None],
        refuse: Callable[[], None],
    ) -> None:
        self.loop: Final = loop
        self.family: Final = family
        self.address: Final = address
        self.refuse: Final = refuse
        self._receive: Final = receive
        self._waiting: Final[deque[bytes]] = deque()
        self._idle: Final[list[_Connection]] = []
        self._open: Final[set[_Connection]] = set()
        self._is_closed = False

    def sendto(self, data: bytes) -> None:
        """One request."""
        if self._is_closed:
            return
        if self._idle:
            self._idle.pop().post(data)
        elif len(self._open) < CONNECTIONS:
            self._dial(data)
        elif len(self._waiting) < BACKLOG:
            self._waiting.append(data)

    def close(self) -> None:
        """No more."""
        self._is_closed = True
        self._waiting.clear()
        self._idle.clear()
        for connection in list(self._open):
            connection.close()

    def answered(self, connection: _Connection, payload: bytes | None) -> None:
        """A connection has its response, which held this; None for one that says no. It may have another request."""
        if payload is not None:
            self._receive(payload)
        if connection not in self._open:  # closed by whom the reply was for
            return
        if self._waiting:
            connection.post(self._waiting.popleft())
        else:
            self._idle.append(connection)

    def ended(self, connection: _Connection) -> None:
        """A connection is no more; what waits may have another in its place."""
        self._open.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if self._waiting and not self._is_closed:
            self._dial(self._waiting.popleft())

    def _dial(self, data: bytes) -> None:
        connection = _Connection(self)
        self._open.add(connection)
        connection.post(data)


class _Connection:
    """One socket, from its first request until the engine or we close it."""

    __slots__ = ("_buffer", "_data", "_is_dialing", "_out", "_serves", "_sock", "_timer", "_wire", "_writes")

    def __init__(self, wire: HttpWire) -> None:
        self._wire: Final = wire
        self._sock: Final = socket.socket(wire.family, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._data = self._out = b""
        self._buffer = bytearray()
        self._serves = False
        """It has had a response: should it end before the next, then because it was idle for too long."""
        self._writes = True
        self._timer: asyncio.TimerHandle | None = None
        self._is_dialing = self._sock.connect_ex(wire.address) in (errno.EINPROGRESS, errno.EALREADY)
        wire.loop.add_reader(self._sock.fileno(), self._readable)
        wire.loop.add_writer(self._sock.fileno(), self._writable)

    def post(self, data: bytes) -> None:
        """The next request; the one before has been answered."""
        self._data = data
        self._out = head_of(str(self._wire.address[0]), int(self._wire.address[1]), len(data)) + data
        self._timer = self._wire.loop.call_later(PATIENCE, self._give_up)
        if not self._is_dialing:
            self._write()

    def _give_up(self) -> None:
        self._serves = False
        self.close()

    def close(self) -> None:
        """Let it go; harmless when that was done. What it has still to do goes by a new one if this was an old one."""
        if self._sock.fileno() < 0:
            return
        again = self._data if self._serves and self._timer is not None else b""
        self._stop_clock()
        self._wire.loop.remove_reader(self._sock.fileno())
        self._wire.loop.remove_writer(self._sock.fileno())
        self._sock.close()
        self._wire.ended(self)
        if again:
            self._wire.sendto(again)

    def _writable(self) -> None:
        if self._is_dialing:
            error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                if error == errno.ECONNREFUSED:
                    self._wire.refuse()
                self.close()
                return
            self._is_dialing = False
        self._write()

    def _write(self) -> None:
        try:
            sent = self._sock.send(self._out) if self._out else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        self._out = self._out[sent:]
        if bool(self._out) is not self._writes:
            self._writes = bool(self._out)
            if self._writes:
                self._wire.loop.add_writer(self._sock.fileno(), self._writable)
            else:
                self._wire.loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        if self._is_dialing:
            return  # the writer's side learns how that went
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data or self._timer is None:  # gone, or an answer to nothing
            self.close()
            return
        self._buffer += data
        self._take()

    def _take(self) -> None:
        """A whole response, if there is one."""
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                self.close()
            return
        status, length, is_last = length_in(bytes(self._buffer[: end + 4]))
        if length < 0:
            self.close()
            return
        if len(self._buffer) < end + 4 + length:
            return
        payload = bytes(self._buffer[end + 4 : end + 4 + length])
        self._buffer.clear()
        self._stop_clock()
        self._serves = True
        if is_last:
            self.close()
        self._wire.answered(self, payload if status == "200" else None)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
