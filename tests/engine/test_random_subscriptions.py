"""Subscriptions at random over a bad wire: every one ends on both sides, and nothing of it is left."""

from __future__ import annotations

import os
from random import Random

import pytest

from sbc.config import Timers
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, Node, config
from tests.kit.watching import Notifier, Subscriber
from tests.kit.wire import Chaos

SEEDS = int(os.environ.get("SBC_RANDOM_CALLS", "40"))
"""How many; the acceptance run of the random calls sets it."""


def assert_clean(seed: int) -> None:
    """One subscription through the node, whoever watches, over a wire as bad as the seed says."""
    random = Random(seed)
    node = Node(config(timers=Timers(subscription=60)))
    node.peers.clear()
    bad = random.choice([0.0, 0.05, 0.25])
    chaos = Chaos(node, random, loss=bad, repeat=bad, delay=random.choice([0.01, 0.2, 0.8]))
    sides = [("carrier", CARRIER, OUTSIDE), ("pbx", PBX, INSIDE)]
    random.shuffle(sides)
    watcher = Subscriber(chaos, *sides[0], random)
    watched = Notifier(chaos, *sides[1], random)
    chaos.later(0.1, lambda: watcher.watch(random.choice([0, 20, 60, 9999])))
    for agent in (watcher, watched):
        for _ in range(random.randrange(5)):
            chaos.later(random.random() * 40, agent.act)
    if random.random() < 0.1:
        chaos.later(random.random() * 30, watched.die)
    if random.random() < 0.1:
        chaos.later(random.random() * 30, watcher.die)
    chaos.run(260)
    engine = node.engine
    assert chaos.referee.finish() == []
    assert chaos.referee.shown(chaos.sent) == []
    assert len(engine.egress.subscriptions) == 0
    assert len(engine.egress.dialogs) == 0
    assert len(engine.egress.transactions) == 0
    assert chaos.leaks() == []
    for agent, other in ((watcher, watched), (watched, watcher)):
        assert agent.faults == []
        shown = b"\n".join(chaos.shown.get(agent.host, [])).decode("utf-8", "replace")
        for token in (other.tag, f"{other.name}-agent", "secret-pbx", other.host, other.call_id):
            assert token not in shown or token == agent.call_id, f"{token} was shown to {agent.name}"


@pytest.mark.parametrize("block", range(5))
def test_random_subscriptions_end_on_both_sides_and_leave_nothing(block: int) -> None:
    """RFC 6665: loss, repeats, delay and reordering on a seed."""
    for seed in range(block * SEEDS // 5, (block + 1) * SEEDS // 5):
        try:
            assert_clean(seed)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
