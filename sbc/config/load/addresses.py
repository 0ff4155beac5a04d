"""Addresses as the node file writes them: `udp:203.0.113.5:5060`, `tcp:[2001:db8::5]:5060`, `udp:eth0:5060`."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

import netifaces

from policies.load import NOT_YET, refuse, shown

IPAddress = IPv4Address | IPv6Address

_LISTEN: Final = re.compile(r"([A-Za-z]+):(?:\[([^\[\]]*)\]|([^\[\]:]*)):(\d{1,5})")
_ALLOWED: Final = '"udp:203.0.113.5:5060", "tcp:[2001:db8::5]:5060" or an interface: "udp:eth0:5060"'
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_NOT_YET: Final = ("WS", "WSS")

# What no stranger can reach (RFC 1918, RFC 4193, RFC 3927, RFC 1122); unlike `is_private` without example ranges.
_INNER: Final = tuple(
    [
        ip_network(text)
        for text in (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        )
    ]
)


class ListenEntry(NamedTuple):
    """An entry of `listen`, resolved. `interface` is the name it was written with, or an empty string."""

    transport: str
    host: str
    port: int
    interface: str


def parse_listen(value: object) -> ListenEntry:
    """One entry of `listen`; port 0 takes any free port. Raises the findings of a validator."""
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        remedy = ""
        if isinstance(value, str) and value.count(":") > 3 and "[" not in value:
            remedy = "put an IPv6 address into brackets"
        refuse(shown(value), allowed=_ALLOWED, remedy=remedy)
    transport, host, port = found[1].upper(), found[2] or found[3], int(found[4])
    if transport in _NOT_YET:
        refuse(f"{shown(value)}: {found[1].lower()} listeners are {NOT_YET}", allowed="udp, tcp, tls")
    if transport not in ("UDP", "TCP", "TLS"):
        refuse(shown(value), allowed=_ALLOWED)
    if port > 65535:
        refuse(f"port {port}", allowed="1 to 65535, or 0 for any free port")
    address = address_of(host)
    if address is not None:
        _refuse_unusable(address)
        return ListenEntry(transport, str(address), port, "")
    if found[2] is not None:
        refuse(f"[{host}] is no IPv6 address", allowed=_ALLOWED)
    return ListenEntry(transport, interface_address(host), port, host)


def _refuse_unusable(address: IPAddress) -> None:
    if address.is_unspecified:
        refuse(
            f"{address} stands for every address of the machine",
            remedy="name one address or interface: it is written into every message that leaves",
        )
    if address.is_multicast:
        refuse(f"{address} is a multicast address", allowed="an address of this machine")


def interface_address(name: str) -> str:
    """The one address of an interface: its IPv4 one, else its IPv6 one that is not link-local."""
    names = netifaces.interfaces()
    if name not in names:
        refuse(f'"{name}" is neither an address nor an interface of this machine', allowed=", ".join(sorted(names)))
    families = netifaces.ifaddresses(name)
    usable: list[str] = []
    for family in (netifaces.AF_INET, netifaces.AF_INET6):
        found = [str(entry["addr"]).partition("%")[0] for entry in families.get(family, []) if "addr" in entry]
        usable = [text for text in dict.fromkeys(found) if not ip_address(text).is_link_local]
        if usable:
            break
    if not usable:
        refuse(f"interface {name} has no address", remedy="bring it up, or write the address")
    if len(usable) > 1:
        refuse(f"interface {name} has {len(usable)} addresses", allowed=", ".join(usable), remedy="write the one meant")
    return usable[0]


def address_of(text: str) -> IPAddress | None:
    """The address that `text` is, brackets allowed; None for a host name."""
    try:
        return ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return None


def parse_host(value: object) -> str:
    """A host as messages show it: a name or an address, IPv6 in brackets; no port."""
    text = value if isinstance(value, str) else ""
    address = address_of(text)
    if address is not None:
        return bracketed(str(address))
    if not _HOST.fullmatch(text) or text.replace(".", "").isdigit():
        refuse(shown(value), allowed='a host name or an address without a port, such as "sbc.example.net"')
    return text.lower()


def bracketed(host: str) -> str:
    """An address as a URI writes it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def is_inner(host: str) -> bool:
    """True for an address that only a private network can reach; a host name never is."""
    address = address_of(host)
    return address is not None and any(address in network for network in _INNER)
