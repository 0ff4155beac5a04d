"""One script at random: a node, its peers and a wire, all chosen by a seed, played to the end and judged.

What must hold whatever happened: every call has ended on both sides, nothing of it is left (calls, dialogs,
transactions, media sessions, places in trunks, timers, records in the journal), nothing of one side was shown to the
other, each call began and ended once, and the referee at the wire has nothing to say.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sbc.config import Auth, Config, Engine, Listener, Profile, Redirect, Target, Timers, Trunk
from sbc.outputs import CallEnded, CallStarted
from sbc.sip import parse_uri
from tests.kit.agent import Agent
from tests.kit.movers import Mover
from tests.kit.node import CARRIER, EDGE_IN, EDGE_OUT, INSIDE, OUTSIDE, PBX, PBX2, Node, config
from tests.kit.transfers import CARRIER2, TO_CARRIER2, TO_NOBODY, TO_PBX2, transfer_config
from tests.kit.wilful import Wilful
from tests.kit.wire import Chaos

QUIET = 75.0
"""Seconds in which everything must come to its end that has lost its peer: 64*T1 twice, and a little."""
_TCP = 2
"""What is added to a realm's listener for the one that takes TCP."""
_SWITCHES: dict[str, tuple[str, ...]] = {
    "session_timer": ("offer", "accept", "off"),
    "reliable": ("offer", "offer", "require", "off"),
    "update": ("allow", "never"),
    "delayed_offer": ("pass", "insert"),
    "early_media": ("pass", "pass", "ringing", "ignore"),
    "provisionals": ("all", "first"),
    "early_dialogs": ("each", "one"),
    "hold": ("pass", "sendonly", "inactive", "zero"),
    "forwarding": ("as-is", "diversion", "history-info", "none"),
    "identity": ("as-is", "asserted", "remote-party"),
    "privacy": ("honour", "anonymise"),
    "session_id": ("own", "none"),
}


class Scene:
    """A script before it is played; `play` tells what was wrong."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random = Random(seed)
        self.mode = random.choice(["bypass", "anchor"])
        self.agents: list[Agent] = []
        self.over: set[str] = set()
        """Calls that went down with their process."""
        self.has_restarted = False
        self.chaoses: list[Chaos] = []
        """The wires of all nodes."""

    # What there is

    def _timers(self) -> Timers:
        return Timers(ringing=40, liveness=60, session=self.random.choice([0, 90, 1800]))

    def _stage(self, settings: Config) -> None:
        random = self.random
        if random.random() < 0.15:
            settings = _by_stream(settings)
        if random.random() < 0.4:
            trunks = {name: replace(trunk, profile=self._profile()) for name, trunk in settings.trunks.items()}
            settings = replace(settings, trunks=trunks)
        self.node = node = Node(settings)
        node.peers.clear()
        bad = random.choice([0.0, 0.05, 0.25])
        self.chaos = Chaos(node, random, loss=bad, repeat=bad, delay=random.choice([0.01, 0.2, 0.8]))
        self.chaoses = [self.chaos]
        if random.random() < 0.15:
            self.chaos.trouble = 0.3
        self.chaos.has_icmp = random.random() < 0.5

    def _profile(self) -> Profile | None:
        random = self.random
        if random.random() < 0.5:
            return None
        chosen = {name: random.choice(values) for name, values in _SWITCHES.items() if random.random() < 0.25}
        return Profile(name="random", **chosen)

    def _settings(self, made: Config) -> Config:
        if self.mode == "bypass":
            return made
        engines = tuple(Engine("192.0.2.9", 2220 + number) for number in range(self.random.choice([1, 1, 2])))
        return replace(made, media=replace(made.media, engines=engines))

    def _troubles(self, agents: list[Agent], seconds: float) -> None:
        """What befalls the node and its peers, beside what these do themselves."""
        random, chaos = self.random, self.chaos
        if random.random() < 0.08:
            chaos.later(random.random() * seconds, random.choice(agents).die)
        if random.random() < 0.08:
            chaos.later(random.random() * seconds, self._restart)
        if self.mode == "anchor" and random.random() < 0.05:
            chaos.later(random.random() * seconds, lambda: chaos.lose_engine(0))
        for agent in agents:
            if agent.flow.is_reliable and random.random() < 0.5:
                place = (agent.host, 5060)
                chaos.later(random.random() * seconds, lambda place=place: chaos.cut(place))  # type: ignore[misc]
        if random.random() < 0.15:
            moment = random.random() * seconds
            for agent in agents:
                chaos.later(moment, agent.hang_up)

    def _restart(self) -> None:
        self.has_restarted = True
        kept = set(self.node.journal)
        self.over |= {call for call in self.node.engine.egress.calls if call not in kept}
        self.chaos.restart()

    # Kinds of scripts

    def call(self) -> list[str]:
        """One call between a carrier and a PBX, whoever calls."""
        random = self.random
        made = config(mode=self.mode, timers=self._timers())
        auth = {}
        if random.random() < 0.2:
            auth = {name: replace(trunk, auth=Auth("alice", "wonderland")) for name, trunk in made.trunks.items()}
        self._stage(self._settings(replace(made, trunks=made.trunks | auth)))
        kinds = [Agent, Wilful, Mover, Mover]
        carrier = random.choice(kinds)(self.chaos, "carrier", CARRIER, self._listener(OUTSIDE), random)
        pbx = random.choice(kinds)(self.chaos, "pbx", PBX, self._listener(INSIDE), random)
        agents = [carrier, pbx]
        for agent in agents:
            if isinstance(agent, Wilful) and random.random() < 0.2:
                agent.challenges = random.choice([401, 407])
        return self._perform(agents, random.choice(agents), 15, 6)

    def attempts(self) -> list[str]:
        """A call to a PBX of two places, of which the first refuses, sends away, asks, or is late."""
        random = self.random
        made = config(mode=self.mode, timers=self._timers(), pbx=(f"sip:{PBX}", f"sip:{PBX2}"))
        pbx_trunk = replace(made.trunks["pbx"], redirect=Redirect(random.choice(["follow", "pass", "refuse"])))
        self._stage(self._settings(replace(made, trunks=made.trunks | {"pbx": pbx_trunk})))
        carrier = Mover(self.chaos, "carrier", CARRIER, self._listener(OUTSIDE), random)
        pbx = Mover(self.chaos, "pbx", PBX, self._listener(INSIDE), random)
        other = Mover(self.chaos, "otherpbx", PBX2, self._listener(INSIDE), random)
        agents: list[Agent] = [carrier, pbx, other]
        roll = random.random()
        if roll < 0.5:
            pbx.refusal = random.choice([503, 500, 302, 404, 486])
            pbx.elsewhere = f"sip:other@{PBX2}"
        elif roll < 0.7:
            pbx.lateness = random.random() * 9
        elif roll < 0.8:
            pbx.die()
        other.lateness = random.choice([0.0, 0.0, random.random() * 6])
        return self._perform(agents, carrier, 20, 5)

    def transfer(self) -> list[str]:
        """A call that is transferred and taken over between four parties, two on either side."""
        random = self.random
        settings = transfer_config(
            mode=self.mode,
            timers=self._timers(),
            outside=random.choice(["terminate", "terminate", "bridge", "refuse"]),
            inside=random.choice(["", "bridge"]),
        )
        # One trunk a side: a colleague may take a place (RFC 3891), whichever line was called.
        trunks = {
            name: replace(trunk, sources=(f"{trunk.targets[0].uri.host}/32",)) if name.endswith("2") else trunk
            for name, trunk in settings.trunks.items()
        }
        trunks["pbx"] = replace(trunks["pbx"], sources=(f"{PBX}/32", f"{PBX2}/32"))
        trunks["pbx2"] = replace(trunks["pbx2"], sources=("10.20.9.9/32",))
        self._stage(self._settings(replace(settings, trunks=trunks)))
        places = [("carrier", CARRIER, OUTSIDE), ("pbx", PBX, INSIDE), ("carriertwo", CARRIER2, OUTSIDE)]
        places.append(("pbxtwo", PBX2, INSIDE))
        movers = [Mover(self.chaos, name, host, self._listener(side), random) for name, host, side in places]
        for agent in movers:
            agent.targets = [TO_CARRIER2, TO_PBX2, TO_PBX2, TO_NOBODY] if random.random() < 0.7 else []
        chaos = self.chaos
        if random.random() < 0.4:
            chaos.later(1 + random.random() * 12, lambda: movers[3].take_over(movers[1]))
        elif random.random() < 0.6:
            # The colleague calls somebody itself: the two calls may be brought together.
            movers[1].colleague, movers[3].colleague = movers[3], movers[1]
            chaos.later(1 + random.random() * 5, movers[3].dial_if_idle)
        return self._perform(list(movers), random.choice(movers[:2]), 25, 9)

    def _listener(self, side: int) -> int:
        return side + _TCP if len(self.node.config.listeners) > _TCP else side

    # How it goes

    def _perform(self, agents: list[Agent], caller: Agent, seconds: float, acts: int) -> list[str]:
        random, chaos = self.random, self.chaos
        self.agents = agents
        chaos.later(0.1, lambda: caller.dial(late=random.random() < 0.3))
        for agent in agents:
            for _ in range(random.randrange(1, acts)):
                chaos.later(random.random() * seconds, agent.act)
        self._troubles(agents, seconds)
        chaos.run(random.choice([30, 30, 30, 150]))
        faults: list[str] = []
        for agent in random.sample(agents, len(agents)):
            may_be_lost = self.has_restarted or chaos.has_cut
            if agent.is_busy and not any(one.node.engine.active_calls for one in self.chaoses):
                chaos.run(QUIET)
                if agent.is_busy and not may_be_lost:
                    faults.append(f"{agent.name} is {agent.phase.value}, and the node has no call")
            if agent.is_busy:
                agent.hang_up()
                chaos.run(QUIET)
        chaos.run(200)
        for one in self.chaoses:
            faults += self._judge(one)
        return faults + self._parties() + self._shown()

    def _judge(self, chaos: Chaos) -> list[str]:
        node = chaos.node
        egress = node.engine.egress
        left = {
            "calls": node.engine.active_calls,
            "dialogs": len(egress.dialogs),
            "transactions": len(egress.transactions),
            "media replies awaited": len(egress.waiting),
            "places in trunks": egress.trunks.places,
            "records in the journal": len(node.journal),
            "findings of the audit": len(chaos.leaks()),
            "timers": sum(one.next_timer is not None for slot in egress.wheel._slots.values() for one in slot),
        }
        if not self.has_restarted:
            left["media sessions"] = len(chaos.media.sessions)
        faults = [f"{count} {what} left" for what, count in left.items() if count]
        faults += chaos.referee.finish()
        faults += chaos.referee.shown(chaos.sent)
        return faults + self._records(chaos)

    def _parties(self) -> list[str]:
        faults: list[str] = []
        for agent in self.agents:
            faults += [f"{agent.name}: {fault}" for fault in agent.faults]
            if agent.is_dead:
                continue
            if agent.is_busy:
                faults.append(f"{agent.name} is {agent.phase.value}")
            if agent.unanswered and not self.has_restarted and not self.chaos.has_cut:
                faults.append(f"{agent.name} has an offer without an answer")
            may_be_lost = self.has_restarted or self.chaos.has_cut
            if isinstance(agent, Wilful) and agent.left_over and not may_be_lost:
                faults.append(f"{agent.name} talks at {agent.left_over}")
        return faults

    def _records(self, chaos: Chaos) -> list[str]:
        started = [event.call for event in chaos.events if isinstance(event, CallStarted)]
        ended = [event.call for event in chaos.events if isinstance(event, CallEnded)]
        faults = [f"{call} never ended" for call in started if call not in ended and call not in self.over]
        return faults + [f"{call} ended {ended.count(call)} times" for call in set(ended) if ended.count(call) > 1]

    def _shown(self) -> list[str]:
        faults: list[str] = []
        for agent in self.agents:
            seen = b"\n".join(agent.chaos.shown.get(agent.host, [])).decode("utf-8", "replace")
            for other in self.agents:
                if (other.listener - agent.listener) % 2 or other.chaos is not agent.chaos:
                    tokens = [other.tag, f"{other.name}-agent", "secret-pbx"]
                    tokens += [other.host] if self.mode == "anchor" else []
                    faults += [f"{token} was shown to {agent.name}" for token in tokens if token in seen]
        return faults


def _by_stream(made: Config) -> Config:
    """The same configuration with TCP on both sides, and peers that are reached by it."""
    outside = Listener(OUTSIDE + _TCP, "outside", "TCP", EDGE_OUT, 5060)
    inside = Listener(INSIDE + _TCP, "inside", "TCP", EDGE_IN, 5060)
    listeners = (*made.listeners, outside, inside)
    realms = {
        name: replace(realm, listeners=tuple(one for one in listeners if one.realm == name))
        for name, realm in made.realms.items()
    }
    trunks = {name: replace(trunk, targets=tuple(map(_streamed, trunk.targets))) for name, trunk in made.trunks.items()}
    return replace(made, realms=realms, listeners=listeners, trunks=_with_sources(made.trunks, trunks))


def _streamed(target: Target) -> Target:
    return replace(target, uri=parse_uri(f"{target.uri};transport=tcp"))


def _with_sources(before: dict[str, Trunk], after: dict[str, Trunk]) -> dict[str, Trunk]:
    """Whoever speaks as a trunk does so from the same addresses."""
    return {
        name: replace(trunk, sources=trunk.sources or tuple(f"{one.uri.host}/32" for one in before[name].targets))
        for name, trunk in after.items()
    }


KINDS = ("call", "attempts", "transfer")


def play(seed: int, kind: str = "") -> list[str]:
    """What was wrong with a script; nothing where all is well. Its kind follows from its seed where none is named."""
    scene = Scene(seed)
    chosen = kind or KINDS[seed % len(KINDS)]
    if chosen == "call":
        return scene.call()
    return scene.attempts() if chosen == "attempts" else scene.transfer()
