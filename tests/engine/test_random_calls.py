"""Calls at random over a bad wire: every one ends on both sides, and nothing of it is left."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest

from sbc.config import Timers
from tests.kit.agent import Agent, Phase
from tests.kit.modern import ModernAgent
from tests.kit.movers import Mover
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, PBX2, Node, config
from tests.kit.transfers import CARRIER2, TO_CARRIER2, TO_NOBODY, TO_PBX2, transfer_config
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
        chaos.later(random.random() * 10, pbx.die)
    chaos.run(random.choice([30, 30, 30, 150]))
    carrier.hang_up()
    chaos.run(10)
    pbx.hang_up()
    chaos.run(300)
    _verify(node, chaos, [carrier, pbx], mode)


def play_transfer(seed: int) -> None:
    """One call that is transferred and taken over between four parties, two on either side."""
    random = Random(seed)
    mode = random.choice(["bypass", "anchor"])
    settings = transfer_config(mode=mode, timers=Timers(ringing=40, liveness=60))
    # One trunk a side: a colleague may take a place (RFC 3891), whichever line was called.
    trunks = {
        name: replace(trunk, sources=(f"{trunk.targets[0].uri.host}/32",)) if name.endswith("2") else trunk
        for name, trunk in settings.trunks.items()
    }
    trunks["pbx"] = replace(trunks["pbx"], sources=(f"{PBX}/32", f"{PBX2}/32"))
    trunks["pbx2"] = replace(trunks["pbx2"], sources=("10.20.9.9/32",))
    node = Node(replace(settings, trunks=trunks))
    node.peers.clear()
    bad = random.choice([0.0, 0.05, 0.25])
    chaos = Chaos(node, random, loss=bad, repeat=bad, delay=random.choice([0.01, 0.2, 0.8]))
    places = [("carrier", CARRIER, OUTSIDE), ("pbx", PBX, INSIDE), ("carriertwo", CARRIER2, OUTSIDE)]
    agents = [Mover(chaos, *place, random) for place in [*places, ("pbxtwo", PBX2, INSIDE)]]
    for agent in agents:
        agent.targets = [TO_CARRIER2, TO_PBX2, TO_PBX2, TO_NOBODY] if random.random() < 0.7 else []
    caller = random.choice(agents[:2])
    chaos.later(0.1, lambda: caller.dial(late=random.random() < 0.3))
    for agent in agents:
        for _ in range(random.randrange(2, 9)):
            chaos.later(random.random() * 25, agent.act)
    if random.random() < 0.5:
        chaos.later(3 + random.random() * 12, lambda: agents[3].take_over(agents[1]))
    chaos.run(random.choice([30, 30, 150]))
    for agent in agents:
        agent.hang_up()
        chaos.run(10)
    chaos.run(300)
    _verify(node, chaos, list(agents), mode)


def _verify(node: Node, chaos: Chaos, agents: list[Agent], mode: str) -> None:
    engine = node.engine
    assert chaos.referee.finish() == []
    assert engine.active_calls == 0
    assert len(engine.egress.dialogs) == 0
    assert len(engine.egress.transactions) == 0
    assert engine.egress.waiting == {}
    assert chaos.media.sessions == set()
    assert chaos.leaks() == []
    assert engine.egress.trunks.places == 0
    for agent in agents:
        assert agent.faults == []
        assert not agent.unanswered
        assert agent.phase in (Phase.OVER, Phase.IDLE), f"{agent.name} is {agent.phase.value}"
    for agent, other in [(one, two) for one in agents for two in agents if one.listener != two.listener]:
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


@pytest.mark.parametrize("block", range(10))
def test_random_transfers_end_on_all_sides_and_leave_nothing(block: int) -> None:
    """RFC 3515, RFC 3891: the same with REFER and Replaces, four parties and a seed."""
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            play_transfer(seed)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
