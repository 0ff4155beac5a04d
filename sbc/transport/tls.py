"""TLS between a TCP connection and the `StreamConnection` above it, on OpenSSL's memory buffers.

asyncio's own layer keeps a failed handshake to itself; this one tells who failed and why, lets every handshake take the
contexts that are current, and counts connections that are only half open.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from ipaddress import ip_address
from typing import Any, Final, Protocol, cast

from sbc.config import proves
from sbc.transport.certificates import TlsError, describe, identities, listed, reason_of_tls
from sbc.transport.contexts import TlsContexts, forget_what_is_shown, shown_by
from sbc.transport.stream import StreamConnection

_READ: Final = 65536


class Doorkeeper(Protocol):
    """Who bounds handshakes and hears of those that fail."""

    def knock(self, layer: TlsLayer) -> bool:
        """A peer wants to begin a handshake; False: too many are at it."""

    def passed(self, layer: TlsLayer) -> None:
        """The handshake is over, either way."""

    def refused(self, layer: TlsLayer, reason: str, shown: str) -> None:
        """It failed; `shown` says which certificate the peer showed, empty for none."""


class TlsLayer(asyncio.Transport, asyncio.Protocol):
    """The protocol of a TCP connection, and the transport of the `StreamConnection` that speaks through it.

    That one sees the connection only once the handshake is done and the peer's certificate is what it must be: of a
    client, present where it is required; of a server, for one of the names in `wanted` (RFC 5922 section 7.3).
    """

    def __init__(
        self,
        above: StreamConnection,
        contexts: TlsContexts,
        door: Doorkeeper,
        seconds: float,
        wanted: tuple[str, ...] | None = None,
    ) -> None:
        """`wanted` is None for a server."""
        super().__init__()
        self.above: Final = above
        self.host = ""
        self.port = 0
        self.names: tuple[str, ...] = ()
        self.wanted: Final = wanted
        self._established: Final[asyncio.Future[None] | None] = (
            None if wanted is None else asyncio.get_running_loop().create_future()
        )
        self._door: Final = door
        self._quiet: Final = contexts.quiet
        self._requires: Final = wanted is None and contexts.requires_client
        self._incoming: Final = ssl.MemoryBIO()
        self._outgoing: Final = ssl.MemoryBIO()
        self._tls: Final = (contexts.server if wanted is None else contexts.client).wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=wanted is None,
            server_hostname=_asked_for(wanted) if wanted else None,
        )
        self._seconds: Final = seconds
        self._limit: asyncio.TimerHandle | None = None
        self._tcp: asyncio.Transport | None = None
        self._is_up = False
        self._is_closing = False

    async def settled(self) -> None:
        """Wait until a client's handshake is done. Raises TlsError; given up, the connection is closed."""
        assert self._established is not None
        try:
            await self._established
        except asyncio.CancelledError:
            self.abort()
            raise

    # Below: the TCP connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is there: the handshake begins."""
        self._tcp = tcp = cast(asyncio.Transport, transport)
        peer = tcp.get_extra_info("peername")
        if peer:
            self.host, self.port = str(peer[0]).partition("%")[0], int(peer[1])
        if not peer or not self._door.knock(self):
            self._is_closing = True
            tcp.abort()
            return
        self._limit = asyncio.get_running_loop().call_later(self._seconds, self._fail, "handshake timed out", True)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """Ciphertext."""
        if self._is_closing:
            return
        self._incoming.write(data)
        if self._is_up:
            self._read()
        else:
            self._shake_hands()

    def connection_lost(self, exc: Exception | None) -> None:
        """TCP is gone."""
        self._settle()
        if self._is_up:
            self._is_closing = True
            self.above.connection_lost(exc)
        else:
            self._fail("closed during the handshake")
        self._tcp = None

    def pause_writing(self) -> None:
        """TCP takes no more just now; what is written meanwhile is bounded above."""

    def resume_writing(self) -> None:
        """TCP has taken everything."""
        if self._is_up:
            self.above.resume_writing()

    def give_up(self, reason: str) -> None:
        """End the handshake."""
        self._fail(reason, True)

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()  # the alert
            self._fail(reason_of_tls(error))
            return
        self._flush()
        certificate = self._tls.getpeercert()
        self.names = identities(certificate)
        if self._requires and not certificate:
            self._fail("no certificate shown, and one is required")
        elif self.wanted is not None and not proves(self.names, self.wanted):
            self._fail(f"wrong certificate: it is for {listed(self.names)}, not {listed(self.wanted)}")
        else:
            self._rise()

    def _rise(self) -> None:
        self._is_up = True
        self._settle()
        forget_what_is_shown(self._tls, self._quiet)
        self.above.connection_made(self)
        if self._established is not None and not self._established.done():
            self._established.set_result(None)
        if not self._is_closing:
            self._read()  # what came in one piece with the end of the handshake

    def _fail(self, reason: str, at_once: bool = False) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._settle()
        shown = describe(shown_by(self._tls))
        self._door.refused(self, reason, shown)
        if self._established is not None and not self._established.done():
            self._established.set_exception(TlsError(f"TLS: {reason}" + (f" ({shown})" if shown else "")))
        if self._tcp is not None:
            if at_once:
                self._tcp.abort()
            else:
                self._tcp.close()

    def _settle(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
            self._door.passed(self)

    def _read(self) -> None:
        clear: list[bytes] = []
        ended = False
        try:
            while data := self._tls.read(_READ):
                clear.append(data)
            ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # an alert, close_notify among them, or a record that was tampered with
            ended = True
        self._flush()
        if clear:
            self.above.data_received(b"".join(clear))
        if ended:
            self.close()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and self._tcp is not None and not self._tcp.is_closing():
            self._tcp.write(data)

    # Above: what the StreamConnection asks of its transport.

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        """As the TCP transport has it, and `tls_names`: what the peer has proved to be."""
        if name == "tls_names":
            return self.names
        return default if self._tcp is None else self._tcp.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encrypt and send."""
        if self._is_closing:
            return
        try:
            self._tls.write(data)
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """To the TCP connection."""
        if self._tcp is not None:
            self._tcp.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Ciphertext that the kernel has not taken yet."""
        return 0 if self._tcp is None else self._tcp.get_write_buffer_size()

    def is_closing(self) -> bool:
        """True once it was closed from either side."""
        return self._is_closing

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def write_eof(self) -> None:
        """Say no more (close_notify), once everything is sent; what still comes is thrown away."""
        if self._say_goodbye() and self._tcp is not None:
            self._tcp.write_eof()

    def close(self) -> None:
        """Say so (close_notify), and close once everything is sent."""
        self._say_goodbye()
        if self._tcp is not None:
            self._tcp.close()

    def _say_goodbye(self) -> bool:
        if self._is_closing or self._tcp is None:
            return False
        self._is_closing = True
        with contextlib.suppress(ssl.SSLError):  # it wants the peer's answer, for which nobody waits
            self._tls.unwrap()
        self._flush()
        return True

    def abort(self) -> None:
        """Close at once."""
        self._is_closing = True
        self._settle()
        if self._tcp is not None:
            self._tcp.abort()


def _asked_for(wanted: tuple[str, ...]) -> str | None:
    """The name for the server_name extension: the first that is a host name, for addresses are none (RFC 6066)."""
    for name in wanted:
        try:
            ip_address(name)
        except ValueError:
            if "*" not in name:
                return name
    return None
