"""TLS handshakes under way: bounded, and what failed is told."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sbc.transport.receiver import Counters, Receiver
from sbc.transport.stream import StreamLimits
from sbc.transport.tls import TlsLayer
from sbc.wire import Flow


class Door:
    """The `Doorkeeper` of all listeners. `open_at` are the connections of each host that are past their handshake."""

    __slots__ = ("_counters", "_half_open", "_limits", "_open_at", "_per_host", "_receiver")

    def __init__(self, receiver: Receiver, limits: StreamLimits, counters: Counters, open_at: Counter[str]) -> None:
        self._receiver: Final = receiver
        self._limits: Final = limits
        self._counters: Final = counters
        self._open_at: Final = open_at
        self._half_open: Final[set[TlsLayer]] = set()
        self._per_host: Final[Counter[str]] = Counter()

    def __len__(self) -> int:
        return len(self._half_open)

    def knock(self, layer: TlsLayer) -> bool:
        """A handshake begins. Those that we began are bounded by the connections that we open."""
        if layer.wanted is None:
            at_host = self._per_host[layer.host] + self._open_at[layer.host]
            if len(self._half_open) >= self._limits.handshakes or at_host >= self._limits.per_host:
                self._counters.connections_refused += 1
                return False
        self._half_open.add(layer)
        self._per_host[layer.host] += 1
        return True

    def passed(self, layer: TlsLayer) -> None:
        """The handshake is over."""
        if layer in self._half_open:
            self._half_open.remove(layer)
            self._per_host[layer.host] -= 1
            if not self._per_host[layer.host]:
                del self._per_host[layer.host]

    def refused(self, layer: TlsLayer, reason: str) -> None:
        """It failed. What we opened ourselves is told with the messages that waited for it."""
        self._counters.handshakes_failed += 1
        if layer.wanted is None:
            listener = layer.above.listener
            flow = Flow(listener.index, listener.transport, layer.host, layer.port)
            self._receiver.handshake_failed(flow, reason)

    def close(self) -> None:
        """End what is half open."""
        for layer in list(self._half_open):
            layer.abort()
