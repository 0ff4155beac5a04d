"""The controller's client: one engine, by UDP over a socket of its own, or by HTTP.

A request is repeated byte for byte, same cookie, until its reply comes or the attempts are used up: an engine that has
already done the work repeats its reply. Commands that name a call go one after the other, in the order given, since an
engine works them off in parallel and an answer must not overtake its offer. Commands of different calls run side by
side.

Not for: choosing among engines, and not for health; a pool does that.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from rtpengine.commands import Delete, Query
from rtpengine.errors import GarbledReply, Unreachable
from rtpengine.httpwire import HttpWire
from rtpengine.replies import Reply, decode_reply, split_cookie
from rtpengine.wire import Request, encode_request

DEFAULT_INTERVAL: Final = 1.0
DEFAULT_ATTEMPTS: Final = 4

BATCH: Final = 256
"""Replies taken in one wake-up."""

_RECEIVE_BUFFER: Final = 4 << 20
"""Bytes: the replies of a second, while the controller is kept from running; the system's default holds ninety."""
_SO_RCVBUFFORCE: Final = 33
_DATAGRAM: Final = 65535


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    """What one client has seen since it was opened."""

    requests: int
    repeats: int
    timeouts: int
    garbled: int
    strays: int
    """Datagrams under a cookie nobody waits for: late copies, or somebody else's."""
    pending: int
    """Requests on the wire or queued behind another of the same call."""


class _Request:
    """A request from `submit` to its end."""

    __slots__ = ("attempts", "call_id", "cookie", "data", "future", "sent_at", "timer")

    def __init__(self, data: bytes, cookie: bytes, command: Request, future: asyncio.Future[Reply]) -> None:
        self.cookie: Final = cookie
        self.data: Final = data
        self.call_id: Final[str] = getattr(command, "call_id", "")
        self.future: Final = future
        self.attempts = 0
        self.sent_at = 0.0
        self.timer: asyncio.TimerHandle | None = None


class Wire(Protocol):
    """Takes datagrams for the engine; its replies come to `Client.receive`."""

    def sendto(self, data: bytes) -> None:
        """One datagram."""

    def close(self) -> None:
        """No more."""


class Client:
    """One engine's control socket. Made by `connect`, ended by `close`; all of it on one event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, interval: float, attempts: int, *, as_json: bool = False
    ) -> None:
        self._loop: Final = loop
        self._interval: Final = interval
        self._attempts: Final = attempts
        self._as_json: Final = as_json
        self._transport: Wire | None = None
        self._waiting: Final[dict[bytes, _Request]] = {}
        self._calls: Final[dict[str, deque[_Request]]] = {}
        self._requests = self._repeats = self._timeouts = self._garbled = self._strays = 0
        self._quickest: float | None = None
        self.refused_at = 0.0
        """When the engine's host last said that nobody has its port (the loop's clock); 0: never."""

    @staticmethod
    async def connect(
        host: str,
        port: int,
        *,
        interval: float = DEFAULT_INTERVAL,
        attempts: int = DEFAULT_ATTEMPTS,
        as_json: bool = False,
        by_http: bool = False,
    ) -> Client:
        """Open a way to the engine at `host` (an address) and `port`.

        `interval` is the time in seconds after which a request is sent again, `attempts` how often it is sent at all;
        `as_json` is for an engine whose log people read; `by_http` for one beyond a network that keeps datagrams, or
        large ones, from it: the port is that of its HTTP listener then.
        """
        loop = asyncio.get_running_loop()
        client = Client(loop, interval, attempts, as_json=as_json)
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        make = HttpWire if by_http else _Socket
        client._transport = make(loop, found[0][0], found[0][4], client.receive, client.refuse)
        return client

    async def request(self, command: Request) -> Reply:
        """Send and wait. The reply may be a no (`Reply.check` raises it); silence and nonsense raise `Unreachable`."""
        return await self.submit(command)

    def submit(self, command: Request) -> asyncio.Future[Reply]:
        """As `request`, without a task: the future ends with the reply or with `Unreachable`."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None:
            future.set_exception(Unreachable("the client is closed"))
            return future
        cookie = secrets.token_hex(16).encode()
        data = self._encoded(cookie, command)
        request = _Request(data, cookie, command, future)
        self._requests += 1
        queue = self._calls.get(request.call_id) if request.call_id else None
        if queue is not None:
            queue.append(request)
            return future
        if request.call_id:
            self._calls[request.call_id] = deque()
        self._send(request)
        return future

    def delay(self) -> float | None:
        """Seconds that the quickest reply took since this was last asked; None where none came.

        That is how long commands wait at the engine and replies here. Silence is not delay: its timer tells.
        """
        quickest, self._quickest = self._quickest, None
        return quickest

    def close(self) -> None:
        """Close the socket; whoever still waits gets `Unreachable`."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        requests = [*self._waiting.values(), *(request for queue in self._calls.values() for request in queue)]
        self._waiting.clear()
        self._calls.clear()
        for request in requests:
            _fail(request, "the client was closed")

    def statistics(self) -> ClientStatistics:
        """A snapshot."""
        queued = sum(len(queue) for queue in self._calls.values())
        return ClientStatistics(
            self._requests, self._repeats, self._timeouts, self._garbled, self._strays, len(self._waiting) + queued
        )

    def _encoded(self, cookie: bytes, command: Request) -> bytes:
        if self._as_json or _tells_much(command):
            with contextlib.suppress(UnicodeDecodeError):  # bytes that are no UTF-8 cannot be said in JSON
                return encode_request(cookie, command, as_json=True)
        return encode_request(cookie, command)

    def _send(self, request: _Request) -> None:
        """First copy or repeat: put it on the wire and arm its timer."""
        if not request.attempts:
            request.sent_at = self._loop.time()
        request.attempts += 1
        self._waiting[request.cookie] = request
        if self._transport is not None:
            self._transport.sendto(request.data)
        request.timer = self._loop.call_later(self._interval, self._handle_timer, request)

    def _handle_timer(self, request: _Request) -> None:
        """No reply in time: again, or never."""
        if request.attempts < self._attempts:
            self._repeats += 1
            self._send(request)
            return
        self._timeouts += 1
        self._finish(request)
        _fail(request, f"no reply to {request.attempts} copies in {request.attempts * self._interval:g} s")

    def receive(self, data: bytes) -> None:
        """A datagram from the engine."""
        request = self._waiting.get(split_cookie(data)[0])
        if request is None:
            self._strays += 1
            return
        try:
            _, reply = decode_reply(data)
        except GarbledReply as error:
            self._garbled += 1
            self._finish(request)
            _fail(request, f"a garbled reply: {error}")
            return
        took = self._loop.time() - request.sent_at
        if self._quickest is None or took < self._quickest:
            self._quickest = took
        self._finish(request)
        if not request.future.done():
            request.future.set_result(reply)

    def refuse(self) -> None:
        """The engine's port is closed. Its timers go on: it may be starting just now."""
        self.refused_at = self._loop.time()

    def _finish(self, request: _Request) -> None:
        """Forget the request and send the next one of its call."""
        self._waiting.pop(request.cookie, None)
        if request.timer is not None:
            request.timer.cancel()
            request.timer = None
        queue = self._calls.get(request.call_id)
        if queue is None:
            return
        if queue:
            self._send(queue.popleft())
        else:
            del self._calls[request.call_id]


def _tells_much(command: Request) -> bool:
    """Whether the reply is long: JSON of four thousand bytes is read in a third of the time that bencode takes."""
    return isinstance(command, Query) or (isinstance(command, Delete) and bool(command.from_tag))


def _fail(request: _Request, reason: str) -> None:
    if request.timer is not None:
        request.timer.cancel()
        request.timer = None
    if not request.future.done():
        request.future.set_exception(Unreachable(reason))


class _Socket:
    """The wire on a connected socket. Drained by hand: a protocol class of asyncio takes one datagram in each turn of
    the loop, and behind a controller that takes many messages a turn the replies would never catch up.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        family: int,
        address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
        receive: Callable[[bytes], None],
        refuse: Callable[[], None],
    ) -> None:
        self._loop: Final = loop
        self._receive: Final = receive
        self._refuse: Final = refuse
        self._sock: Final = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            for option in (socket.SO_RCVBUF, _SO_RCVBUFFORCE):  # the latter needs CAP_NET_ADMIN, and has no ceiling
                with contextlib.suppress(OSError):
                    self._sock.setsockopt(socket.SOL_SOCKET, option, _RECEIVE_BUFFER)
            self._sock.connect(address)
        except OSError:
            self._sock.close()
            raise
        loop.add_reader(self._sock.fileno(), self._readable)

    def sendto(self, data: bytes) -> None:
        """What cannot be sent now is repeated like what got lost."""
        try:
            self._sock.send(data)
        except ConnectionRefusedError:  # of an earlier one
            self._refuse()
        except OSError:
            return

    def close(self) -> None:
        """No more."""
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                data = self._sock.recv(_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionRefusedError:
                self._refuse()
                continue
            except OSError:  # another ICMP error: the timer decides
                continue
            self._receive(data)
            if self._sock.fileno() < 0:  # closed by whom the reply was for
                return
