"""Trunks to next hops, addresses to trunks, and which targets have lately failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.config import Config, Listener, Trunk
from sbc.routing.hop import NextHop, Source
from sbc.routing.prefixes import PrefixTable

FAILURE_PENALTY: Final = 30.0
"""Seconds for which a target that timed out or answered 503 is tried last."""


class _Weighted:
    """A target's hop with its place among its trunk's."""

    __slots__ = ("hop", "priority", "weight")

    def __init__(self, hop: NextHop, priority: int, weight: int) -> None:
        self.hop: Final = hop
        self.priority: Final = priority
        self.weight: Final = weight


class Router:
    """The routing of one configuration snapshot, with the passive health of its targets.

    A source is a trunk by the networks in its `sources`; where a trunk has none, by the addresses of its targets. Those
    of targets written as names are unknown until `note_addresses` tells them.
    """

    __slots__ = ("_failed", "_groups", "_tables", "_waiting", "names")

    def __init__(self, config: Config) -> None:
        self._groups: dict[str, list[list[_Weighted]]] = {}
        self._tables: dict[str, PrefixTable] = {name: PrefixTable() for name in config.realms}
        self._waiting: dict[str, list[Trunk]] = {}
        self._failed: dict[tuple[str, str, int, str], float] = {}
        for trunk in config.trunks.values():
            self._add(trunk)
        self.names: Final = tuple(self._waiting)
        """Host names to resolve so that the trunks behind them can be recognised."""

    def _add(self, trunk: Trunk) -> None:
        table = self._tables[trunk.realm]
        for network in trunk.sources:
            table.add(network, trunk.name)
        groups: dict[int, list[_Weighted]] = {}
        for target in trunk.targets:
            hop = NextHop(trunk.name, trunk.realm, target)
            groups.setdefault(target.priority, []).append(_Weighted(hop, target.priority, target.weight))
            if trunk.sources:
                continue
            if hop.is_address:
                table.add(hop.host, trunk.name)
            elif trunk not in self._waiting.setdefault(hop.host, []):
                self._waiting[hop.host].append(trunk)
        self._groups[trunk.name] = [groups[priority] for priority in sorted(groups)]

    def identify(self, listener: Listener, host: str, port: int = 0) -> Source:
        """Who sends from `host` to `listener`: a trunk of the listener's realm, or a stranger to it."""
        return Source(listener.realm, self._tables[listener.realm].find(host), host, port)

    def note_addresses(self, name: str, addresses: tuple[str, ...]) -> None:
        """What a target's host name resolved to. Addresses add up while this snapshot lasts:

        DNS that rotates its answers must not make a stranger of the peer it left out."""
        for trunk in self._waiting.get(name, []):
            for address in addresses:
                self._tables[trunk.realm].add(address, trunk.name)

    def select(self, trunks: tuple[str, ...], draw: Callable[[int], int], now: float) -> list[NextHop]:
        """The hops to try, in order: trunk by trunk, lower priority number first, drawn by weight within a priority.

        `draw(n)` gives an even random number in [0, n). Targets that failed within `FAILURE_PENALTY` come last, in the
        same order among themselves: a call is tried on all of them rather than on none.
        """
        healthy: list[NextHop] = []
        failed: list[NextHop] = []
        for name in trunks:
            for group in self._groups.get(name, []):
                for hop in _shuffle(group, draw):
                    if self._failed and self.is_failed(hop, now):
                        failed.append(hop)
                    else:
                        healthy.append(hop)
        return healthy + failed if failed else healthy

    def note_failure(self, hop: NextHop, now: float) -> None:
        """The target timed out or answered 503."""
        self._failed[hop.key] = now + FAILURE_PENALTY

    def note_success(self, hop: NextHop, now: float) -> None:
        """The target answered: it is healthy at once."""
        if self._failed:
            self._failed.pop(hop.key, None)

    def is_failed(self, hop: NextHop, now: float) -> bool:
        """True while the target's last failure is younger than `FAILURE_PENALTY`."""
        until = self._failed.get(hop.key)
        if until is None:
            return False
        if now < until:
            return True
        del self._failed[hop.key]
        return False


def _shuffle(group: list[_Weighted], draw: Callable[[int], int]) -> list[NextHop]:
    """A group of one priority in random order by weight (RFC 2782): each place is drawn among those that are left.

    Targets of weight 0 come after all others, in the order written.
    """
    if len(group) == 1:
        return [group[0].hop]
    left = [entry for entry in group if entry.weight > 0]
    total = sum([entry.weight for entry in left])
    hops: list[NextHop] = []
    while left:
        number = draw(total)
        index = 0
        while number >= left[index].weight:
            number -= left[index].weight
            index += 1
        total -= left[index].weight
        hops.append(left.pop(index).hop)
    hops.extend([entry.hop for entry in group if entry.weight <= 0])
    return hops
