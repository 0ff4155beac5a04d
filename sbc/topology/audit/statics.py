"""What the configuration says must not be seen where: per realm, the units of all others that are not its own too."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Final

from sbc.config import Config, Realm, Trunk
from sbc.topology.audit.units import canonical_host, is_ipv4, pair_needle, parse_ipv6, unescape

Network = IPv4Network | IPv6Network
_LONGEST: Final = 65_535  # bytes of a message
_UNSPECIFIED: Final = (b"", b"0.0.0.0", b"::")


class RealmNames:
    """Hosts of one realm and of the trunks in it: alone, and with their ports."""

    __slots__ = ("hosts", "pairs")

    def __init__(self, realm: Realm, trunks: list[Trunk]) -> None:
        self.hosts: Final[set[bytes]] = set()
        self.pairs: Final[set[tuple[bytes, int]]] = set()
        for listener in realm.listeners:
            self._add(listener.host, listener.port)
            self._add(listener.advertised, listener.port)
        self._add(realm.domain, 0)
        for trunk in trunks:
            for target in trunk.targets:
                self._add(target.uri.host, target.uri.port or 5060)
            for source in trunk.sources:
                if "/" not in source or source.endswith(("/32", "/128")):
                    self._add(source.partition("/")[0], 0)

    def _add(self, host: str, port: int) -> None:
        unit = canonical_host(host)
        if unit in _UNSPECIFIED:
            return
        self.hosts.add(unit)
        if port:
            self.pairs.add((unit, port))


class Forbidden:
    """What a message toward one realm must not hold.

    `units` is looked up for every message: hosts and names, and the port where only host and port together are a
    token. A port is a hint: `pairs` decides. `needles` are searched for in the folded text, where each unit begins
    with a space: the leading octets of hidden networks (` 10.20.`), hidden names (`corp.local`) and what is below
    those of one label (`.pbx`). `own` is what the realm itself uses.
    """

    __slots__ = ("has_ipv6", "hidden", "names", "needles", "networks", "own", "pairs", "parents", "shortest", "units")

    def __init__(self, own: frozenset[bytes], names: set[bytes], pairs: set[tuple[bytes, int]]) -> None:
        self.own: Final = own
        self.names: Final = frozenset(names)
        self.pairs: Final = frozenset([pair_needle(host, port) for host, port in pairs])
        self.units: Final = self.names | {str(port).encode() for _, port in pairs}
        self.shortest: Final = min([len(unit) for unit in self.units if b":" not in unit], default=_LONGEST)
        """No word of fewer bytes is among `units`. IPv6 addresses are no words: they are looked for by themselves."""
        self.networks: tuple[Network, ...] = ()
        self.parents: tuple[bytes, ...] = ()
        self.hidden: tuple[bytes, ...] = ()
        self.needles: tuple[bytes, ...] = ()
        self.has_ipv6 = any(b":" in name for name in names)

    def hide(self, names: set[bytes], networks: list[Network]) -> None:
        """Forbid every address of these networks as well, the names below these, and longer words that hold one.

        A word without a dot is too common to be looked for in others: `pbx` hides `x.pbx`, not `x-pbx-id`.
        """
        self.networks = tuple(networks)
        words = sorted([name for name in names if not is_ipv4(name) and b":" not in name])
        self.parents = tuple([b"." + word for word in words if b"." not in word])
        self.hidden = tuple([word for word in words if b"." in word])
        prefixes = {b" " + _prefix(one) for one in networks if isinstance(one, IPv4Network)}
        self.needles = (*sorted(prefixes), *self.parents, *self.hidden)
        self.has_ipv6 = self.has_ipv6 or any(isinstance(one, IPv6Network) for one in networks)

    def covers(self, unit: bytes) -> bool:
        """True for an address inside a hidden network, for a name below a hidden one and for a word that holds one."""
        if unit in self.own:
            return False
        if is_ipv4(unit):
            four = IPv4Address(_plain(unit))
            return any(four in network for network in self.networks)
        if b":" in unit:
            six = parse_ipv6(unit)
            return six is not None and any(six in network for network in self.networks)
        return unit.endswith(self.parents) or any(_holds_name(unit, name) for name in self.hidden)


def compile_forbidden(config: Config) -> dict[str, Forbidden]:
    """What each realm must not see.

    Hosts that several realms use count only with their port, and so do names without a dot: `pbx` is too common a word.
    The hide list is taken as it is written.
    """
    names = {
        realm.name: RealmNames(realm, [trunk for trunk in config.trunks.values() if trunk.realm == realm.name])
        for realm in config.realms.values()
    }
    hidden, networks = _hide_list(config)
    out: dict[str, Forbidden] = {}
    for realm in config.realms.values():
        own = names[realm.name]
        own_pairs = {pair_needle(host, port) for host, port in own.pairs}
        hosts: set[bytes] = set()
        pairs: set[tuple[bytes, int]] = set()
        for other in names.values():
            if other is not own:
                alone = {host for host in other.hosts - own.hosts if b"." in host or b":" in host}
                hosts |= alone
                pairs |= {pair for pair in other.pairs - own.pairs if pair[0] not in alone}
        if not realm.trusted:
            hosts |= hidden - own.hosts
        forbidden = Forbidden(frozenset(own.hosts | own_pairs), hosts, pairs)
        if not realm.trusted:
            forbidden.hide(hidden - own.hosts, networks)
        out[realm.name] = forbidden
    return out


def shared_hosts(config: Config) -> frozenset[bytes]:
    """Hosts that more than one realm uses: by themselves they tell nothing about a side."""
    seen: set[bytes] = set()
    shared: set[bytes] = set()
    for realm in config.realms.values():
        names = RealmNames(realm, [trunk for trunk in config.trunks.values() if trunk.realm == realm.name])
        shared |= names.hosts & seen
        seen |= names.hosts
    return frozenset(shared)


def _hide_list(config: Config) -> tuple[set[bytes], list[Network]]:
    names: set[bytes] = set()
    networks: list[Network] = []
    for token in config.audit.hide:
        try:
            network = ip_network(token, strict=False)
        except ValueError:
            unit = unescape(canonical_host(token.lstrip("*.")))
            names.add(unit)
            continue
        if network.num_addresses == 1:
            names.add(canonical_host(token.partition("/")[0]))
        else:
            networks.append(network)
    return names, networks


def _holds_name(unit: bytes, name: bytes) -> bool:
    """True where a name stands between dots and dashes: `corp.local` in `gw-x.corp.local-1`, not in `mycorp.local`."""
    start = unit.find(name)
    while start >= 0:
        end = start + len(name)
        if not unit[max(start - 1, 0) : start].isalnum() and not unit[end : end + 1].isalnum():
            return True
        start = unit.find(name, start + 1)
    return False


def _prefix(network: IPv4Network) -> bytes:
    """The leading whole octets that every address of the network has in common, with the dot."""
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    return "".join([octet + "." for octet in octets]).encode()


def _plain(unit: bytes) -> str:
    return ".".join([str(int(part)) for part in unit.split(b".")])
