"""How the targets of trunks are: told by calls and by probes, kept while configurations come and go.

state     a call goes there               on failure                      on answer
--------  ------------------------------  ------------------------------  ----------------------------
up        yes; fewer in its slow start    the `down_after`th: down        failures are forgotten
down      not while another target is up  stays                           probing, the `up_after`th: up
probing   as down                         down                            the `up_after`th: up
disabled  never                           noted                           noted

A trunk without `probe` has no hysteresis, for only calls tell: the first failure is down for `FAILURE_PENALTY`
seconds, in which the target is tried last; an answer, or the end of that time, is up. A failure in the slow start is
down at once.

A target that is written as a name has a health for each place that the name leads to, and is itself as the best of
them; down where it leads nowhere.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from sbc.config import Probe
from sbc.routing.hop import Key, NextHop

FAILURE_PENALTY: Final = 30.0
"""Seconds for which a target of a trunk without probes is tried last after it timed out or answered 503."""
SLOW_START: Final = 30.0
"""Seconds in which a target that was down grows back to its whole share."""
FIRST_SHARE: Final = 0.1
"""What it gets of its share at the beginning."""


class TargetState(Enum):
    """Whether calls go to a target."""

    UP = "up"
    PROBING = "probing"
    """It was down and has answered, but not often enough yet."""
    DOWN = "down"
    DISABLED = "disabled"
    """By an operator."""


class TargetHealth:
    """One target. `since` is when it got into its state, `reason` why.

    `until` is the end of a penalty, `risen` the beginning of a slow start; 0 where there is none.
    """

    __slots__ = (
        "_state",
        "answer",
        "answers",
        "asked",
        "enabled",
        "failures",
        "hop",
        "places",
        "probe",
        "reason",
        "risen",
        "since",
        "until",
        "whole",
    )

    def __init__(self, hop: NextHop, probe: Probe | None, now: float) -> None:
        self.hop = hop
        self.probe = probe
        self.enabled = True
        self.failures = 0
        """In a row."""
        self.answers = 0
        """In a row, since it was down."""
        self.asked = 0.0
        """When the probe left that is under way; 0 where none is."""
        self.answer = ""
        """What became of the last probe."""
        self.reason = ""
        self.since = now
        self.until = 0.0
        self.risen = 0.0
        self.whole: TargetHealth | None = None
        """The target whose name led to this place; None for a target itself."""
        self.places: list[TargetHealth] = []
        """Where the target's name leads; empty for an address, and for a name not located yet."""
        self._state = TargetState.UP

    @property
    def state(self) -> TargetState:
        """As of the last thing that happened; `settle` lets a penalty end."""
        is_enabled = self.enabled and (self.whole is None or self.whole.enabled)
        return self._state if is_enabled else TargetState.DISABLED

    def settle(self, now: float) -> TargetState:
        """The state at `now`: penalties and slow starts end by themselves."""
        if self.places:
            self._join(now)
            return self.state
        if self.until and now >= self.until:
            self._rise(self.until, "penalty is over")
        if self.risen and now >= self.risen + SLOW_START:
            self.risen = 0.0
        return self.state

    def watch(self, probe: Probe | None, now: float) -> None:
        """From now on it is probed like this; a target that is down and no longer probed gets its penalty."""
        self.probe = probe
        if probe is not None:
            self.until = 0.0
        elif self._state is not TargetState.UP and not self.until:
            self._state = TargetState.DOWN
            self.until = now + FAILURE_PENALTY

    def share(self, now: float) -> float:
        """The part of its weight that it gets now: 1, less in its slow start."""
        if not self.risen:
            return 1.0
        return min(1.0, max(FIRST_SHARE, (now - self.risen) / SLOW_START))

    def note_failure(self, reason: str, now: float) -> bool:
        """It did not answer, could not be reached, or is out of service; True where that makes it down."""
        self.settle(now)
        self.failures += 1
        self.answers = 0
        probe = self.probe
        if self._state is TargetState.DOWN:
            if probe is None:
                self.until = now + FAILURE_PENALTY
            return False
        if probe is not None and self._state is TargetState.UP and not self.risen and self.failures < probe.down_after:
            return False
        was_up = self._state is TargetState.UP
        self._enter(TargetState.DOWN, reason, now)
        self.risen = 0.0
        if probe is None:
            self.until = now + FAILURE_PENALTY
        return was_up

    def note_answer(self, now: float, is_probe: bool) -> bool:
        """It answered; True where that makes it up.

        Where it is probed only probes lead out of an outage: the answers to all the calls that waited come at once.
        """
        if self._state is TargetState.UP:
            self.failures = 0
            return False
        if self.probe is not None and not is_probe:
            return False
        self.failures = 0
        self.answers += 1
        if self.probe is not None and self.answers < self.probe.up_after:
            if self._state is TargetState.DOWN:
                self._enter(TargetState.PROBING, "answers again", now)
            return False
        self._rise(now, "answers")
        return True

    def spread(self, places: list[TargetHealth], now: float) -> None:
        """Its name leads to these places now; without any it is down."""
        self.places = places
        if places:
            self._join(now)
        elif self._state is not TargetState.DOWN:
            self._enter(TargetState.DOWN, "its name leads nowhere", now)

    def _join(self, now: float) -> None:
        found: list[TargetState] = []
        for place in self.places:
            place.settle(now)
            found.append(place._state)
        best = next((one for one in (TargetState.UP, TargetState.PROBING) if one in found), TargetState.DOWN)
        if best is not self._state:
            self._enter(best, self.places[0].reason, now)
        self.until = self.risen = 0.0

    def _rise(self, now: float, reason: str) -> None:
        self._enter(TargetState.UP, reason, now)
        self.failures = self.answers = 0
        self.until = 0.0
        self.risen = now

    def _enter(self, state: TargetState, reason: str, now: float) -> None:
        self._state = state
        self.reason = reason
        self.since = now

    def __repr__(self) -> str:
        return f"<TargetHealth {self.state.value} {self.hop!r}>"


class Health:
    """All targets by trunk and address, and the trunks an operator took out of service.

    One for the life of a node: a configuration adopts it, so that a reload forgets nothing of a target that stays.
    """

    __slots__ = ("_targets", "disabled")

    def __init__(self) -> None:
        self._targets: dict[Key, TargetHealth] = {}
        self.disabled: Final[set[str]] = set()
        """Trunks to which no call goes and from which none is taken."""

    def adopt(self, hop: NextHop, probe: Probe | None, now: float) -> TargetHealth:
        """What is known of a target, or a fresh start for a new one."""
        known = self._targets.get(hop.key)
        if known is None:
            known = self._targets[hop.key] = TargetHealth(hop, probe, now)
        known.hop = hop
        known.watch(probe, now)
        return known

    def spread(self, whole: TargetHealth, hops: list[NextHop], now: float) -> bool:
        """The name of a target leads to these places now; True where they are others than before."""
        places: list[TargetHealth] = []
        for hop in hops:
            known = self._targets.get(hop.key)
            if known is None:
                known = self._targets[hop.key] = TargetHealth(hop, whole.probe, now)
                known.whole = whole
            elif known.whole is not None:  # else the trunk has it as a target of its own, too
                known.hop = hop
                known.whole = whole
                known.watch(whole.probe, now)
            places.append(known)
        before = whole.places
        for one in before:
            if one not in places and one.whole is whole:
                self._targets.pop(one.hop.key, None)
        whole.spread(places, now)
        return before != places

    def retain(self, hops: list[NextHop], trunks: set[str]) -> None:
        """Forget the targets and trunks that are none of these."""
        keys = {hop.key for hop in hops}
        wholes = {key: one.whole.hop.key if one.whole is not None else key for key, one in self._targets.items()}
        for key in [key for key, whole in wholes.items() if key not in keys and whole not in keys]:
            del self._targets[key]
        self.disabled.intersection_update(trunks)

    def find(self, hop: NextHop) -> TargetHealth | None:
        """A target's health; None where it is no trunk's any more, or never was."""
        return self._targets.get(hop.key)

    def get(self, key: Key) -> TargetHealth | None:
        """The same by key."""
        return self._targets.get(key)

    def all(self) -> list[TargetHealth]:
        """Every target, and every place of one."""
        return list(self._targets.values())

    def of(self, trunk: str) -> list[TargetHealth]:
        """The targets of one trunk, in the order of the configuration that named them first."""
        return [one for key, one in self._targets.items() if key[0] == trunk and one.whole is None]
