"""The stream connections that are open, by number, peer, source and realm; and what they may hold together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from sbc.config import Realm, proves
from sbc.transport.limits import StreamLimits, source_of
from sbc.transport.reasons import Ended, NotTaken
from sbc.transport.stream import StreamConnection
from sbc.wire import Flow

_Peer = tuple[int, str, int]


class ConnectionTable:
    """Admits and finds connections, and ends some where memory or places run out.

    Where a realm is full a connection that has said nothing yet makes room for a new one, the oldest first: who opens
    connections and keeps quiet cannot keep those out who speak. Those that we opened ourselves are let be.
    """

    __slots__ = (
        "_by_peer",
        "_connections",
        "_half",
        "_limits",
        "_most",
        "_partial",
        "_per_realm",
        "_per_source",
        "_realms",
        "_silent",
        "_unsent",
    )

    def __init__(self, realms: Mapping[str, Realm], limits: StreamLimits, most: int) -> None:
        self._realms: Final = dict(realms)
        self._limits: Final = limits
        self._most = most
        self._connections: Final[dict[int, StreamConnection]] = {}
        self._by_peer: Final[dict[_Peer, list[StreamConnection]]] = {}
        self._per_realm: Final[Counter[str]] = Counter()
        self._per_source: Final[Counter[tuple[str, str]]] = Counter()
        # In the order in which they came: the first is the oldest.
        self._silent: Final[dict[int, StreamConnection]] = {}
        self._partial: Final[dict[int, StreamConnection]] = {}
        self._half = 0
        self._unsent = 0

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[StreamConnection]:
        return iter(list(self._connections.values()))

    @property
    def held(self) -> tuple[int, int]:
        """Bytes of messages not yet whole, and bytes not yet sent, over all connections."""
        return self._half, self._unsent

    def fit(self, descriptors: int) -> None:
        """Take no more connections than the process has descriptors for."""
        self._most = self._limits.most_connections(descriptors)

    def take(self, realms: Mapping[str, Realm]) -> None:
        """The limits of these realms hold from now on; connections that are up stay."""
        self._realms.update(realms)

    def of_realm(self, realm: str) -> int:
        """How many a realm has."""
        return self._per_realm[realm]

    def of_source(self, realm: str, host: str) -> int:
        """How many the source of this address has in a realm."""
        return self._per_source[realm, source_of(host)]

    def is_source_full(self, realm: str, connections: int) -> bool:
        """True where a source with so many has no more to come."""
        return connections >= self._realms[realm].connections_per_source

    def find(self, flow: Flow) -> StreamConnection | None:
        """The connection that a flow names, or an open one to its peer that has proved one of its names."""
        if flow.connection:
            return self._connections.get(flow.connection)
        for connection in self._by_peer.get((flow.listener, flow.host, flow.port), ()):
            if not flow.names or flow.transport != "TLS" or proves(connection.flow.names, flow.names):
                return connection
        return None

    def opened(self, connection: StreamConnection) -> NotTaken | None:
        """Enter it, or say why not."""
        flow, realm = connection.flow, connection.listener.realm
        if self.is_source_full(realm, self.of_source(realm, flow.host)):
            return NotTaken.SOURCE_FULL
        if self._per_realm[realm] >= self._realms[realm].connections and not self._make_room(realm):
            return NotTaken.REALM_FULL
        if len(self._connections) >= self._most and not self._make_room(""):
            return NotTaken.REALM_FULL
        self._connections[connection.number] = connection
        self._by_peer.setdefault((flow.listener, flow.host, flow.port), []).append(connection)
        self._per_realm[realm] += 1
        self._per_source[realm, source_of(flow.host)] += 1
        if not connection.is_ours:
            self._silent[connection.number] = connection
        return None

    def closed(self, connection: StreamConnection) -> None:
        """Forget it; a second time changes nothing."""
        if self._connections.pop(connection.number, None) is None:
            return
        flow, realm = connection.flow, connection.listener.realm
        peer = (flow.listener, flow.host, flow.port)
        self._by_peer[peer].remove(connection)
        if not self._by_peer[peer]:
            del self._by_peer[peer]
        self._per_realm[realm] -= 1
        source = (realm, source_of(flow.host))
        self._per_source[source] -= 1
        if not self._per_source[source]:
            del self._per_source[source]
        self._silent.pop(connection.number, None)
        self.half_received(connection, 0, is_new=True)
        self.unsent(connection, 0)

    def spoke(self, connection: StreamConnection) -> None:
        """It has sent its first whole message, or a ping."""
        self._silent.pop(connection.number, None)

    def half_received(self, connection: StreamConnection, size: int, *, is_new: bool) -> None:
        """It holds so much of a message that is not whole; `is_new`: of another one than before."""
        self._half += size - connection.half
        connection.half = size
        if is_new or not size:
            self._partial.pop(connection.number, None)
        if size:
            self._partial.setdefault(connection.number, connection)
        while self._half > self._limits.half_received:
            self._end(next(iter(self._partial.values())), Ended.HALF_RECEIVED)

    def unsent(self, connection: StreamConnection, size: int) -> None:
        """So many bytes wait for it to read."""
        self._unsent += size - connection.waiting
        connection.waiting = size
        if size > self._limits.buffered:
            connection.abort(Ended.NOT_READING)
        elif size and self._unsent > self._limits.unsent:
            self._end(connection, Ended.UNSENT)

    def _make_room(self, realm: str) -> bool:
        """End the oldest connection of a realm that has said nothing; an empty name: of any realm."""
        for connection in self._silent.values():
            if not realm or connection.listener.realm == realm:
                self._end(connection, Ended.CROWDED_OUT)
                return True
        return False

    def _end(self, connection: StreamConnection, reason: Ended) -> None:
        connection.abort(reason)
        self.closed(connection)
