"""A scripted user agent on one connection, TCP or TLS: whether it is still the same one is what the test asks."""

from __future__ import annotations

import re
import select
import socket
import ssl
from typing import Final

from tests.rig.namespaces import entered
from tests.rig.rig import Rig, Side
from tests.rig.ua import Message, Ua

_LENGTH: Final = re.compile(rb"^content-length *: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CONTACT: Final = re.compile(r"^(Contact: <[^>;]+)>", re.MULTILINE)


class StreamUa(Ua):
    """A `Ua` that says and hears everything on one connection; `ended` tells how that has ended, if it has."""

    def __init__(self, sock: socket.socket, node: tuple[str, int]) -> None:
        self._socket: socket.socket = sock
        self.transport: Final = "TLS" if isinstance(sock, ssl.SSLSocket) else "TCP"
        self.host, self.port = sock.getsockname()[:2]
        self.node = node
        self.ended = ""
        """"closed" in peace, or "reset"."""
        self.heard = []
        self._waiting = []
        self._seen = set()
        self._buffer = b""

    def send(self, data: bytes | str, to: tuple[str, int] | None = None) -> None:
        """Send on the connection, with Via and Contact of its transport."""
        text = data.decode() if isinstance(data, bytes) else data
        text = text.replace("SIP/2.0/UDP", f"SIP/2.0/{self.transport}")
        self._socket.sendall(_CONTACT.sub(rf"\1;transport={self.transport.lower()}>", text).encode())

    def receive(self, timeout: float = 5.0) -> Message | None:
        """The next message, or None."""
        while True:
            head, found, rest = self._buffer.lstrip(b"\r\n").partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if found and len(rest) >= size:
                self._buffer = rest[size:]
                message = Message(head + found + rest[:size], self.node)
                self.heard.append(message)
                return message
            if not self._read(timeout):
                return None

    def _read(self, timeout: float) -> bool:
        is_pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        if self.ended or not (is_pending or select.select([self._socket], [], [], max(timeout, 0.001))[0]):
            return False
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        if not data:
            self.ended = "closed"
        self._buffer += data
        return bool(data)


def connected(rig: Rig, side: Side, port: int, tls: ssl.SSLContext | None = None, peer: int = 0) -> StreamUa:
    """A caller that has opened a connection to the node."""
    with entered(rig.network.namespace_of(side.name)):
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    plain.bind((side.peers[peer], 0))
    plain.settimeout(40)
    plain.connect((side.node, port))
    sock = tls.wrap_socket(plain) if tls is not None else plain
    return StreamUa(sock, (side.node, port))


class StreamTrunk:
    """Where a trunk listens: the connection that the node opens to it is a `StreamUa`."""

    def __init__(self, rig: Rig, side: Side, port: int, tls: ssl.SSLContext | None = None) -> None:
        with entered(rig.network.namespace_of(side.name)):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((side.peers[0], port))
        self._socket.listen(5)
        self._socket.settimeout(40)
        self._tls = tls
        self._accepted: list[StreamUa] = []

    def accepted(self) -> StreamUa:
        """The next connection that the node opens."""
        plain, peer = self._socket.accept()
        plain.settimeout(40)
        sock = self._tls.wrap_socket(plain, server_side=True) if self._tls is not None else plain
        self._accepted.append(StreamUa(sock, (str(peer[0]), int(peer[1]))))
        return self._accepted[-1]

    def close(self) -> None:
        """Listen no more, and let go of all connections."""
        for ua in self._accepted:
            ua.close()
        self._socket.close()
