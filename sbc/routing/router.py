"""Trunks to next hops, and addresses to trunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.config import Config, Listener, Trunk, proves
from sbc.records import Located, Sought
from sbc.routing.deck import Deck
from sbc.routing.health import Health, TargetHealth, TargetState
from sbc.routing.hop import NextHop, Source
from sbc.routing.locate import Place, places
from sbc.routing.prefixes import PrefixTable

RECOGNISED: Final = 3600.0
"""Seconds for which an address is a trunk's after DNS gave it last: DNS that rotates its answers must not make a
stranger of the peer it left out."""
_PLACES: Final = 16
"""Places tried at most for one target."""
_FINE: Final = 1_000_000
"""Steps in which the share of a target in its slow start is drawn."""


class _Weighted:
    """A target's hop with its place among its trunk's."""

    __slots__ = ("health", "hop", "weight")

    def __init__(self, hop: NextHop, weight: int, health: TargetHealth) -> None:
        self.hop: Final = hop
        self.weight: Final = weight
        self.health: Final = health


class _Group:
    """The targets of one priority, those of weight 0 last, and the deck that says which of the others is first."""

    __slots__ = ("deck", "entries", "total")

    def __init__(self, entries: list[_Weighted]) -> None:
        weighty = [entry for entry in entries if entry.weight > 0]
        self.entries: Final = weighty + [entry for entry in entries if entry.weight <= 0]
        self.total: Final = sum([entry.weight for entry in weighty])
        self.deck: Final = Deck([entry.weight for entry in weighty]) if weighty else None


class Router:
    """The routing of one configuration snapshot, on the health that outlives it.

    A source is a trunk by the networks in its `sources`; where a trunk has none, by the addresses of its targets. Those
    of targets written as names are unknown until `note_located` tells them.

    A trunk with `tls_names` is known by what its certificate proves, from any address; where it has `sources` too, it
    must come from there and prove its name.
    """

    __slots__ = ("_found", "_groups", "_named", "_reach", "_tables", "_wholes", "health", "soughts")

    def __init__(self, config: Config, health: Health | None = None, now: float = 0.0) -> None:
        self.health: Final = health if health is not None else Health()
        self._groups: dict[str, list[_Group]] = {}
        self._tables: dict[str, PrefixTable] = {name: PrefixTable() for name in config.realms}
        self._found: dict[str, dict[str, tuple[str, float]]] = {name: {} for name in config.realms}
        self._reach = {name: _reach(realm.listeners) for name, realm in config.realms.items()}
        self._wholes: dict[Sought, list[tuple[TargetHealth, NextHop, bool]]] = {}
        self._named: dict[str, Trunk] = {name: trunk for name, trunk in config.trunks.items() if trunk.tls_names}
        hops: list[NextHop] = []
        for trunk in config.trunks.values():
            hops += self._add(trunk, now)
        self.health.retain(hops, set(config.trunks))
        self.soughts: Final = tuple(self._wholes)
        """What to locate, and to keep located: the targets that are written as names."""

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
            is_proof = not trunk.sources and not trunk.tls_names
            if not hop.is_address:
                self._wholes.setdefault(self.sought(hop), []).append((health, hop, is_proof))
            elif is_proof:
                table.add(hop.host, trunk.name)
        self._groups[trunk.name] = [_Group(groups[priority]) for priority in sorted(groups)]
        return hops

    def sought(self, hop: NextHop) -> Sought:
        """What to ask DNS for to reach a target that is written as a name."""
        return hop.sought(frozenset([transport for transport, _ in self._reach[hop.realm]]))

    def identify(self, listener: Listener, host: str, port: int = 0, names: tuple[str, ...] = ()) -> Source:
        """Who sends from `host` to `listener`: a trunk of the listener's realm, or a stranger to it.

        `names` are what the peer's certificate proved (`Flow.names`).
        """
        realm = listener.realm
        located = self._found[realm].get(host)
        found = self._tables[realm].find(host) if located is None else located[0]
        if self._named:
            found = self._proved(realm, found, names)
        return Source(realm, found, host, port)

    def trunk_at(self, realm: str, host: str) -> str:
        """The trunk of a realm that an address belongs to, whoever proves what; an empty string for none."""
        return self._tables[realm].find(host)

    def _proved(self, realm: str, found: str, names: tuple[str, ...]) -> str:
        """The trunk by name, else the one found by address, if that asks for no name or got it."""
        if names:
            for trunk in self._named.values():
                if trunk.realm == realm and not trunk.sources and proves(names, trunk.tls_names):
                    return trunk.name
        asks = self._named.get(found)
        return found if asks is None or proves(names, asks.tls_names) else ""

    def note_located(self, sought: Sought, located: Located, now: float) -> bool:
        """Where the name of targets leads; True where that is elsewhere than before."""
        is_changed = False
        for whole, hop, is_proof in self._wholes.get(sought, []):
            if is_proof:
                self._recognise(hop, located.addresses, now)
            reached = [place for place in places(located.servers, _last) if self._reaches(hop.realm, place)]
            hops = [NextHop(hop.trunk, hop.realm, hop.target, place) for place in reached[:_PLACES]]
            is_changed = self.health.spread(whole, hops, now) or is_changed
        return is_changed

    def _recognise(self, hop: NextHop, addresses: tuple[str, ...], now: float) -> None:
        found = self._found[hop.realm]
        for address in [address for address, (_, until) in found.items() if until <= now]:
            del found[address]
        for address in addresses:
            if found.get(address, (hop.trunk, 0.0))[0] == hop.trunk:  # as with networks: the first trunk has it
                found[address] = (hop.trunk, now + RECOGNISED)

    def _reaches(self, realm: str, place: Place) -> bool:
        return (place.transport, ":" in place.host) in self._reach[realm]

    def places(self, hop: NextHop, located: Located, draw: Callable[[int], int], now: float) -> list[NextHop]:
        """The places of a target's name in the order to try (RFC 3263 section 4.3), as `select` treats targets."""
        order: list[tuple[TargetHealth | None, NextHop]] = []
        for place in places(located.servers, draw):
            if self._reaches(hop.realm, place):
                one = NextHop(hop.trunk, hop.realm, hop.target, place)
                order.append((self.health.find(one), one))
        return _usable(order, draw, now)[:_PLACES]

    def select(self, trunks: tuple[str, ...], draw: Callable[[int], int], now: float) -> list[NextHop]:
        """The hops to try, in order: trunk by trunk, lower priority number first, by weight within a priority.

        The first of a priority gets its exact share of requests (`Deck`); who follows it, should it fail, is drawn.
        `draw(n)` gives an even random number in [0, n). After those that are up come the ones whose slow start turned
        this call away, then the ones that failed and are not probed, for one lost call proves little. Targets that
        probes found down get a call only where nothing else is left: on all of them rather than on none. A disabled
        one gets none at all.
        """
        order: list[tuple[TargetHealth | None, NextHop]] = []
        for name in trunks:
            if name not in self.health.disabled:
                for group in self._groups.get(name, []):
                    order += [(entry.health, entry.hop) for entry in _shuffle(group, draw)]
        return _usable(order, draw, now)

    def note_failure(self, hop: NextHop, now: float, reason: str = "") -> bool:
        """The target timed out or answered 503; True where it is down by that."""
        health = self.health.find(hop)
        return health is not None and health.note_failure(reason, now)

    def note_success(self, hop: NextHop, now: float, is_probe: bool = False) -> bool:
        """The target answered; True where it is up by that."""
        health = self.health.find(hop)
        return health is not None and health.note_answer(now, is_probe)


def _usable(order: list[tuple[TargetHealth | None, NextHop]], draw: Callable[[int], int], now: float) -> list[NextHop]:
    first: list[NextHop] = []
    eased: list[NextHop] = []
    suspect: list[NextHop] = []
    down: list[NextHop] = []
    for health, hop in order:
        state = TargetState.UP if health is None else health.settle(now)
        if health is None or state is TargetState.UP:
            is_eased = health is not None and health.risen and draw(_FINE) >= health.share(now) * _FINE
            (eased if is_eased else first).append(hop)
        elif state is not TargetState.DISABLED:
            (suspect if health.probe is None else down).append(hop)
    return first + eased + suspect or down


def _reach(listeners: tuple[Listener, ...]) -> frozenset[tuple[str, bool]]:
    """(transport, whether by IPv6) of what can be sent to."""
    return frozenset([(listener.transport, ":" in listener.host) for listener in listeners])


def _last(bound: int) -> int:
    return bound - 1


def _shuffle(group: _Group, draw: Callable[[int], int]) -> list[_Weighted]:
    """A group of one priority in random order by weight (RFC 2782): each place is drawn among those that are left.

    Targets of weight 0 come after all others, in the order written.
    """
    if group.deck is None or len(group.entries) == 1:
        return group.entries
    left = list(group.entries)
    first = left.pop(group.deck.deal(draw))
    total = group.total - first.weight
    order = [first]
    while total:
        number = draw(total)
        index = 0
        while number >= left[index].weight:
            number -= left[index].weight
            index += 1
        total -= left[index].weight
        order.append(left.pop(index))
    order.extend(left)
    return order
