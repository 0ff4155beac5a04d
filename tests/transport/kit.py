"""Sockets on loopback for the transport tests, and a receiver that remembers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from policies import Action, Document
from sbc.config import Config, Listener, Realm
from sbc.sip import Limits, ParseError
from sbc.transport import StreamLimits, Transports
from sbc.wire import Flow

OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
    b"To: <sip:b@x>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@dataclass
class Heard:
    """What the transports reported, in order."""

    messages: list[tuple[bytes, Flow]] = field(default_factory=list)
    faults: list[ParseError] = field(default_factory=list)
    undelivered: list[tuple[Flow, str]] = field(default_factory=list)
    turned_away: list[tuple[Flow, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    ended: list[tuple[Flow, str]] = field(default_factory=list)
    settled: int = 0

    def receive(self, data: bytes, flow: Flow) -> None:
        self.messages.append((data, flow))

    def malformed(self, error: ParseError, flow: Flow) -> None:
        self.faults.append(error)

    def undeliverable(self, flow: Flow, reason: str) -> None:
        self.undelivered.append((flow, reason))

    def handshake_failed(self, flow: Flow, reason: str, certificate: str) -> None:
        self.turned_away.append((flow, reason))
        self.shown.append(certificate)

    def connection_ended(self, flow: Flow, reason: str) -> None:
        self.ended.append((flow, reason))

    def settle(self) -> None:
        self.settled += 1


def config(*listeners: tuple[str, str], dscp: int = 24, message_bytes: int = 65535) -> Config:
    """One realm that listens on these (transport, host), on any free port."""
    made = tuple(Listener(i, "outside", kind, host, 0) for i, (kind, host) in enumerate(listeners))
    realm = Realm("outside", made, "example.net", dscp_sip=dscp)
    return Config(
        name="test",
        realms={"outside": realm},
        trunks={},
        listeners=made,
        policy=Document(name="none", default=Action(reject=403)),
        limits=Limits(message_bytes),
    )


def limited(settings: Config, *, connections: int = 16384, connections_per_source: int = 512) -> Config:
    """The same with these limits of its realm."""
    realm = settings.realms["outside"]
    realm = replace(realm, connections=connections, connections_per_source=connections_per_source)
    return replace(settings, realms={"outside": realm})


@asynccontextmanager
async def opened(settings: Config, limits: StreamLimits | None = None) -> AsyncIterator[tuple[Transports, Heard]]:
    """Transports that are open; closed and their tasks ended behind the block."""
    heard = Heard()
    async with asyncio.TaskGroup() as tasks:
        transports = Transports(settings, heard, tasks, limits)
        await transports.open()
        try:
            yield transports, heard
        finally:
            transports.close()
            await until(lambda: not transports.connections)


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until it holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come to pass"
        await asyncio.sleep(0.005)


def udp_peer(host: str = "127.0.0.1") -> socket.socket:
    """A peer's socket on a free port, non-blocking."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


def closed_port(kind: int = socket.SOCK_DGRAM) -> int:
    """A port nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
