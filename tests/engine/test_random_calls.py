"""Calls at random over a bad wire: every one ends on both sides, and nothing of it is left."""

from __future__ import annotations

import os
from random import Random

import pytest

from sbc.config import Timers
from tests.kit.agent import Agent, Phase
from tests.kit.modern import ModernAgent
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, Node, config
from tests.kit.wire import Chaos

SEEDS = int(os.environ.get("SBC_RANDOM_CALLS", "150"))
"""How many calls; the acceptance run sets it to 100,000."""


def play(seed: int) -> None:
    """One call between a carrier and a PBX, whoever calls, over a wire as bad as the seed says."""
    random = Random(seed)
    mode = random.choice(["bypass", "anchor"])
    node = Node(config(mode=mode, timers=Timers(ringing=40, liveness=60)))
    node.peers.clear()
    bad = random.choice([0.0, 0.05, 0.25])
    chaos = Chaos(node, random, loss=bad, repeat=bad, delay=random.choice([0.01, 0.2, 0.8]))
    carrier = random.choice([Agent, ModernAgent, ModernAgent])(chaos, "carrier", CARRIER, OUTSIDE, random)
    pbx = random.choice([Agent, ModernAgent, ModernAgent])(chaos, "pbx", PBX, INSIDE, random)
    caller = random.choice([carrier, pbx])
    chaos.later(0.1, lambda: caller.dial(late=random.random() < 0.3))
    for agent in (carrier, pbx):
        for _ in range(random.randrange(1, 6)):
            chaos.later(random.random() * 15, agent.act)
    if random.random() < 0.1:
        chaos.later(random.random() * 10, lambda: chaos.ends.update({(pbx.host, 5060): lambda data: None}))
    chaos.run(random.choice([30, 30, 30, 150]))
    carrier.hang_up()
    chaos.run(10)
    pbx.hang_up()
    chaos.run(300)
    _verify(node, chaos, carrier, pbx, mode)


def _verify(node: Node, chaos: Chaos, carrier: Agent, pbx: Agent, mode: str) -> None:
    engine = node.engine
    assert engine.active_calls == 0
    assert len(engine.egress.dialogs) == 0
    assert len(engine.egress.transactions) == 0
    assert engine.egress.waiting == {}
    assert chaos.media.sessions == set()
    assert chaos.leaks() == []
    for agent, other in ((carrier, pbx), (pbx, carrier)):
        assert agent.faults == []
        assert not agent.unanswered
        assert agent.phase in (Phase.OVER, Phase.IDLE)
        shown = b"\n".join(chaos.shown.get(agent.host, [])).decode("utf-8", "replace")
        tokens = [other.tag, f"{other.name}-agent", "secret-pbx"] + ([other.host] if mode == "anchor" else [])
        for token in tokens:
            assert token not in shown, f"{token} was shown to {agent.name}"


@pytest.mark.parametrize("block", range(10))
def test_random_calls_end_on_both_sides_and_leave_nothing(block: int) -> None:
    """Design 3b; issue "Everything SIP": loss, repeats, delay and reordering on a seed."""
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            play(seed)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
