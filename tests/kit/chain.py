"""One node behind another: a carrier, two nodes of ours, and a PBX, each pair of neighbours joined by a wire at random.

What must hold for one node must hold for both; a node is just another peer to its neighbour.
"""

from __future__ import annotations

from dataclasses import replace

from sbc.config import Auth, Config, Target
from sbc.sip import parse_uri
from sbc.wire import Flow
from tests.kit.agent import Agent
from tests.kit.movers import Mover
from tests.kit.node import CARRIER, EDGE_IN, INSIDE, MEDIA_OUT, OUTSIDE, Node, config
from tests.kit.scene import Scene
from tests.kit.wilful import Wilful
from tests.kit.wire import Chaos

MIDDLE, INNER, FAR = "10.20.0.50", "10.30.0.1", "10.30.0.5"
"""The inner node as the outer one sees it, as its own PBX does, and that PBX."""
_MEDIA_MIDDLE, _MEDIA_INNER = "10.20.0.51", "10.30.0.2"


class Chain(Scene):
    """A script with two nodes."""

    def play(self) -> list[str]:
        """One call through both, whoever calls."""
        random = self.random
        outer = self._toward(config(mode=self.mode, timers=self._timers()), "pbx", MIDDLE)
        if random.random() < 0.2:
            asked = replace(outer.trunks["pbx"], auth=Auth("alice", "wonderland"))
            outer = replace(outer, trunks=outer.trunks | {"pbx": asked})
        self._stage(self._settings(outer))
        first = self.chaos
        inner = _placed(self._toward(config(mode=self.mode, timers=self._timers()), "carrier", EDGE_IN))
        self.node = Node(self._settings(inner), bytes(reversed(range(32))))
        self.node.peers.clear()
        second = Chaos(self.node, random, loss=first.loss, repeat=first.repeat, delay=first.delay, clock=first.clock)
        second.media.addresses = {"in": _MEDIA_INNER, "out": _MEDIA_MIDDLE}
        second.trouble = first.trouble
        first.media.addresses["out"] = MEDIA_OUT
        first.ends[(MIDDLE, 5060)] = lambda data: second.deliver(data, Flow(OUTSIDE, "UDP", EDGE_IN, 5060))
        second.ends[(EDGE_IN, 5060)] = lambda data: first.deliver(data, Flow(INSIDE, "UDP", MIDDLE, 5060))
        self.chaoses = [first, second]
        kinds = [Agent, Wilful, Mover, Mover]
        carrier = random.choice(kinds)(first, "carrier", CARRIER, OUTSIDE, random)
        pbx = random.choice(kinds)(second, "pbx", FAR, INSIDE, random)
        agents = [carrier, pbx]
        self.chaos = random.choice(self.chaoses)
        self.node = self.chaos.node
        return self._perform(agents, random.choice(agents), 15, 6)

    def _toward(self, made: Config, trunk: str, host: str) -> Config:
        """The same with the other node in the place of a trunk's only target."""
        other = replace(made.trunks[trunk], targets=(Target(parse_uri(f"sip:{host}")),))
        return replace(made, trunks=made.trunks | {trunk: other})


def _placed(made: Config) -> Config:
    """The inner node's addresses and names, and its PBX."""
    outside, inside = made.listeners
    outside, inside = replace(outside, host=MIDDLE), replace(inside, host=INNER)
    realms = {
        "outside": replace(made.realms["outside"], listeners=(outside,), domain="edge.corp.local"),
        "inside": replace(made.realms["inside"], listeners=(inside,), domain="far.corp.local"),
    }
    pbx = replace(made.trunks["pbx"], targets=(Target(parse_uri(f"sip:{FAR}")),))
    return replace(made, realms=realms, listeners=(outside, inside), trunks=made.trunks | {"pbx": pbx})


def play(seed: int) -> list[str]:
    """What was wrong with a script through two nodes; nothing where all is well."""
    return Chain(seed).play()
