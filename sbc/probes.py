"""Asking targets whether they live: OPTIONS outside dialogs by the one exit, on a schedule and by command.

Any final response but 408 and 503 is a sign of life (RFC 3261 section 11.2: who does not know OPTIONS says so). Probes
of one target never overlap. Spacing: `every` with a tenth of jitter while nothing changes; a tenth of it, from one to
three seconds, while an outage or a recovery is to be confirmed, and after a call there had to be sent again or failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sbc.call import Call, CallState, Kind, Leg, Outgoing
from sbc.config import Probe, Target
from sbc.egress import Egress
from sbc.media import Side
from sbc.outputs import TargetChanged
from sbc.routing import NextHop, TargetHealth, TargetState
from sbc.sip import parse_uri
from sbc.snapshot import listener_for
from sbc.wire import Flow, Now

PATIENCE: Final = 4.0
"""Seconds for which an answer is waited for: over UDP it was asked four times by then. Never longer than `every`."""
FIRST_WITHIN: Final = 5.0
"""Seconds after the start within which each target is asked for the first time."""
SILENCE: Final = "no answer to a probe"
_GRAINS: Final = 1 << 20

Key = tuple[str, str, int, str]


class Question(Outgoing):
    """A probe under way."""

    __slots__ = ()


class Tick:
    """One wake-up for one target in the engine's wheel; None where it is wanted no more."""

    __slots__ = ("key", "next_timer")

    def __init__(self, key: Key, deadline: float) -> None:
        self.key: Final = key
        self.next_timer: float | None = deadline


class Prober:
    """Keeps one tick for each target with a `probe`, and what has been asked.

    Of several workers `owns` says who asks a target on its schedule; the others hear from that one, and ask for
    themselves only while calls of theirs give them a doubt.
    """

    __slots__ = ("_asked", "_egress", "_found", "_ticks", "owns")

    def __init__(self, egress: Egress) -> None:
        self._egress: Final = egress
        self._ticks: dict[Key, Tick] = {}
        self._asked: dict[Key, Question] = {}
        self._found: dict[Key, tuple[str, str]] = {}
        """What came of our questions, for other workers: the last of each target."""
        self.owns: Callable[[Key], bool] = _owns_all

    def follow(self, now: Now) -> None:
        """Ask the targets of the configuration in force, and the places of names, and no others, from now on."""
        known = self._egress.trunks.health.all()
        wanted = {one.hop.key: one for one in known if one.probe is not None and one.hop.is_address}
        for key in [key for key in self._ticks if key not in wanted and key not in self._asked]:
            self._ticks.pop(key).next_timer = None
        for key, health in wanted.items():
            if key not in self._ticks:
                assert health.probe is not None
                self._set(key, now.monotonic + self._chance() * min(health.probe.every, FIRST_WITHIN))

    def handle_tick(self, tick: Tick, now: Now) -> None:
        """A target is to be asked, or has not answered in time."""
        tick.next_timer = None
        key = tick.key
        question = self._asked.get(key)
        if question is not None:
            self.answered(question, SILENCE, now)
            return
        self._ticks.pop(key, None)
        health = self._health(key)
        if health is None or health.probe is None or not (self.owns(key) or _is_unsettled(health)):
            return
        if health.state is TargetState.DISABLED or health.hop.trunk in self._egress.trunks.health.disabled:
            self._set(key, now.monotonic + self._spacing(health, health.probe))
        else:
            self.ask(health, now)

    def ask(self, health: TargetHealth, now: Now) -> None:
        """Send a probe, unless one is under way; for a name to each place that it leads to."""
        for place in health.places:
            self.ask(place, now)
        if not health.hop.is_address:
            return
        key = health.hop.key
        if key in self._asked:
            return
        leg = self._leg(health.hop, now)
        if leg is None:
            self._egress.note_health(health.hop, "no listener reaches it")
            self._schedule(key, now)
            return
        question = Question(Kind.LIVENESS, leg, "OPTIONS")
        question.hop = health.hop
        question.fields = [("Accept", "application/sdp")]
        self._asked[key] = question
        health.asked = now.monotonic
        patience = min(PATIENCE, health.probe.every) if health.probe is not None else PATIENCE
        self._set(key, now.monotonic + patience)
        if not self._egress.request(question):
            self.answered(question, "withheld by the audit", now)

    def greet(self, flow: Flow, now: Now) -> Question | None:
        """OPTIONS to whoever is at a flow, of no account to any trunk; None where it cannot be sent."""
        host = f"[{flow.host}]" if ":" in flow.host else flow.host
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        target = Target(parse_uri(f"sip:{host}:{flow.port}{transport}"))
        hop = NextHop("", self._egress.realm_of(flow).name, target)
        leg = self._leg(hop, now)
        if leg is None:
            return None
        question = Question(Kind.LIVENESS, leg, "OPTIONS")
        question.hop = hop
        return question if self._egress.request(question) else None

    def answered(self, question: Outgoing, fault: str, now: Now) -> None:
        """What became of a probe: an empty `fault` is a sign of life. The second word about one counts no more."""
        hop = question.hop
        question.done = fault == ""
        if hop is None or self._asked.get(hop.key) is not question:
            return
        del self._asked[hop.key]
        question.cancel_wanted = True  # should it still wait for the address of a name
        tx = question.tx
        if fault and tx is not None:
            self._egress.run(tx, tx.abandon(now.monotonic))
        health = self._health(hop.key)
        if health is not None:
            took = round((now.monotonic - health.asked) * 1000)
            health.asked = 0.0
            health.answer = fault or f"answered in {took} ms"
            if not (fault == SILENCE and self._egress.is_late):  # the answer may lie unread in our own socket
                self._egress.note_health(hop, fault, is_probe=True)
                if self.owns(hop.key):
                    self._found[hop.key] = (fault, health.answer)
        self._schedule(hop.key, now)

    def take_findings(self) -> list[tuple[Key, str, str]]:
        """What came of our questions since this was asked last: the target, its fault, its answer in words."""
        found = [(key, fault, answer) for key, (fault, answer) in self._found.items()]
        self._found = {}
        return found

    def others(self) -> list[Key]:
        """The targets that another worker asks."""
        known = self._egress.trunks.health.all()
        return [one.hop.key for one in known if one.probe is not None and not self.owns(one.hop.key)]

    def hear(self, key: Key, fault: str, answer: str) -> None:
        """What another worker has found of a target."""
        health = self._health(key)
        if health is not None and health.probe is not None and key not in self._asked:
            health.answer = answer
            self._egress.note_health(health.hop, fault, is_probe=True)

    def hurry(self, hop: NextHop, now: Now) -> None:
        """A call met a failure or silence there: find out soon whether it was the target's."""
        health = self._health(hop.key)
        tick = self._ticks.get(hop.key)
        if health is None or health.probe is None or hop.key in self._asked or health.state is not TargetState.UP:
            return
        soon = now.monotonic + self._chance() * _quick(health.probe)
        if not self.owns(hop.key) if tick is None or tick.next_timer is None else soon < tick.next_timer:
            self._set(hop.key, soon)

    # Commands

    def switch(self, trunk: str, target: str, is_enabled: bool, now: Now) -> None:
        """Take a trunk, or one target of it, out of service or back into it. Live calls go on."""
        known = self._egress.trunks.health
        state = "enabled" if is_enabled else "disabled"
        if not target:
            if is_enabled:
                known.disabled.discard(trunk)
            else:
                known.disabled.add(trunk)
            self._egress.report(TargetChanged(trunk, "", state, "operator", now.wall))
        for health in self._egress.trunks.named(trunk, target):
            if target:
                health.enabled = is_enabled
                self._egress.report(TargetChanged(trunk, target, state, "operator", now.wall))
            if is_enabled and health.probe is not None:
                self.ask(health, now)

    def probe(self, trunk: str, target: str, now: Now) -> None:
        """Ask now, whatever the schedule says."""
        for health in self._egress.trunks.named(trunk, target):
            self.ask(health, now)

    # The inside

    def _leg(self, hop: NextHop, now: Now) -> Leg | None:
        """A leg of no call: our own From, the target as To, a Call-ID of its own."""
        egress = self._egress
        config = egress.snapshot.config
        realm = config.realms[hop.realm]
        listener = listener_for(realm, hop.transport, hop.host)
        if listener is None:
            return None
        call = Call(egress.mint.token(), config, egress.mint, now)
        call.state = CallState.OUTSIDE
        call.mode = "anchor"
        flow = Flow(listener.index, hop.transport, hop.host, hop.port)
        passage = egress.snapshot.passages.between(realm.name, realm.name, hop.trunk)
        leg = Leg(call, Side.B, realm, listener, flow, passage, egress.learned())
        leg.trunk = hop.trunk
        leg.call_id = egress.mint.call_id()
        leg.local_uri = f"<sip:{realm.domain}>"
        leg.target = str(hop.uri)
        leg.remote_uri = f"<{hop.uri}>"
        leg.learned.learn_own(leg.call_id, leg.local_tag, leg.contact)
        return leg

    def _health(self, key: Key) -> TargetHealth | None:
        return self._egress.trunks.health.get(key)

    def _schedule(self, key: Key, now: Now) -> None:
        old = self._ticks.pop(key, None)
        if old is not None:
            old.next_timer = None
        health = self._health(key)
        if health is not None and health.probe is not None and (self.owns(key) or _is_unsettled(health)):
            self._set(key, now.monotonic + self._spacing(health, health.probe))

    def _spacing(self, health: TargetHealth, probe: Probe) -> float:
        return (_quick(probe) if _is_unsettled(health) else probe.every) * (0.9 + 0.2 * self._chance())

    def _set(self, key: Key, deadline: float) -> None:
        old = self._ticks.get(key)
        if old is not None:
            old.next_timer = None
        tick = self._ticks[key] = Tick(key, deadline)
        self._egress.wheel.arm(tick, deadline)

    def _chance(self) -> float:
        return self._egress.mint.number(20) / _GRAINS


def _is_unsettled(health: TargetHealth) -> bool:
    """Whether an outage or a recovery is to be confirmed."""
    return health.state is TargetState.PROBING or (health.state is TargetState.UP and health.failures > 0)


def _owns_all(_: Key) -> bool:
    return True


def _quick(probe: Probe) -> float:
    return min(probe.every, max(1.0, min(3.0, probe.every / 10)))


def fault_of(status: int) -> str:
    """What a final response to a probe says against its sender; an empty string for nothing."""
    return f"answered {status} to a probe" if status in (408, 503) else ""
