"""All sockets of a node behind one `send`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sbc.config import Config, Listener
from sbc.transport.contexts import TlsContexts
from sbc.transport.limits import StreamLimits
from sbc.transport.receiver import Counters, Receiver, Tasks
from sbc.transport.sockets import open_datagram, raise_file_limit
from sbc.transport.streams import Streams
from sbc.transport.udp import UdpListener
from sbc.wire import Flow


@dataclass(frozen=True, slots=True)
class Bound:
    """One listener that is open: what `sbc run` prints and `sbc status` shows."""

    realm: str
    transport: str
    host: str
    port: int


class Transports:
    """Opens every listener of a configuration and sends to flows. `tasks` owns what runs in the background."""

    def __init__(self, config: Config, receiver: Receiver, tasks: Tasks, limits: StreamLimits | None = None) -> None:
        self.counters: Final = Counters()
        self._config: Final = config
        self._receiver: Final = receiver
        self._streams: Final = Streams(
            receiver, tasks, config.limits, config.realms, limits or StreamLimits(), self.counters
        )
        self._datagrams: Final[dict[int, UdpListener]] = {}
        self._bound: Final[list[Bound]] = []

    @property
    def bound(self) -> tuple[Bound, ...]:
        """What is open, in the order of the configuration."""
        return tuple(self._bound)

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

    async def open(self) -> None:
        """Open every listener and start to read. Raises OSError (ListenError, or for a certificate); what was opened
        before is closed again.
        """
        self._streams.table.fit(raise_file_limit())
        try:
            self.take_certificates(self._config)
            for listener in self._config.listeners:
                port = await self._open(listener)
                self._bound.append(Bound(listener.realm, listener.transport, listener.host, port))
        except OSError:
            self.close()
            raise

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

    async def _open(self, listener: Listener) -> int:
        dscp = self._config.realms[listener.realm].dscp_sip
        if listener.transport == "UDP":
            datagrams = UdpListener(listener, open_datagram(listener, dscp), self._receiver, self.counters)
            self._datagrams[listener.index] = datagrams
            datagrams.start()
            return datagrams.port
        if listener.transport == "TCP" or (listener.transport == "TLS" and listener.realm in self._streams.contexts):
            return await self._streams.listen(listener, dscp)
        raise OSError(f"transport {listener.transport} is not in this version (listener of realm {listener.realm})")
