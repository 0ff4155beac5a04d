"""The two ends of a routing decision as values."""

from __future__ import annotations

from typing import Final

from sbc.config import Target
from sbc.sip import Uri

_DEFAULT_PORTS: Final[dict[str, int]] = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}


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
    """One target of a trunk, ready to send to. `host` is an address without brackets, or a name still to be looked up.

    The transport is the URI's own, TLS for `sips`, else UDP (RFC 3263 section 4.1 without NAPTR); the port is the
    transport's where the URI names none.
    """

    __slots__ = ("host", "limits", "port", "realm", "transport", "trunk", "uri")

    def __init__(self, trunk: str, realm: str, target: Target) -> None:
        uri: Uri = target.uri
        transport = (uri.param("transport") or "").upper()
        if uri.scheme == "sips":
            transport = "WSS" if transport in ("WS", "WSS") else "TLS"
        elif not transport:
            transport = "UDP"
        self.trunk: Final = trunk
        self.realm: Final = realm
        self.uri: Final = uri
        self.limits: Final = target.limits
        self.host: Final = uri.host[1:-1] if uri.host.startswith("[") else uri.host
        self.transport: Final = transport
        self.port: Final = uri.port or _DEFAULT_PORTS.get(transport, 5060)

    @property
    def is_address(self) -> bool:
        """True where `host` needs no look-up."""
        return ":" in self.host or self.host.replace(".", "").isdigit()

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What health is remembered under."""
        return self.trunk, self.host, self.port, self.transport

    def __repr__(self) -> str:
        return f"<NextHop {self.trunk} {self.transport} {self.host}:{self.port}>"
