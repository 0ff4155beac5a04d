"""Probes of a node with several workers: one asks, all know."""

from __future__ import annotations

from dataclasses import replace

from sbc.config import Capacity
from sbc.crew import Findings, findings_memory
from sbc.probes import Key
from sbc.supervisor.shares import counts_calls, exchange
from tests.engine.test_probes import EVERY, probed, run, start, states
from tests.kit.node import PBX, Node, config

OWNER, OTHER = 0, 1


class Pair:
    """Two workers of one node, each with peers of its own to look at, and what they share."""

    def __init__(self) -> None:
        memory = findings_memory()
        made = probed(f"sip:{PBX}")
        self.nodes = [Node(made), Node(made)]
        self.findings = [Findings(memory, OWNER, 2), Findings(memory, OTHER, 2)]
        for at, node in enumerate(self.nodes):
            node.engine.prober.owns = lambda key, at=at: at == OWNER  # type: ignore[misc]
            start(node)

    def exchange(self) -> None:
        for node, findings in zip(self.nodes, self.findings, strict=True):

            def hear(key: Key, fault: str, answer: str, node: Node = node) -> None:
                node.act(node.engine.probe_heard(key, fault, answer, node.now))

            exchange(node.engine.prober, findings, hear)

    def run(self, seconds: float, *, alive: bool = True) -> tuple[int, int]:
        """Let time pass for both; how often each asked."""
        counts = [0, 0]
        for _ in range(int(seconds)):
            for at, node in enumerate(self.nodes):
                counts[at] += run(node, 1, *([node.pbx] if alive else []))
                while not node.pbx.idle():
                    node.pbx.take()
            self.exchange()
        return counts[0], counts[1]


def test_a_target_is_asked_by_the_worker_that_owns_it_alone() -> None:
    pair = Pair()
    asked, other = pair.run(5 * EVERY)
    assert asked >= 4
    assert other == 0
    assert [states(node) for node in pair.nodes] == [["up"], ["up"]]
    (health,) = pair.nodes[OTHER].engine.egress.trunks.health.of("pbx")
    assert health.answer.startswith("answered in ")


def test_an_outage_and_its_end_are_known_to_all() -> None:
    pair = Pair()
    pair.run(EVERY)
    pair.run(3 * EVERY, alive=False)
    assert [states(node) for node in pair.nodes] == [["down"], ["down"]]
    pair.run(3 * EVERY)
    assert [states(node) for node in pair.nodes] == [["up"], ["up"]]


def test_a_worker_whose_calls_give_it_a_doubt_asks_for_itself() -> None:
    pair = Pair()
    pair.run(EVERY)
    node = pair.nodes[OTHER]
    (health,) = node.engine.egress.trunks.health.of("pbx")
    health.note_failure("a call failed", node.time)
    node.engine.prober.hurry(health.hop, node.now)
    assert run(node, 5, node.pbx) == 1
    assert (health.failures, states(node)) == (0, ["up"])
    assert pair.run(2 * EVERY)[OTHER] == 0


def test_workers_look_at_each_others_calls_often_only_where_a_limit_counts_them() -> None:
    plain = config()
    assert not counts_calls(plain)
    for limits in (Capacity(calls=5), Capacity(calls_per_second=3)):
        trunk = plain.trunks["pbx"]
        assert counts_calls(replace(plain, trunks={**plain.trunks, "pbx": replace(trunk, limits=limits)}))
        targets = tuple([replace(target, limits=limits) for target in trunk.targets])
        assert counts_calls(replace(plain, trunks={**plain.trunks, "pbx": replace(trunk, targets=targets)}))
    assert not counts_calls(replace(plain, trunks={"pbx": replace(plain.trunks["pbx"], limits=Capacity(duration=60))}))
