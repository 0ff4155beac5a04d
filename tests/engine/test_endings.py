"""CANCEL, BYE and their races; peers that vanish; the operator."""

from __future__ import annotations

from sbc.config import Timers
from sbc.outputs import CallEnded
from tests.kit.flows import answer, hang_up, ring, talk
from tests.kit.node import FakeMedia, Node, config
from tests.kit.peer import sdp


def test_cancel_reaches_the_callee_and_the_caller_has_its_487_at_once() -> None:
    """RFC 3261 section 9."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    cancel = node.pbx.expect_request("CANCEL")
    assert cancel.vias == invite.vias
    node.pbx.reply(cancel, 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.assert_clean()


def test_cancel_waits_for_a_provisional_response() -> None:
    """RFC 3261 section 9.1: no CANCEL before one."""
    node = Node()
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    assert node.pbx.idle()
    node.pbx.reply(invite, 180)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    assert node.carrier.idle()
    node.assert_clean()


def test_answer_that_crosses_a_cancel_is_acknowledged_and_ended() -> None:
    """RFC 5407 section 3.1.2 in a B2BUA: ACK, BYE; the caller keeps its 487."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.carrier.cancel()
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("CANCEL")
    node.pbx.expect_request("ACK")
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    node.advance(40)
    assert node.engine.active_calls == 0
    assert len(node.engine.egress.dialogs) == 0


def test_cancel_while_the_media_engine_thinks_deletes_the_session_after_its_reply() -> None:
    """A delete must not overtake the offer it belongs to."""
    node = Node(config(mode="anchor"))
    node.media = None
    node.carrier.invite()
    node.carrier.expect_response(100)
    (offer,) = node.commands
    node.commands.clear()
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    assert node.commands == []
    node.act(node.engine.media_reply(offer.id, FakeMedia()(offer.command), node.now))
    assert [type(c.command).__name__ for c in node.commands] == ["Delete"]
    assert node.pbx.idle()


def test_bye_from_both_sides_at_once_is_answered_on_both() -> None:
    """RFC 5407 section 3.2.4."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.pbx.expect_request("ACK") if not node.pbx.idle() else None
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    crossing = node.pbx.expect_request("BYE")
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.pbx.reply(crossing, 200)
    node.assert_clean()
    assert len(node.events_of(CallEnded)) == 1


def test_bye_of_the_callee_before_the_callers_ack_waits_for_it() -> None:
    """RFC 3261 section 15: the UAS sends no BYE before the ACK."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    assert node.carrier.idle()
    node.carrier.ack()
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.assert_clean()


def test_bye_in_an_early_dialog_ends_the_call() -> None:
    """RFC 3261 section 15: a caller may send BYE in an early dialog."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.carrier.expect_response(487)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.advance(60)
    assert node.engine.active_calls == 0
    assert len(node.engine.egress.dialogs) == 0


def test_second_bye_gets_481() -> None:
    """RFC 3261 section 15.1.2."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    hang_up(node, node.carrier, node.pbx)
    node.carrier.request("BYE")
    node.carrier.expect_response(481)


def test_bye_to_a_vanished_peer_leaves_nothing() -> None:
    """Timer F on the BYE: the leg is gone either way."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.peers.pop((node.pbx.host, 5060))
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.assert_clean()


def test_vanished_peer_is_noticed_and_the_other_side_told() -> None:
    """Issue 2 item 5: a peer that vanishes ends the call on both sides."""
    node = Node(config(timers=Timers(liveness=600)))
    talk(node, node.carrier, node.pbx)
    gone = node.peers.pop((node.pbx.host, 5060))
    node.advance(601)
    options = node.carrier.expect_request("OPTIONS")
    node.carrier.reply(options, 200)
    assert gone.idle()
    node.advance(33)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.assert_clean()
    (record,) = node.events_of(CallEnded)
    assert isinstance(record, CallEnded)
    assert record.cause == "callee lost"


def test_peers_that_answer_are_left_in_peace() -> None:
    """Liveness asks once a period, not more."""
    node = Node(config(timers=Timers(liveness=600)))
    talk(node, node.carrier, node.pbx)
    node.advance(601)
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("OPTIONS"), 200)
    node.advance(500)
    assert node.carrier.idle()
    assert node.engine.active_calls == 1


def test_longest_call_is_ended_on_both_sides() -> None:
    """Design 2.3, node.timers.call."""
    node = Node(config(timers=Timers(call=100, liveness=0)))
    talk(node, node.carrier, node.pbx)
    node.advance(101)
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("BYE"), 200)
    node.assert_clean()


def test_operator_hangs_up_a_talking_and_a_ringing_call() -> None:
    """Design 2.4: sbc calls hangup."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    (row,) = node.engine.calls(node.now)
    node.act(node.engine.hangup(str(row["id"]), node.now))
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("BYE"), 200)
    node.assert_clean()
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    (row,) = node.engine.calls(node.now)
    node.act(node.engine.hangup(str(row["id"]), node.now))
    node.carrier.ack_failure(node.carrier.expect_response(480))
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.assert_clean()


def test_draining_node_refuses_new_calls_and_keeps_old_ones() -> None:
    """Issue 2 item 9."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.act(node.engine.drain(node.now))
    other = node.peer("other", node.carrier.host, 0, port=5099)
    other.invite()
    assert other.expect_response(503).get("Retry-After") == "30"
    hang_up(node, node.carrier, node.pbx)
    assert node.engine.active_calls == 0


def test_answer_without_early_dialog_works() -> None:
    """A callee may answer without ringing."""
    node = Node()
    node.carrier.invite()
    node.carrier.expect_response(100)
    answer(node, node.carrier, node.pbx, node.pbx.expect_request("INVITE"))
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_cancelled_invite_without_a_final_response_is_given_up() -> None:
    """RFC 3261 section 9.1: 64*T1 after the CANCEL the INVITE is over, whatever the callee does."""
    node = Node()
    ring(node, node.carrier, node.pbx)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    node.advance(31)
    assert len(node.engine.egress.transactions) > 0
    node.assert_clean()
