"""All sockets of a node behind one `send`."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sbc.config import Config, Listener
from sbc.transport.contexts import TlsContexts
from sbc.transport.limits import StreamLimits
from sbc.transport.receiver import Counters, Receiver, Tasks
from sbc.transport.sockets import ListenError, open_datagram, raise_file_limit
from sbc.transport.streams import Streams
from sbc.transport.udp import UdpListener
from sbc.wire import Flow

ADDRESS_MISSING: Final = "no interface has this address"


class _Standing(Enum):
    """Who reads datagrams."""

    FRONT = "we do"
    BEHIND = "another process does, and we send"
    OVER = "another process does, and sends"


@dataclass(frozen=True, slots=True)
class Bound:
    """One listener: what `sbc run` prints and `sbc status` shows."""

    realm: str
    transport: str
    host: str
    port: int
    why: str = ""
    """Why it is not open; empty where it is."""


class Transports:
    """Opens every listener of a configuration and sends to flows. `tasks` owns what runs in the background."""

    def __init__(
        self,
        config: Config,
        receiver: Receiver,
        tasks: Tasks,
        limits: StreamLimits | None = None,
        given: Mapping[int, socket.socket] | None = None,
        numbers_from: int = 0,
        why: Mapping[int, str] | None = None,
    ) -> None:
        """`given` are sockets that somebody else has bound, by listener; connections are numbered from there on. `why`
        says of listeners that are not up why.
        """
        self._given: Final = dict(given or {})
        self._listeners: Final = {one.index: one for one in config.listeners}
        self._why: Final = why or {}
        self._standing = _Standing.FRONT
        self._accepts = True
        self.counters: Final = Counters()
        self._config: Final = config
        self._receiver: Final = receiver
        self._streams: Final = Streams(
            receiver, tasks, config.limits, config.realms, limits or StreamLimits(), self.counters, numbers_from
        )
        self._datagrams: Final[dict[int, UdpListener]] = {}
        self._bound: Final[dict[int, Bound]] = {}

    @property
    def bound(self) -> tuple[Bound, ...]:
        """All listeners, in the order of the configuration."""
        return tuple([self._bound[index] for index in sorted(self._bound)])

    @property
    def handshakes(self) -> int:
        """TLS connections that are half open."""
        return len(self._streams.door)

    @property
    def connections(self) -> int:
        """Stream connections that are open."""
        return len(self._streams.table)

    @property
    def held(self) -> tuple[int, int]:
        """Bytes of messages not yet whole, and bytes not yet sent, over all connections."""
        return self._streams.table.held

    def take_certificates(self, config: Config) -> None:
        """Read the files of every realm's TLS settings; handshakes from now on take them, connections stay.

        Raises OSError where one cannot be used; then nothing has changed.
        """
        fresh = {realm.name: TlsContexts(realm.tls) for realm in config.realms.values() if realm.tls is not None}
        self._streams.contexts.update(fresh)

    def take_limits(self, config: Config) -> None:
        """How many connections a realm takes, from now on."""
        self._streams.table.take(config.realms)

    def behind(self, now: float) -> float:
        """The longest time for which a socket has had more to read than was read; `now` is monotonic."""
        return max([listener.behind(now) for listener in self._datagrams.values()], default=0.0)

    @property
    def waiting(self) -> frozenset[int]:
        """The indexes of listeners that are not open."""
        return frozenset([index for index, bound in self._bound.items() if bound.why])

    async def open(self) -> None:
        """Open every listener and start to read; those whose address is missing wait for it (`rebind`).

        Raises OSError (ListenError, or for a certificate), for a missing address only where no listener has its own;
        what was opened before is closed again.
        """
        self._streams.table.fit(raise_file_limit())
        missing: ListenError | None = None
        try:
            self.take_certificates(self._config)
            for listener in self._config.listeners:
                if not listener.is_up:
                    self._note(listener, listener.port, self._why.get(listener.index, ADDRESS_MISSING))
                    continue
                try:
                    await self._open(listener)
                except ListenError as error:
                    if error.errno != errno.EADDRNOTAVAIL:
                        raise
                    missing = error
                    self._note(listener, listener.port, ADDRESS_MISSING)
            if missing is not None and len(self.waiting) == len(self._bound):
                raise missing
        except OSError:
            self.close()
            raise

    def open_behind(self) -> None:
        """Be able to send by the sockets given, while another process reads and accepts. Raises OSError."""
        self._streams.table.fit(raise_file_limit())
        self.take_certificates(self._config)
        self._standing, self._accepts = _Standing.BEHIND, False
        for listener in self._config.listeners:
            if listener.is_up:
                self._stand_by(listener)
            else:
                self._note(listener, listener.port, self._why.get(listener.index, ADDRESS_MISSING))

    async def accept(self) -> None:
        """Accept connections by the sockets given, from now on, or again."""
        self._accepts = True
        await self._streams.resume()
        for listener in list(self._listeners.values()):
            if listener.is_up and listener.transport != "UDP" and not self._streams.accepts(listener):
                await self._open(listener)

    def read(self) -> None:
        """Read the datagrams that come, from now on."""
        self._standing = _Standing.FRONT
        for listener in self._datagrams.values():
            listener.start()

    def stop_accepting(self) -> None:
        """Accept no more connections; those that are up stay."""
        self._accepts = False
        self._streams.pause()

    def stop_reading(self) -> None:
        """Read and send no more datagrams; what comes is for whoever reads these sockets next."""
        self._standing = _Standing.OVER
        for listener in self._datagrams.values():
            listener.close()
        self._datagrams.clear()

    @property
    def peers(self) -> list[Flow]:
        """Those whose stream connections are open."""
        return [connection.flow for connection in self._streams.table if connection.is_open]

    def give_streams(self, taker: Callable[[socket.socket, Flow, bytes], bool]) -> None:
        """Let another process go on with every connection that it can go on with: `taker` gives it each."""
        self._streams.give(taker)

    def take_stream(self, sock: socket.socket, flow: Flow, partial: bytes) -> None:
        """Go on with a connection of another process, which had read so much of a message."""
        self._streams.take(sock, flow, partial)

    def has(self, flow: Flow) -> bool:
        """Whether a connection for this flow is open, or comes."""
        return self._streams.has(flow)

    async def rebind(self, listener: Listener, why: str, given: socket.socket | None = None) -> str:
        """Close the listener of this index and what was connected to it, and open this one where it is up, by a socket
        that is `given` or a new one; `why` it is not up is shown by `bound`. Why it could not be opened, else empty.
        """
        datagrams = self._datagrams.pop(listener.index, None)
        if datagrams is not None:
            datagrams.close()
        self._streams.silence(listener)
        self._listeners[listener.index] = listener
        former = self._given.pop(listener.index, None)
        if former is not None:
            former.close()
        if given is not None:
            self._given[listener.index] = given
        if not listener.is_up:
            self._note(listener, listener.port, why)
            return ""
        try:
            if self._serves(listener):
                await self._open(listener)
            else:
                self._stand_by(listener)
        except OSError as error:
            self._note(listener, listener.port, str(error))
            return str(error)
        return ""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one message. Failures are told to the receiver, at once or later; nothing is raised."""
        if flow.transport == "UDP":
            listener = self._datagrams.get(flow.listener)
            if listener is not None:
                listener.send(data, flow)
            else:
                self.counters.undeliverable += 1
                self._receiver.undeliverable(flow, "no listener of this transport")
        else:
            self._streams.send(data, flow)

    def close(self) -> None:
        """Close every socket; streams once their last bytes are out."""
        for listener in self._datagrams.values():
            listener.close()
        self._datagrams.clear()
        self._streams.close()
        for sock in self._given.values():
            sock.close()

    def _serves(self, listener: Listener) -> bool:
        """Whether we are who reads or accepts by it."""
        return self._standing is _Standing.FRONT if listener.transport == "UDP" else self._accepts

    def _stand_by(self, listener: Listener) -> None:
        """Be able to send by its socket, which was given, while another process reads or accepts."""
        sock = self._given[listener.index]
        self._note(listener, int(sock.getsockname()[1]))
        if listener.transport != "UDP":
            self._streams.know(listener, self._config.realms[listener.realm].dscp_sip)
        elif self._standing is _Standing.BEHIND:
            self._datagrams[listener.index] = UdpListener(listener, sock, self._receiver, self.counters)
        else:
            sock.close()

    async def _open(self, listener: Listener) -> None:
        dscp = self._config.realms[listener.realm].dscp_sip
        if listener.transport == "UDP":
            sock = self._given.get(listener.index) or open_datagram(listener, dscp)
            datagrams = UdpListener(listener, sock, self._receiver, self.counters)
            self._datagrams[listener.index] = datagrams
            datagrams.start()
            self._note(listener, datagrams.port)
        elif listener.transport == "TCP" or (listener.transport == "TLS" and listener.realm in self._streams.contexts):
            self._note(listener, await self._streams.listen(listener, dscp, self._given.get(listener.index)))
        else:
            raise OSError(f"transport {listener.transport} is not in this version (listener of realm {listener.realm})")

    def _note(self, listener: Listener, port: int, why: str = "") -> None:
        self._bound[listener.index] = Bound(listener.realm, listener.transport, listener.host, port, why)
