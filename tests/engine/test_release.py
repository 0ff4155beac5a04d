"""What an ended call leaves: nothing for the collector, which would have to walk through all that are up to find it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from sbc.call import Call
from tests.kit.flows import hang_up, ring, talk
from tests.kit.node import Node

LINGER = 40.0
"""Seconds after which no transaction is left (64*T1 and some)."""


@pytest.fixture
def node() -> Iterator[Node]:
    """A node whose garbage nobody collects."""
    made = Node()
    gc.collect()
    gc.disable()
    yield made
    gc.enable()


def calls() -> int:
    """How many there are in memory."""
    return sum(isinstance(one, Call) for one in gc.get_objects())


def test_a_call_that_was_hung_up_is_let_go_without_the_collector(node: Node) -> None:
    before = calls()
    talk(node, node.carrier, node.pbx)
    assert calls() == before + 1
    hang_up(node, node.carrier, node.pbx)
    node.advance(LINGER)
    assert calls() == before


def test_so_is_one_that_its_callee_has_refused(node: Node) -> None:
    before = calls()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 486)
    node.carrier.ack_failure(node.carrier.expect_response(486))
    node.advance(LINGER)
    assert calls() == before
