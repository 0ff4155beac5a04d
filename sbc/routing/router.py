"""Trunks to next hops, and addresses to trunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.config import Config, Listener, Trunk, proves
from sbc.routing.health import Health, TargetHealth, TargetState
from sbc.routing.hop import NextHop, Source
from sbc.routing.prefixes import PrefixTable

_FINE: Final = 1_000_000
"""Steps in which the share of a target in its slow start is drawn."""


class _Weighted:
    """A target's hop with its place among its trunk's."""

    __slots__ = ("health", "hop", "weight")

    def __init__(self, hop: NextHop, weight: int, health: TargetHealth) -> None:
        self.hop: Final = hop
        self.weight: Final = weight
        self.health: Final = health


class Router:
    """The routing of one configuration snapshot, on the health that outlives it.

    A source is a trunk by the networks in its `sources`; where a trunk has none, by the addresses of its targets. Those
    of targets written as names are unknown until `note_addresses` tells them.

    A trunk with `tls_names` is known by what its certificate proves, from any address; where it has `sources` too, it
    must come from there and prove its name.
    """

    __slots__ = ("_groups", "_named", "_tables", "_waiting", "health", "names")

    def __init__(self, config: Config, health: Health | None = None, now: float = 0.0) -> None:
        self.health: Final = health if health is not None else Health()
        self._groups: dict[str, list[list[_Weighted]]] = {}
        self._tables: dict[str, PrefixTable] = {name: PrefixTable() for name in config.realms}
        self._waiting: dict[str, list[Trunk]] = {}
        self._named: dict[str, Trunk] = {name: trunk for name, trunk in config.trunks.items() if trunk.tls_names}
        hops: list[NextHop] = []
        for trunk in config.trunks.values():
            hops += self._add(trunk, now)
        self.health.retain(hops, set(config.trunks))
        self.names: Final = tuple(self._waiting)
        """Host names to resolve so that the trunks behind them can be recognised."""

    def _add(self, trunk: Trunk, now: float) -> list[NextHop]:
        table = self._tables[trunk.realm]
        for network in trunk.sources:
            table.add(network, trunk.name)
        groups: dict[int, list[_Weighted]] = {}
        hops: list[NextHop] = []
        for target in trunk.targets:
            hop = NextHop(trunk.name, trunk.realm, target)
            hops.append(hop)
            health = self.health.adopt(hop, trunk.probe, now)
            groups.setdefault(target.priority, []).append(_Weighted(hop, target.weight, health))
            if trunk.sources or trunk.tls_names:
                continue
            if hop.is_address:
                table.add(hop.host, trunk.name)
            elif trunk not in self._waiting.setdefault(hop.host, []):
                self._waiting[hop.host].append(trunk)
        self._groups[trunk.name] = [groups[priority] for priority in sorted(groups)]
        return hops

    def identify(self, listener: Listener, host: str, port: int = 0, names: tuple[str, ...] = ()) -> Source:
        """Who sends from `host` to `listener`: a trunk of the listener's realm, or a stranger to it.

        `names` are what the peer's certificate proved (`Flow.names`).
        """
        realm = listener.realm
        found = self._tables[realm].find(host)
        if self._named:
            found = self._proved(realm, found, names)
        return Source(realm, found, host, port)

    def _proved(self, realm: str, found: str, names: tuple[str, ...]) -> str:
        """The trunk by name, else the one found by address, if that asks for no name or got it."""
        if names:
            for trunk in self._named.values():
                if trunk.realm == realm and not trunk.sources and proves(names, trunk.tls_names):
                    return trunk.name
        asks = self._named.get(found)
        return found if asks is None or proves(names, asks.tls_names) else ""

    def note_addresses(self, name: str, addresses: tuple[str, ...]) -> None:
        """What a target's host name resolved to. Addresses add up while this snapshot lasts:

        DNS that rotates its answers must not make a stranger of the peer it left out."""
        for trunk in self._waiting.get(name, []):
            for address in addresses:
                self._tables[trunk.realm].add(address, trunk.name)

    def select(self, trunks: tuple[str, ...], draw: Callable[[int], int], now: float) -> list[NextHop]:
        """The hops to try, in order: trunk by trunk, lower priority number first, drawn by weight within a priority.

        `draw(n)` gives an even random number in [0, n). After those that are up come the ones whose slow start turned
        this call away, then the ones that failed and are not probed, for one lost call proves little. Targets that
        probes found down get a call only where nothing else is left: on all of them rather than on none. A disabled
        one gets none at all.
        """
        first: list[NextHop] = []
        eased: list[NextHop] = []
        suspect: list[NextHop] = []
        down: list[NextHop] = []
        for name in trunks:
            if name in self.health.disabled:
                continue
            for group in self._groups.get(name, []):
                for entry in _shuffle(group, draw):
                    state = entry.health.settle(now)
                    if state is TargetState.UP:
                        is_eased = entry.health.risen and draw(_FINE) >= entry.health.share(now) * _FINE
                        (eased if is_eased else first).append(entry.hop)
                    elif state is not TargetState.DISABLED:
                        (suspect if entry.health.probe is None else down).append(entry.hop)
        return first + eased + suspect or down

    def note_failure(self, hop: NextHop, now: float, reason: str = "") -> bool:
        """The target timed out or answered 503; True where it is down by that."""
        health = self.health.find(hop)
        return health is not None and health.note_failure(reason, now)

    def note_success(self, hop: NextHop, now: float, is_probe: bool = False) -> bool:
        """The target answered; True where it is up by that."""
        health = self.health.find(hop)
        return health is not None and health.note_answer(now, is_probe)


def _shuffle(group: list[_Weighted], draw: Callable[[int], int]) -> list[_Weighted]:
    """A group of one priority in random order by weight (RFC 2782): each place is drawn among those that are left.

    Targets of weight 0 come after all others, in the order written.
    """
    if len(group) == 1:
        return group
    left = [entry for entry in group if entry.weight > 0]
    total = sum([entry.weight for entry in left])
    order: list[_Weighted] = []
    while left:
        number = draw(total)
        index = 0
        while number >= left[index].weight:
            number -= left[index].weight
            index += 1
        total -= left[index].weight
        order.append(left.pop(index))
    order.extend([entry for entry in group if entry.weight <= 0])
    return order
