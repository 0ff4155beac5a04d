"""Behind the end of a call: the transactions that linger still do their duty, and hold the call no more."""

from __future__ import annotations

import gc

from sbc.call import Call
from tests.kit.flows import answer, hang_up, ring
from tests.kit.node import Node
from tests.kit.peer import sdp


def living_calls() -> int:
    gc.collect()
    return sum(isinstance(found, Call) for found in gc.get_objects())


def test_ended_call_is_let_go_while_its_transactions_linger() -> None:
    """Design section 4: the 32 s linger is the first memory wall."""
    before = living_calls()
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    assert living_calls() == before + 1
    hang_up(node, node.carrier, node.pbx)

    assert len(node.engine.egress.transactions) > 0
    assert living_calls() == before


def test_refused_call_is_let_go_at_once() -> None:
    """RFC 3261 section 17.1.1.2: Timer D absorbs copies without help."""
    before = living_calls()
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 486)
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(486)

    assert len(node.engine.egress.transactions) > 0
    assert living_calls() == before


def test_copy_of_the_2xx_behind_the_end_gets_the_same_ack() -> None:
    """RFC 6026 section 7.2, RFC 3261 section 13.2.2.4."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    acks = [wire for wire in node.pbx.wires if wire.startswith(b"ACK")]
    hang_up(node, node.carrier, node.pbx)
    node.pbx.sees_copies = True
    node.pbx.reply(invite, 200, sdp(node.pbx.host))

    assert [wire for wire in node.pbx.wires if wire.startswith(b"ACK")] == acks * 2


def test_other_fork_that_answers_behind_the_end_is_acknowledged_and_ended() -> None:
    """RFC 3261 section 13.2.2.4: in the dialog of its own tag; the caller hears nothing."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    hang_up(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="late-fork")

    ack, bye = node.pbx.expect_request("ACK"), node.pbx.expect_request("BYE")
    assert (ack.to_tag, ack.call_id, ack.cseq.number) == ("late-fork", invite.call_id, invite.cseq.number)
    assert (bye.to_tag, bye.from_tag) == ("late-fork", invite.from_tag)
    node.pbx.reply(bye, 200)
    assert node.carrier.idle()
    node.assert_clean()
