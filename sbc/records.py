"""What DNS says of a name, as values: records, and the servers that they lead to (RFC 3263)."""

from __future__ import annotations

from typing import NamedTuple


class Srv(NamedTuple):
    """A server of a service (RFC 2782). `host` has no closing dot, and is empty for `.`: there is no such service."""

    priority: int
    weight: int
    port: int
    host: str


class Naptr(NamedTuple):
    """A transport that a domain offers (RFC 3263 section 4.1, RFC 3403). Text in lower case, no closing dot."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


Record = str | Srv | Naptr
"""A and AAAA records are their address."""


class Sought(NamedTuple):
    """What is to be located: the parts of a URI that RFC 3263 section 4 looks at."""

    name: str
    transports: frozenset[str] = frozenset({"UDP"})
    """Those that we could send by."""
    transport: str = ""
    """The one that the URI asks for; empty: DNS may choose."""
    port: int = 0
    """The one that the URI names; 0: DNS may choose."""
    is_secure: bool = False
    """By sips: TLS and nothing else."""


class Server(NamedTuple):
    """One server that a name leads to, with its addresses in the order to try."""

    transport: str
    port: int
    addresses: tuple[str, ...]
    rank: int = 0
    """Of its transport: all servers of a lower rank come first."""
    priority: int = 0
    weight: int = 0


class Located(NamedTuple):
    """Where a name leads; without servers: nowhere."""

    servers: tuple[Server, ...]
    seconds: float
    """For how long that may be believed."""
    is_certain: bool = True
    """False where somebody who was asked on the way did not answer: what was known before may be better."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([address for server in self.servers for address in server.addresses]))
