"""RFC 3263 without I/O: which records to ask for, and the order of what they give.

Not for: asking (`sbc.lookup`), nor for what becomes of a server that does not answer (`Health`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple, Protocol, TypeVar

from sbc.records import Naptr, Server

_SERVICES: Final[dict[str, str]] = {"sip+d2u": "UDP", "sip+d2t": "TCP", "sips+d2t": "TLS"}
_DEFAULT_PORTS: Final[dict[str, int]] = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}
_PREFIXES: Final[dict[str, str]] = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp."}


class Weighted(Protocol):
    """What is chosen as RFC 2782 says."""

    @property
    def priority(self) -> int:
        """Lower comes first."""

    @property
    def weight(self) -> int:
        """The share within a priority."""


class Place(NamedTuple):
    """Where a message can be sent to."""

    transport: str
    host: str
    """An address."""
    port: int


_T = TypeVar("_T", bound=Weighted)


def offers_sip(records: Sequence[Naptr]) -> bool:
    """Whether NAPTR records speak of SIP at all: then what they do not offer is not there (RFC 3263 section 4.1)."""
    return any(record.flags == "s" and record.service.partition("+")[0] in ("sip", "sips") for record in records)


def services(records: Sequence[Naptr], transports: frozenset[str], is_secure: bool) -> list[tuple[str, str]]:
    """(transport, name to ask SRV records for), best first (RFC 3263 section 4.1).

    Lower order outdoes lower preference. What we do not speak is passed over, and for sips everything but TLS. Only
    records that lead to SRV (flag `s`) count.
    """
    found = [record for record in records if record.flags == "s" and record.replacement]
    found.sort(key=lambda record: (record.order, record.preference))
    return [
        (transport, record.replacement)
        for record in found
        if (transport := _SERVICES.get(record.service, "")) in transports and (transport == "TLS" or not is_secure)
    ]


def guesses(domain: str, transports: frozenset[str], is_secure: bool) -> list[tuple[str, str]]:
    """As `services` for a domain without NAPTR records: UDP, TCP and TLS in this order; for sips TLS alone."""
    wanted = ("TLS",) if is_secure else ("UDP", "TCP", "TLS")
    return [(transport, _PREFIXES[transport] + domain) for transport in wanted if transport in transports]


def srv_name(domain: str, transport: str) -> str:
    """The name to ask SRV records for; empty for a transport without one."""
    prefix = _PREFIXES.get(transport, "")
    return prefix + domain if prefix else ""


def srv_order(records: Sequence[_T], draw: Callable[[int], int]) -> list[_T]:
    """Servers in the order to try (RFC 2782): by priority, within one at random by weight.

    `draw(n)` gives an even random number in [0, n). Weight 0 stands first among equals, so that it has a small chance
    and no more.
    """
    order: list[_T] = []
    for priority in sorted({record.priority for record in records}):
        left = sorted([record for record in records if record.priority == priority], key=lambda one: one.weight > 0)
        while left:
            number = draw(sum([record.weight for record in left]) + 1)
            index, running = 0, left[0].weight
            while running < number:
                index += 1
                running += left[index].weight
            order.append(left.pop(index))
    return order


def mixed(ipv6: Sequence[str], ipv4: Sequence[str]) -> list[str]:
    """Addresses of both families by turns, IPv6 first, so that a family that is dead costs one try (RFC 7984)."""
    pairs = zip_longest(ipv6, ipv4)
    return [address for pair in pairs for address in pair if address is not None]


def places(servers: Sequence[Server], draw: Callable[[int], int]) -> list[Place]:
    """Every address in the order to try this time: by transport, then as RFC 2782 says, then as DNS gave them."""
    order: list[Place] = []
    for rank in sorted({server.rank for server in servers}):
        for server in srv_order([server for server in servers if server.rank == rank], draw):
            order += [Place(server.transport, address, server.port) for address in server.addresses]
    return list(dict.fromkeys(order))


def default_port(transport: str) -> int:
    """Where neither the URI nor DNS names one (RFC 3263 section 4.2)."""
    return _DEFAULT_PORTS.get(transport, 5060)


def default_transport(transports: frozenset[str], is_secure: bool) -> str:
    """Where neither the URI nor DNS names one (RFC 3263 section 4.1): TLS for sips, else UDP, or what we have."""
    if is_secure:
        return "TLS"
    return next((one for one in ("UDP", "TCP", "TLS") if one in transports), "UDP")
