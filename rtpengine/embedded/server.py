"""The control socket: datagrams to the engine and back, and the life of the engine's process."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Sequence
from typing import Final

from rtpengine.bencode import Value
from rtpengine.embedded.call import Clock
from rtpengine.embedded.cookies import CookieCache
from rtpengine.embedded.description import Fault
from rtpengine.embedded.engine import Engine, Limits
from rtpengine.embedded.fastpath import FastPath
from rtpengine.embedded.framing import decode_payload, encode_payload, is_json
from rtpengine.embedded.http import HttpListener
from rtpengine.embedded.interfaces import Interfaces
from rtpengine.embedded.player import PACE
from rtpengine.embedded.ports import Bind, PortPool, bind_socket
from rtpengine.embedded.relay import Relay
from rtpengine.replies import split_cookie

TICK: Final = 0.1
"""Seconds between two turns of `Engine.handle_timer`."""
_DATAGRAM: Final = 65536
_BATCH: Final = 16
_RECEIVE_BUFFER: Final = 4 << 20
"""Bytes: the commands of some seconds, while media or the machine keep us from them."""
_SO_RCVBUFFORCE: Final = 33


class Server:
    """An engine with its control socket, on the running loop. `start` and `close` are all there is to it."""

    def __init__(
        self,
        interfaces: Interfaces,
        ports: tuple[int, int],
        limits: Limits | None = None,
        fast_path: FastPath | None = None,
        bind: Bind = bind_socket,
    ) -> None:
        clock = read_clock()
        shuffle = random.SystemRandom()
        hosts = {address.host for interface in interfaces.all for address in interface.addresses}
        pools = {host: PortPool(host, *ports, bind, shuffle) for host in sorted(hosts)}
        self._relay: Final = Relay(fast_path)
        self.engine: Final = Engine(interfaces, pools, self._relay, limits or Limits(), clock)
        self._cookies: Final = CookieCache(clock.monotonic)
        self.heard_at = clock.monotonic
        """When the last command came."""
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pacing: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> tuple[str, int]:
        """Listen; the address bound, where port 0 was asked."""
        self._loop = loop
        sock = bind_socket(host, port)
        for option in (socket.SO_RCVBUF, _SO_RCVBUFFORCE):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, _RECEIVE_BUFFER)
        self._socket = sock
        loop.add_reader(sock.fileno(), self._receive)
        self._relay.attach(loop)
        self._timer = loop.call_later(TICK, self._tick, loop)
        name = sock.getsockname()
        return str(name[0]), int(name[1])

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """End all calls and close everything."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pacing is not None:
            self._pacing.cancel()
        self._loop = None
        self.engine.close()
        if self.engine.key_log is not None:
            self.engine.key_log.close()
        self._relay.detach(loop)
        if self._socket is not None:
            loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _receive(self) -> None:
        """Drain the control socket, up to a batch so that media gets its turn."""
        sock = self._socket
        for _ in range(_BATCH):
            if sock is None:
                return
            try:
                data, source = sock.recvfrom(_DATAGRAM)
            except OSError:
                return
            reply = self.answer(data)
            if reply is not None:
                with contextlib.suppress(
                    OSError
                ):  # as the real daemon: what cannot be sent is lost, the client repeats
                    sock.sendto(reply, source)

    def answer(self, data: bytes) -> bytes | None:
        """The reply to a datagram; None where it has no cookie."""
        cookie, payload = split_cookie(data)
        if not cookie:
            return None
        clock = read_clock()
        self.heard_at = clock.monotonic
        cached = self._cookies.find(cookie, clock.monotonic)
        if cached is not None:
            return cached
        reply: dict[str, Value]
        try:
            request, as_json = decode_payload(payload)
        except Fault as fault:
            reply, as_json = {"result": "error", "error-reason": fault.reason}, is_json(payload)
        else:
            reply = self.engine.handle(request, clock)
            self._pace()
        finished = cookie + b" " + encode_payload(reply, as_json=as_json)
        self._cookies.add(cookie, finished)
        return finished

    def _pace(self) -> None:
        """Wake players, as long as there are any."""
        if self._pacing is None and self._loop is not None and self.engine.resources.players:
            self._pacing = self._loop.call_later(PACE, self._play)

    def _play(self) -> None:
        self._pacing = None
        self.engine.resources.play(time.monotonic())
        self._pace()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK, self._tick, loop)
        self.engine.handle_timer(read_clock())


def read_clock() -> Clock:
    """Now."""
    return Clock(time.monotonic(), time.time())


async def serve(
    server: Server,
    listen: tuple[str, int],
    stop: asyncio.Event,
    announce: Sequence[str] = ("ready",),
    http: tuple[str, int] | None = None,
) -> None:
    """Run until `stop` is set; prints one line when listening: `ready HOST:PORT`. `http` is a second address, for the
    same protocol over HTTP."""
    loop = asyncio.get_running_loop()
    host, port = server.start(loop, *listen)
    listener = HttpListener(server.answer)
    try:
        if http is not None:
            await listener.start(*http)
        shown = f"[{host}]" if ":" in host else host
        print(*announce, f"{shown}:{port}", flush=True)  # noqa: T201 - the line the parent waits for
        await stop.wait()
    finally:
        listener.close()
        server.close(loop)
