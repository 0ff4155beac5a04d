"""An engine without a network: sockets that are bound to nothing, time that is a number."""

from __future__ import annotations

import errno
import random
import socket
from typing import Final

from rtpengine import Reply, Request, Value, decode, encode
from rtpengine.embedded import Limits, parse_interfaces
from rtpengine.embedded.addresses import Endpoint
from rtpengine.embedded.call import Clock
from rtpengine.embedded.engine import Engine
from rtpengine.embedded.fastpath import FastPath
from rtpengine.embedded.ports import PortPool
from rtpengine.embedded.relay import Relay
from rtpengine.embedded.stream import Stream


class Deaf(socket.socket):
    """A datagram socket that is bound to nothing and keeps what it is to send."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.sent: Final[list[tuple[bytes, Endpoint]]] = []

    def sendto(self, data: bytes, address: Endpoint) -> int:  # type: ignore[override]
        """Sent, as far as anybody can tell."""
        self.sent.append((bytes(data), address))
        return len(data)


class Ports:
    """Opens datagram sockets and remembers which address each stands for."""

    def __init__(self) -> None:
        self.open: Final[dict[tuple[str, int], socket.socket]] = {}
        self.taken: set[int] = set()
        """Ports that another process sits on."""

    def bind(self, host: str, port: int) -> socket.socket:
        """As the kernel would: an address once."""
        known = self.open.get((host, port))
        if port in self.taken or (known is not None and known.fileno() >= 0):
            raise OSError(errno.EADDRINUSE, "in use")
        sock = Deaf()
        self.open[host, port] = sock
        return sock

    @property
    def count(self) -> int:
        """Sockets open now."""
        return sum(sock.fileno() >= 0 for sock in self.open.values())


class Bench:
    """An engine, a clock to turn, and commands in their typed form."""

    def __init__(
        self,
        *interfaces: str,
        ports: tuple[int, int] = (40000, 40099),
        limits: Limits | None = None,
        fast_path: FastPath | None = None,
    ) -> None:
        self.ports: Final = Ports()
        self.now = 1000.0
        self.relay: Final = Relay(fast_path)
        found = parse_interfaces(list(interfaces) or ["127.0.0.1"])
        hosts = {address.host for interface in found.all for address in interface.addresses}
        pools = {host: PortPool(host, *ports, self.ports.bind, random.Random(1)) for host in hosts}
        self.engine: Final = Engine(found, pools, self.relay, limits or Limits(), self.clock)

    @property
    def clock(self) -> Clock:
        """Now."""
        return Clock(self.now, self.now + 1e9)

    def ask(self, command: Request) -> Reply:
        """The command's reply."""
        return self.raw(command.to_dict())

    def raw(self, request: dict[str, Value]) -> Reply:
        """Through bencode and back, as on the wire."""
        decoded = decode(encode(request))
        assert isinstance(decoded, dict)
        reply = decode(encode(self.engine.handle(decoded, self.clock)))
        assert isinstance(reply, dict)
        return Reply(reply)

    def advance(self, seconds: float) -> None:
        """Let time pass, with enough turns to look at every call."""
        self.now += seconds
        for _ in range(30):
            self.engine.handle_timer(self.clock)

    def stream(self, port: int, host: str = "127.0.0.1") -> Stream:
        """The stream on a local address."""
        for call in self.engine.calls.values():
            for stream in call.streams():
                if stream.local[:2] == (host, port):
                    return stream
        raise AssertionError(f"no stream on {port}")

    def close(self) -> None:
        """End everything."""
        self.engine.close()


def sdp(
    host: str = "192.0.2.1", port: int = 4000, *, direction: str = "sendrecv", extra: str = "", kind: str = "audio"
) -> bytes:
    """One m-line."""
    family = "IP6" if ":" in host else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
        f"m={kind} {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n{extra}a={direction}\r\n"
    ).encode()
