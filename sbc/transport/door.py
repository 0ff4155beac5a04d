"""TLS handshakes under way: bounded, and what failed is told."""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from sbc.transport.limits import StreamLimits, source_of
from sbc.transport.reasons import NotTaken
from sbc.transport.receiver import Counters, Receiver
from sbc.transport.tls import TlsLayer
from sbc.wire import Flow


class Connections(Protocol):
    """The connections that are past their handshake."""

    def of_source(self, realm: str, host: str) -> int:
        """How many the source of this address has in a realm."""

    def is_source_full(self, realm: str, connections: int) -> bool:
        """True where a source with so many has no more to come."""


class Door:
    """The `Doorkeeper` of all listeners. Where too many handshakes are under way the oldest gives way: it is the least
    likely to become anything.
    """

    __slots__ = ("_connections", "_counters", "_half_open", "_limits", "_per_source", "_receiver")

    def __init__(self, receiver: Receiver, limits: StreamLimits, counters: Counters, connections: Connections) -> None:
        self._receiver: Final = receiver
        self._limits: Final = limits
        self._counters: Final = counters
        self._connections: Final = connections
        self._half_open: Final[dict[TlsLayer, None]] = {}  # in the order in which they began
        self._per_source: Final[Counter[str]] = Counter()

    def __len__(self) -> int:
        return len(self._half_open)

    def knock(self, layer: TlsLayer) -> bool:
        """A handshake begins. Those that we began are bounded by the connections that we open."""
        source = source_of(layer.host)
        if layer.wanted is None:
            refusal = self._refusal(layer, self._per_source[source])
            if refusal is not None:
                self._counters.refused[refusal] += 1
                self._receiver.connection_ended(_flow(layer), refusal)
                return False
            if len(self._half_open) >= self._limits.handshakes:
                self._crowd_out()
        self._half_open[layer] = None
        self._per_source[source] += 1
        return True

    def _refusal(self, layer: TlsLayer, under_way: int) -> NotTaken | None:
        realm = layer.above.listener.realm
        if self._connections.is_source_full(realm, under_way + self._connections.of_source(realm, layer.host)):
            return NotTaken.SOURCE_FULL
        return NotTaken.HANDSHAKES if under_way >= self._limits.handshakes_per_source else None

    def _crowd_out(self) -> None:
        for layer in self._half_open:
            if layer.wanted is None:
                layer.give_up("crowded out by newer handshakes")
                return

    def passed(self, layer: TlsLayer) -> None:
        """The handshake is over."""
        if layer in self._half_open:
            del self._half_open[layer]
            source = source_of(layer.host)
            self._per_source[source] -= 1
            if not self._per_source[source]:
                del self._per_source[source]

    def refused(self, layer: TlsLayer, reason: str, shown: str) -> None:
        """It failed. What we opened ourselves is told with the messages that waited for it."""
        self._counters.handshakes_failed += 1
        if layer.wanted is None:
            self._receiver.handshake_failed(_flow(layer), reason, shown)

    def close(self) -> None:
        """End what is half open."""
        for layer in list(self._half_open):
            layer.abort()


def _flow(layer: TlsLayer) -> Flow:
    listener = layer.above.listener
    return Flow(listener.index, listener.transport, layer.host, layer.port)
