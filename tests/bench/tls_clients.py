"""TLS clients that cost little: OpenSSL's memory buffers and one poll loop, so that they are not what is measured.

Each connection is a full handshake: no session is ever kept, so none can be resumed.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from OpenSSL import SSL

from sbc.config import Certificate

PATIENCE: Final = 20.0
"""Seconds for a connection, or for an answer."""
UNDER_WAY: Final = 100
"""Handshakes begun and not done, at most: a node takes 128 of one source. Where it is slower than asked, so are we."""
_READ: Final = 16384
_NO_AUTO_CHAIN: Final = 8  # SSL_MODE_NO_AUTO_CHAIN: else each handshake looks for our own issuer
_END: Final = b"\r\n\r\n"
_OPTIONS: Final = (
    "OPTIONS sip:{name} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{serial}\r\n"
    "From: <sip:a@carrier.example>;tag=1\r\nTo: <sip:b@carrier.example>\r\nCall-ID: {serial}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


class Client:
    """One connection."""

    __slots__ = ("_name", "asked_at", "began_at", "is_up", "received", "sock", "tls", "took")

    def __init__(self, context: SSL.Context, name: str, port: int) -> None:
        self.began_at = self.asked_at = time.monotonic()
        self.took = 0.0
        """Seconds from the SYN to the end of the handshake."""
        self.is_up = False
        self.received = b""
        self.sock: Final = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(("127.0.0.1", port))
        self._name: Final = name
        self.tls: Final = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.tls.set_tlsext_host_name(name.encode())

    @property
    def serial(self) -> int:
        """Of the certificate that the node has shown here."""
        certificate = self.tls.get_peer_certificate(as_cryptography=True)
        assert certificate is not None, "the handshake is done"
        return certificate.serial_number

    def advance(self) -> bool:
        """Go on with the handshake, or read what came; True where an answer is whole. Raises OSError, SSL.Error."""
        self._pull()
        if not self.is_up:
            try:
                self.tls.do_handshake()
            except SSL.WantReadError:
                self.flush()
                return False
            self.is_up = True
            self.took = time.monotonic() - self.began_at
            self.ask()
            return False
        try:
            while True:
                self.received += self.tls.recv(_READ)
        except SSL.WantReadError:
            return _END in self.received

    def ask(self) -> None:
        """Send OPTIONS: who says nothing for long is cut off."""
        self.received = b""
        self.asked_at = time.monotonic()
        self.tls.send(_OPTIONS.format(name=self._name, serial=os.urandom(8).hex()).encode())
        self.flush()

    def flush(self) -> None:
        """Send what TLS wants to."""
        try:
            self.sock.send(self.tls.bio_read(_READ))
        except SSL.WantReadError:
            return

    def _pull(self) -> None:
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError("closed by the node")
        self.tls.bio_write(data)


class Phase:
    """What became of one burst of work."""

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0
        self.seconds = 0.0
        self.cpu = 0.0
        """CPU seconds of the clients."""
        self.ends: list[float] = []
        """When each was done, since the start."""

    @property
    def slowest(self) -> float:
        """How many a second were done in the worst five seconds that were whole; the whole where there were none."""
        windows = [0] * int(self.seconds / 5)
        for end in self.ends:
            if end < len(windows) * 5:
                windows[int(end / 5)] += 1
        return min(windows) / 5 if windows else self.done / max(self.seconds, 1e-9)


class Clients:
    """All connections, driven by one loop. `failures` says why those failed that did."""

    def __init__(self, own: Certificate, ca: str, name: str, port: int) -> None:
        self.context: Final = SSL.Context(SSL.TLS_METHOD)
        self.context.use_certificate_chain_file(own.certificate)
        self.context.use_privatekey_file(own.key)
        self.context.load_verify_locations(ca)
        self.context.set_verify(SSL.VERIFY_PEER)
        self.context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        self.context.set_mode(_NO_AUTO_CHAIN)
        self.up: Final[list[Client]] = []
        self.failures: Final[list[str]] = []
        self._name: Final = name
        self._port: Final = port
        self._poll: Final = select.epoll()
        self._busy: Final[dict[int, Client]] = {}

    def open(self, number: int, rate: float) -> Phase:
        """So many more connections, begun at this rate as far as the node follows, each asked once; those that work are
        `up`.
        """
        start = time.monotonic()
        begun = 0

        def begin() -> float:
            """Begin what is due; when the next one is."""
            nonlocal begun
            while begun < number and len(self._busy) < UNDER_WAY and start + begun / rate <= time.monotonic():
                self._begin()
                begun += 1
            return start + begun / rate if begun < number and len(self._busy) < UNDER_WAY else 0.0

        return self._drive(begin, lambda: begun < number, self.up.append)

    def ask_all(self, window: int = 50) -> Phase:
        """One OPTIONS on each that is up, so many at a time."""
        waiting = iter(list(self.up))
        left = len(self.up)

        def begin() -> float:
            nonlocal left
            while left and len(self._busy) < window:
                client = next(waiting)
                left -= 1
                try:
                    client.ask()
                except (OSError, SSL.Error):
                    self.failures.append("lost")
                else:
                    self._busy[client.sock.fileno()] = client
            return 0.0

        lost = len(self.failures)
        phase = self._drive(begin, lambda: bool(left), lambda _: None)
        phase.failed = len(self.failures) - lost
        return phase

    def hurry(self, seconds: float, clients: int = 16) -> Phase:
        """As many handshakes as both sides manage, each asked once and then dropped."""
        end = time.monotonic() + seconds

        def begin() -> float:
            while len(self._busy) < clients and time.monotonic() < end:
                self._begin()
            return 0.0

        return self._drive(begin, lambda: time.monotonic() < end, self._drop)

    def close(self) -> None:
        """Drop all."""
        for client in self.up:
            self._drop(client)
        self.up.clear()

    def _begin(self) -> None:
        client = Client(self.context, self._name, self._port)
        self._busy[client.sock.fileno()] = client
        self._poll.register(client.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _drive(self, begin: Callable[[], float], more: Callable[[], bool], keep: Callable[[Client], None]) -> Phase:
        phase, cpu, start = Phase(), time.process_time(), time.monotonic()
        looked = start
        while True:
            at = begin()
            if not self._busy and not more():
                break
            wait = max(0.0, at - time.monotonic()) if at else 0.5
            for number, event in self._poll.poll(wait):
                self._handle(number, event, phase, keep, start)
            if time.monotonic() - looked > 1.0:
                looked = time.monotonic()
                self._give_up(looked, phase)
        phase.seconds, phase.cpu = time.monotonic() - start, time.process_time() - cpu
        return phase

    def _handle(self, number: int, event: int, phase: Phase, keep: Callable[[Client], None], start: float) -> None:
        client = self._busy.get(number)
        if client is None:  # it is up, and was not asked: nothing but its end can come
            self._poll.unregister(number)
            return
        try:
            if event & select.EPOLLOUT:
                self._poll.modify(number, select.EPOLLIN)
            if not client.advance():
                return
        except (OSError, SSL.Error) as error:
            self._lose(number, client, repr(error), phase)
            return
        del self._busy[number]
        if client.received.startswith(b"SIP/2.0 200 "):
            phase.done += 1
            phase.ends.append(time.monotonic() - start)
        else:
            phase.failed += 1
            self.failures.append(repr(client.received[:30]))
        keep(client)

    def _lose(self, number: int, client: Client, why: str, phase: Phase) -> None:
        del self._busy[number]
        phase.failed += 1
        self.failures.append(why)
        self._drop(client)

    def _give_up(self, now: float, phase: Phase) -> None:
        for number, client in list(self._busy.items()):
            if now - client.asked_at > PATIENCE:
                self._lose(number, client, "no answer in time", phase)

    @staticmethod
    def _drop(client: Client) -> None:
        client.sock.close()  # which takes it off the poll, too
