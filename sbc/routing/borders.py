"""Whom an address belongs to: what a peer may name as the place of its own, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final

from sbc.config import Config, Realm
from sbc.routing.prefixes import PrefixTable

UNROUTABLE: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""RFC 6890: private, shared, link-local, loopback, multicast, reserved; and what hides an IPv4 address in an IPv6 one
(RFC 6052, RFC 3056). Example networks are left out: nothing is behind them."""


def _table(networks: tuple[str, ...]) -> PrefixTable:
    table = PrefixTable()
    for network in networks:
        table.add(network, network)
    return table


_UNROUTABLE: Final = _table(UNROUTABLE)


def is_unroutable(host: str) -> bool:
    """True for an address that means something else, or nothing, seen from elsewhere; False for a host name."""
    return _UNROUTABLE.find(host) != ""


def plain_host(host: str) -> str:
    """The host of a URI without brackets, an IPv6 address in the form that sockets show."""
    if ":" not in host:
        return host
    bare = host[1:-1] if host.startswith("[") else host
    try:
        return str(ip_address(bare))
    except ValueError:
        return bare


def is_address(host: str) -> bool:
    """True for an IP address without brackets, in no form but the usual one; `127.1` and `2130706433` are none."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_far(realm: Realm, sent_by: str, source: str) -> bool:
    """Whether the sender of a request without `rport` is behind a NAT: then the port in its Via leads nowhere."""
    if realm.nat.peers == "auto":
        return sent_by != source and is_unroutable(sent_by) and not is_unroutable(source)
    return realm.nat.peers == "always"


class Borders:
    """For each realm, the addresses and names that are known to be on another side.

    A host that the realm has as well (one machine for both sides) is foreign only with a port of the other side. The
    networks of other realms' trunks are asked of `trunk_at`: names of targets are resolved while the node runs. Media
    engines are on the other side for every realm.
    """

    __slots__ = ("_foreign", "_names", "_others", "_trunk_at", "_walls")

    def __init__(self, config: Config, trunk_at: Callable[[str, str], str]) -> None:
        self._trunk_at: Final = trunk_at
        self._foreign: Final[dict[str, frozenset[tuple[str, int]]]] = {}
        self._names: Final[dict[str, frozenset[str]]] = {}
        self._walls: Final[dict[str, PrefixTable]] = {}
        self._others: Final[dict[str, tuple[str, ...]]] = {}
        places = {name: _places(config, name) for name in config.realms}
        engines = frozenset([(plain_host(engine.host), engine.port) for engine in config.media.engines])
        for name in config.realms:
            own = places[name]
            others = engines.union(*[places[other] for other in places if other != name])
            hosts = {host for host, _ in own}
            self._foreign[name] = others - own
            self._names[name] = frozenset([host for host, _ in others if not is_address(host) and host not in hosts])
            self._others[name] = tuple([other for other in places if other != name])
            self._walls[name] = _table(
                tuple([host for host, _ in sorted(others) if is_address(host) and host not in hosts])
                + tuple([token for token in config.audit.hide if _is_network(token)])
            )

    def is_foreign(self, realm: str, host: str, port: int) -> bool:
        """True where a listener or target of another realm is at just this address and port, or has this name."""
        return (host, port) in self._foreign[realm] or host.rstrip(".") in self._names[realm]

    def is_beyond(self, realm: str, host: str) -> bool:
        """True for an address that no peer of an untrusted realm can be at, as far as anybody knows."""
        if is_unroutable(host) or self._walls[realm].find(host):
            return True
        return any(self._trunk_at(other, host) for other in self._others[realm])


def _places(config: Config, realm: str) -> frozenset[tuple[str, int]]:
    """Host and port of each listener, as bound and as shown, and of each target of a realm."""
    found: set[tuple[str, int]] = set()
    for listener in config.realms[realm].listeners:
        found.add((plain_host(listener.host), listener.port))
        found.add((plain_host(listener.shown_host), listener.port))
    for trunk in config.trunks.values():
        if trunk.realm == realm:
            for target in trunk.targets:
                uri = target.uri
                is_tls = uri.scheme == "sips" or (uri.param("transport") or "").lower() == "tls"
                found.add((plain_host(uri.host), uri.port or (5061 if is_tls else 5060)))
    return frozenset(found)


def _is_network(token: str) -> bool:
    try:
        ip_network(token)
    except ValueError:
        return False
    return True
