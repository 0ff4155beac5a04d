"""Where a message came from and where one goes: flows; and the two clocks every input carries."""

from __future__ import annotations

from typing import Final


class Flow:
    """One peer as seen through one of our listeners.

    `listener` is the index of the listener in the snapshot; `transport` is `UDP`, `TCP`, `TLS`, `WS` or `WSS`;
    `host` is the
    peer's address (IPv6 without brackets, no zone), `port` its port. `connection` numbers the stream connection, 0
    for UDP and
    for a stream that is still to be opened. `names` is for TLS: where there is a connection, what the peer's verified
    certificate says it is (RFC 5922); where one is to be opened, what the peer must prove to be one of. `back` is the
    port to which a new connection may be opened for a response should this one be gone, 0 for none. Neither is part of
    the flow's identity.
    """

    __slots__ = ("back", "connection", "host", "listener", "names", "port", "transport")

    def __init__(
        self,
        listener: int,
        transport: str,
        host: str,
        port: int,
        connection: int = 0,
        names: tuple[str, ...] = (),
        back: int = 0,
    ) -> None:
        self.listener: Final = listener
        self.transport: Final = transport
        self.host: Final = host
        self.port: Final = port
        self.connection: Final = connection
        self.names: Final = names
        self.back: Final = back

    @property
    def forth(self) -> Flow:
        """The same for requests, which have other ways to go should the connection be gone: without `back`."""
        if not self.back:
            return self
        return Flow(self.listener, self.transport, self.host, self.port, self.connection, self.names)

    @property
    def is_reliable(self) -> bool:
        """True where the transport repeats for us (everything but UDP)."""
        return self.transport != "UDP"

    def __repr__(self) -> str:
        return f"<Flow {self.transport} {self.host}:{self.port} listener {self.listener}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Flow)
            and self.port == other.port
            and self.host == other.host
            and self.listener == other.listener
            and self.transport == other.transport
            and self.connection == other.connection
        )

    def __hash__(self) -> int:
        return hash((self.listener, self.host, self.port, self.connection))


class Now:
    """One instant on two clocks, in seconds: `monotonic` drives the machines, `wall` stamps records and policies."""

    __slots__ = ("monotonic", "wall")

    def __init__(self, monotonic: float, wall: float) -> None:
        self.monotonic: Final = monotonic
        self.wall: Final = wall

    def __repr__(self) -> str:
        return f"Now({self.monotonic:.3f}, {self.wall:.3f})"
