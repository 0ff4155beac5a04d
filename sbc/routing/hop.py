"""The two ends of a routing decision as values."""

from __future__ import annotations

from typing import Final

from sbc.config import Target
from sbc.records import Sought
from sbc.routing.locate import Place, default_port
from sbc.sip import Uri

Key = tuple[str, str, int, str]


class Source:
    """Who sends: the realm of the listener, and the trunk it speaks as. `trunk` is an empty string for a stranger."""

    __slots__ = ("address", "port", "realm", "trunk")

    def __init__(self, realm: str, trunk: str, address: str, port: int = 0) -> None:
        self.realm: Final = realm
        self.trunk: Final = trunk
        self.address: Final = address
        self.port: Final = port

    @property
    def is_stranger(self) -> bool:
        """True where no trunk is known by this address."""
        return not self.trunk

    def __repr__(self) -> str:
        return f"<Source {self.trunk or 'stranger'} of {self.realm} at {self.address}>"


class NextHop:
    """One target of a trunk, or one of the places that its name leads to (`place`), ready to send to.

    `host` is an address without brackets, or a name still to be located. The transport is the URI's own, TLS for
    `sips`, else UDP; the port is the transport's where the URI names none. Of a place both are what DNS says.
    """

    __slots__ = ("host", "limits", "port", "realm", "target", "target_key", "transport", "trunk", "uri")

    def __init__(self, trunk: str, realm: str, target: Target, place: Place | None = None) -> None:
        uri: Uri = target.uri
        transport = (uri.param("transport") or "").upper()
        if uri.scheme == "sips":
            transport = "WSS" if transport in ("WS", "WSS") else "TLS"
        elif not transport:
            transport = "UDP"
        host = uri.host[1:-1] if uri.host.startswith("[") else uri.host
        port = uri.port or default_port(transport)
        self.trunk: Final = trunk
        self.realm: Final = realm
        self.target: Final = target
        self.uri: Final = uri
        self.limits: Final = target.limits
        self.target_key: Final[Key] = (trunk, host, port, transport)
        """What the target's limits are counted under, wherever its name leads."""
        self.host: Final = host if place is None else place.host
        self.transport: Final = transport if place is None else place.transport
        self.port: Final = port if place is None else place.port

    @property
    def is_address(self) -> bool:
        """True where `host` needs no look-up."""
        return ":" in self.host or self.host.replace(".", "").isdigit()

    @property
    def key(self) -> Key:
        """What health is remembered under."""
        return self.trunk, self.host, self.port, self.transport

    def sought(self, transports: frozenset[str]) -> Sought:
        """What to ask DNS for, where the realm has listeners of these transports."""
        return sought_for(self.uri, transports)

    @property
    def shown(self) -> str:
        """The target for operators, with the place that its name led to."""
        uri = str(self.uri)
        if self.key == self.target_key:
            return uri
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{uri} at {self.transport.lower()}:{host}:{self.port}"

    def __repr__(self) -> str:
        return f"<NextHop {self.trunk} {self.transport} {self.host}:{self.port}>"


def sought_for(uri: Uri, transports: frozenset[str]) -> Sought:
    """What to ask DNS for to reach a URI whose host is a name (RFC 3263 section 4)."""
    is_secure = uri.scheme == "sips"
    transport = (uri.param("transport") or "").upper()
    if is_secure and transport == "TCP":
        transport = "TLS"
    return Sought(uri.host.lower().removesuffix("."), transports, transport, uri.port or 0, is_secure)
