"""Trunks at work: what each carries against its limits, and what an operator sees of them and switches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from sbc.call import Call, Kind, Outgoing
from sbc.config import Capacity, Config, Target, Trunk
from sbc.routing import Health, NextHop, TargetHealth, TargetState
from sbc.wire import Now

AT_ONCE: Final = 8
"""Calls that move on from a dead target in one step."""
_WINDOW: Final = 1.0


class Load:
    """What one trunk or one target carries: calls now, and when the last ones began."""

    __slots__ = ("_begun", "calls", "calls_elsewhere", "rate_elsewhere", "refused")

    def __init__(self) -> None:
        self.calls = 0
        self.calls_elsewhere = 0
        """What other workers of the node carry, as last heard."""
        self.rate_elsewhere = 0
        self.refused = 0
        """Calls that a limit turned away so far."""
        self._begun: deque[float] = deque()

    def has_room(self, limits: Capacity, now: float) -> bool:
        """True where one more call is within the limits: never more than `calls_per_second` in any one second."""
        if limits.calls and self.calls + self.calls_elsewhere >= limits.calls:
            return False
        return not limits.calls_per_second or self.rate(now) + self.rate_elsewhere < limits.calls_per_second

    def take(self, limits: Capacity, now: float) -> None:
        """One more call."""
        self.calls += 1
        if limits.calls_per_second:
            self._begun.append(now)

    def rate(self, now: float) -> int:
        """Calls begun within the last second; counted only where there is a limit to it."""
        begun = self._begun
        while begun and begun[0] <= now - _WINDOW:
            begun.popleft()
        return len(begun)


class Trunks:
    """Admission by trunk and target (design 3a: after policy), counted by the ids of the calls that hold a place.

    A call holds one place in the trunk it came from and, while it is tried or talks there, one in the trunk and one in
    the target it went to. `leave` gives all of them back, whatever became of the call.
    """

    __slots__ = ("_entered", "_targets", "_tried", "_trunks", "health")

    def __init__(self, health: Health) -> None:
        self.health: Final = health
        self._trunks: dict[str, Load] = {}
        self._targets: dict[tuple[str, str, int, str], Load] = {}
        self._entered: dict[str, tuple[Load, ...]] = {}
        self._tried: dict[str, tuple[Load, ...]] = {}

    # Admission

    def refusal(self, trunk: Trunk | None, now: float) -> str:
        """Why a new call from this trunk cannot be taken; an empty string where it can. None is a stranger."""
        if trunk is None:
            return ""
        if trunk.name in self.health.disabled:
            return f"trunk {trunk.name} is disabled"
        load = self._load(trunk.name)
        if load.has_room(trunk.limits, now):
            return ""
        load.refused += 1
        return f"trunk {trunk.name} is full"

    def enter(self, call: Call, trunk: Trunk | None, now: float) -> None:
        """A call from this trunk was admitted; its longest duration is the trunk's."""
        if trunk is None or call.id in self._entered:
            return
        load = self._load(trunk.name)
        load.take(trunk.limits, now)
        self._entered[call.id] = (load,)

    def attempt(self, call: Call, hop: NextHop, is_exempt: bool, now: float) -> bool:
        """The call is to be tried at a target: True where trunk and target have room, which it then holds.

        What it held at the target before is given back in any case. `is_exempt` counts without asking.
        """
        self._give_back(call.id)
        trunk = call.config.trunks.get(hop.trunk)
        if trunk is None:
            return True
        whole = self._load(trunk.name)
        part = self._targets.get(hop.target_key)
        if part is None:
            part = self._targets[hop.target_key] = Load()
        if not is_exempt:
            for load, limits in ((whole, trunk.limits), (part, hop.limits)):
                if not load.has_room(limits, now):
                    load.refused += 1
                    return False
        whole.take(trunk.limits, now)
        part.take(hop.limits, now)
        self._tried[call.id] = (whole, part)
        return True

    def leave(self, call: str) -> None:
        """The call is over: every place it held is free."""
        for load in self._entered.pop(call, ()):
            load.calls -= 1
        self._give_back(call)

    def _give_back(self, call: str) -> None:
        for load in self._tried.pop(call, ()):
            load.calls -= 1

    def exchange(self, one: tuple[str, bool], other: tuple[str, bool]) -> None:
        """Two legs have changed places: (call, whether it is the caller's side) of each; so have what they hold."""
        held = [(self._entered if is_caller else self._tried).pop(call, ()) for call, is_caller in (one, other)]
        for (call, is_caller), loads in zip((other, one), held, strict=True):
            if loads:
                (self._entered if is_caller else self._tried)[call] = loads

    def _load(self, name: str) -> Load:
        load = self._trunks.get(name)
        if load is None:
            load = self._trunks[name] = Load()
        return load

    def loads(self) -> list[tuple[str, Load]]:
        """Every trunk and target that has carried a call, by a name that is the same in all workers."""
        found = list(self._trunks.items())
        found += [(" ".join([str(part) for part in key]), load) for key, load in self._targets.items()]
        return found

    def retain(self, config: Config) -> None:
        """Forget the counts of trunks and targets that are not configured and carry nothing any more."""
        targets = {one.hop.target_key for one in self.health.all()}
        self._trunks = {name: load for name, load in self._trunks.items() if load.calls or name in config.trunks}
        self._targets = {key: load for key, load in self._targets.items() if load.calls or key in targets}

    @property
    def places(self) -> int:
        """Places held in all trunks and targets together; 0 where no call is up."""
        return sum([load.calls for load in (*self._trunks.values(), *self._targets.values())])

    # What an operator sees

    def rows(self, config: Config, now: Now) -> list[dict[str, object]]:
        """One row a trunk, for `sbc trunk list`."""
        return [self._row(trunk, now) for trunk in config.trunks.values()]

    def _row(self, trunk: Trunk, now: Now) -> dict[str, object]:
        load = self._trunks.get(trunk.name) or Load()
        targets = [self._target_row(trunk, target, now) for target in trunk.targets]
        return {
            "name": trunk.name,
            "realm": trunk.realm,
            "state": "disabled" if trunk.name in self.health.disabled else _worst([str(t["state"]) for t in targets]),
            "calls": load.calls,
            "refused": load.refused,
            "limits": _shown(trunk.limits),
            "targets": targets,
        }

    def _target_row(self, trunk: Trunk, target: Target, now: Now) -> dict[str, object]:
        hop = NextHop(trunk.name, trunk.realm, target)
        load = self._targets.get(hop.key) or Load()
        row: dict[str, object] = {
            "uri": str(target.uri),
            "priority": target.priority,
            "weight": target.weight,
            "calls": load.calls,
            "refused": load.refused,
            "limits": _shown(target.limits),
        }
        health = self.health.find(hop)
        if health is not None:
            state = health.settle(now.monotonic)
            row["state"] = state.value
            row["since"] = round(now.wall - now.monotonic + health.since, 3)
            row["share"] = round(health.share(now.monotonic), 3)
            row["reason"] = health.reason
            row["failures"] = health.failures
            row["probe"] = {"is_due": health.asked > 0, "last": health.answer, "every": 0.0}
            if health.probe is not None:
                row["probe"] = {"is_due": health.asked > 0, "last": health.answer, "every": health.probe.every}
            if not hop.is_address:
                row["places"] = [_place_row(place, now) for place in health.places]
                row["probe"] = _probe_of(health)
        return row

    def named(self, trunk: str, target: str) -> list[TargetHealth]:
        """The targets of a trunk that are meant by a URI, all of them by an empty string; empty for unknown ones."""
        return [one for one in self.health.of(trunk) if not target or str(one.hop.uri) == target]


def _probe_of(whole: TargetHealth) -> dict[str, object]:
    """What became of the probes of a name: the best that one of its places said."""
    said = [place.answer for place in whole.places if place.answer]
    best = next((one for one in said if one.startswith("answered in ")), said[0] if said else "")
    is_due = any(place.asked > 0 for place in whole.places)
    return {"is_due": is_due, "last": best, "every": whole.probe.every if whole.probe is not None else 0.0}


def _place_row(place: TargetHealth, now: Now) -> dict[str, object]:
    """Where a target's name leads: one place and how it is."""
    hop = place.hop
    return {
        "transport": hop.transport,
        "host": hop.host,
        "port": hop.port,
        "state": place.settle(now.monotonic).value,
        "share": round(place.share(now.monotonic), 3),
        "reason": place.reason,
        "failures": place.failures,
        "last": place.answer,
    }


def longest(call: Call, hop: NextHop) -> float:
    """Seconds that a call to this target may last: the least of the node's, its trunks' and the target's limits."""
    seconds = call.config.timers.call
    for name in (call.caller_leg.trunk, hop.trunk):
        trunk = call.config.trunks.get(name)
        if trunk is not None and trunk.limits.duration:
            seconds = min(seconds, trunk.limits.duration)
    return min(seconds, hop.limits.duration) if hop.limits.duration else seconds


def waiting_at(hop: NextHop, calls: Iterable[Call]) -> list[Outgoing]:
    """INVITEs under way to a target that is down, while their calls have another to try. Those that ring are among them
    only where the trunk is probed: without probes one call's failure is all that is known.
    """
    found: list[Outgoing] = []
    for call in calls:
        out = call.attempt
        if out is None or out.done or out.hop is None or out.kind is not Kind.INVITE:
            continue
        if out.hop.key == hop.key and call.hop_index < len(call.hops):
            trunk = call.config.trunks.get(hop.trunk)
            if not out.provisional or (trunk is not None and trunk.probe is not None):
                found.append(out)
    return found


class Stranded:
    """Requests to a target that is known to be down, whose calls are to move on: `AT_ONCE` of them at a time."""

    __slots__ = ("_outs", "next_timer")

    def __init__(self) -> None:
        self._outs: deque[Outgoing] = deque()
        self.next_timer: float | None = None

    def add(self, outs: list[Outgoing], now: float) -> None:
        """More of them, from now on."""
        if outs:
            self._outs.extend(outs)
            self.next_timer = now

    def some(self, now: float) -> list[Outgoing]:
        """The next few, the ones that have waited longest first."""
        outs = [self._outs.popleft() for _ in range(min(AT_ONCE, len(self._outs)))]
        self.next_timer = now + 0.01 if self._outs else None
        return outs


def _shown(limits: Capacity) -> dict[str, object]:
    shown: dict[str, object] = {}
    if limits.calls:
        shown["calls"] = limits.calls
    if limits.calls_per_second:
        shown["calls_per_second"] = limits.calls_per_second
    if limits.duration:
        shown["duration"] = limits.duration
    return shown


def _worst(states: list[str]) -> str:
    """A trunk in one word: up where all targets are, down where none is, degraded between; up without targets."""
    up = states.count(TargetState.UP.value)
    if up == len(states):
        return "up"
    return "degraded" if up else "down"
