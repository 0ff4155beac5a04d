"""Reliable provisional responses (RFC 3262), each leg for itself."""

from __future__ import annotations

import pytest

from sbc.outputs import CallEnded
from sbc.sip import Request, Response
from tests.kit.flows import assert_no_leak, hang_up
from tests.kit.node import INSIDE, PBX2, Node, config
from tests.kit.peer import sdp

REL = "Supported: 100rel\n"
REQUIRED = "Require: 100rel\n"


def start(node: Node, asked: str = "", body: bytes | None = None) -> Request:
    """An INVITE through the node; gives what the PBX got."""
    node.carrier.invite(extra=asked, body=body)
    node.carrier.expect_response(100)
    return node.pbx.expect_request("INVITE")


def ring(node: Node, invite: Request, rseq: int, status: int = 183, *, with_sdp: bool = True, tag: str = "") -> None:
    """A reliable provisional response of the PBX."""
    body = sdp(node.pbx.host) if with_sdp else b""
    node.pbx.reply(invite, status, body, extra=f"Require: 100rel\nRSeq: {rseq}", tag=tag)


def pracked(node: Node, invite: Request, rseq: int) -> Request:
    """The PBX has its PRACK, and answers."""
    prack = node.pbx.expect_request("PRACK")
    assert prack.get("RAck") == f"{rseq} {invite.cseq.number} INVITE"
    node.pbx.reply(prack, 200)
    return prack


def prack(node: Node, response: Response, body: bytes = b"") -> None:
    """The carrier acknowledges a reliable response; the 200 to that is left in the inbox."""
    node.carrier.remote_tag = response.to_tag
    node.carrier.target = str(response.contacts[0].uri)
    node.carrier.request("PRACK", body, extra=f"RAck: {response.get('RSeq')} {response.cseq}\n")


def final(node: Node) -> Response:
    """The carrier's 200, acknowledged."""
    response = node.carrier.expect_response(200)
    assert response.cseq.method == "INVITE"
    node.carrier.ack()
    return response


def answer(node: Node, invite: Request, *, with_sdp: bool = False) -> None:
    """The PBX answers and gets its ACK."""
    node.pbx.reply(invite, 200, sdp(node.pbx.host) if with_sdp else b"")
    node.pbx.expect_request("ACK")


def cause(node: Node) -> str:
    """Why the one call ended."""
    (event,) = node.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    return event.cause


# Toward the callee


def test_100rel_is_offered_to_the_callee_whatever_the_caller_says() -> None:
    """Section 4; per leg."""
    assert "100rel" in start(Node()).tokens("Supported")


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_callee_is_pracked_at_once_for_a_caller_who_knows_nothing_of_it(mode: str) -> None:
    """Section 4; the caller gets the same SDP unreliably, and again in the 200."""
    node = Node(config(mode=mode))
    invite = start(node)
    ring(node, invite, 17)
    prack_ = pracked(node, invite, 17)
    assert prack_.cseq.number == invite.cseq.number + 1
    early = node.carrier.expect_response(183)
    assert early.get("RSeq") is None
    assert early.get("Require") is None
    assert early.body
    answer(node, invite)
    assert final(node).body == early.body
    hang_up(node, node.pbx, node.carrier)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


def test_copies_and_gaps_are_discarded() -> None:
    """Section 4: in order, each once; the number after the first counts."""
    node = Node()
    invite = start(node)
    ring(node, invite, 17)
    pracked(node, invite, 17)
    node.carrier.expect_response(183)
    ring(node, invite, 17)
    ring(node, invite, 19, 180, with_sdp=False)
    assert node.pbx.idle()
    assert node.carrier.idle()
    ring(node, invite, 18, 180, with_sdp=False)
    pracked(node, invite, 18)
    node.carrier.expect_response(180)
    answer(node, invite)
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_an_rseq_without_require_makes_nothing_reliable() -> None:
    """Section 7.1: reliable means Require: 100rel and RSeq."""
    node = Node()
    invite = start(node)
    node.pbx.reply(invite, 180, extra="RSeq: 9")
    assert node.pbx.idle()
    node.carrier.expect_response(180)


def test_each_fork_counts_for_itself() -> None:
    """Section 4: the number belongs to the dialog."""
    node = Node()
    invite = start(node)
    ring(node, invite, 17, tag="one")
    assert pracked(node, invite, 17).to_tag == "one"
    ring(node, invite, 99, tag="two")
    assert pracked(node, invite, 99).to_tag == "two"
    tags = {node.carrier.expect_response(183).to_tag, node.carrier.expect_response(183).to_tag}
    assert len(tags) == 2


def test_what_a_reliable_answer_said_counts_over_the_2xx() -> None:
    """RFC 3261 section 13.2.1: descriptions after the answer are ignored."""
    node = Node()
    invite = start(node)
    node.pbx.reply(invite, 183, sdp(node.pbx.host, 5555))
    node.carrier.expect_response(183)
    ring(node, invite, 1)
    pracked(node, invite, 1)
    early = node.carrier.expect_response(183)
    assert b"m=audio 4000" in early.body
    node.pbx.reply(invite, 200, sdp(node.pbx.host, 7777))
    node.pbx.expect_request("ACK")
    assert final(node).body == early.body


@pytest.mark.parametrize("status", [0, 408, 481, 500])
def test_prack_that_fails_is_the_invites_affair(status: int) -> None:
    """The callee may have answered the INVITE meanwhile; a lost PRACK shows in the INVITE."""
    node = Node()
    invite = start(node)
    ring(node, invite, 1)
    prack_ = node.pbx.expect_request("PRACK")
    if status:
        node.pbx.reply(prack_, status)
    else:
        node.advance(33)
    node.carrier.expect_response(183)
    answer(node, invite)
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


# Toward the caller


def test_early_media_goes_reliably_to_a_caller_who_supports_it() -> None:
    """Section 3: Require, RSeq, T1 doubling until the PRACK; then the 200 without SDP."""
    node = Node()
    node.carrier.sees_copies = True
    invite = start(node, REL)
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    first = node.carrier.expect_response(183)
    assert first.tokens("Require") == ["100rel"]
    assert {"PRACK", "UPDATE"} <= set(first.tokens("Allow"))
    node.advance(0.55)
    assert node.carrier.expect_response(183).get("RSeq") == first.get("RSeq")
    node.advance(0.9)
    assert node.carrier.idle()
    node.advance(0.2)
    node.carrier.expect_response(183)
    prack(node, first)
    assert node.carrier.expect_response(200).cseq.method == "PRACK"
    node.advance(20)
    assert node.carrier.idle()
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    node.carrier.sees_copies = False
    assert final(node).body == b""
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_ringing_without_sdp_is_not_sent_reliably_unless_required() -> None:
    """Section 3; design: what carries SDP, or all where the caller requires it."""
    node = Node()
    node.pbx.reply(start(node, REL), 180)
    assert node.carrier.expect_response(180).get("RSeq") is None
    node = Node()
    invite = start(node, REQUIRED)
    node.pbx.reply(invite, 180)
    ringing = node.carrier.expect_response(180)
    assert ringing.get("RSeq")
    prack(node, ringing)
    node.carrier.expect_response(200)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    assert final(node).body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_one_unacknowledged_at_a_time_and_the_2xx_waits() -> None:
    """Section 3: what comes behind a reliable response waits for its PRACK; RSeq grows by one."""
    node = Node()
    invite = start(node, REQUIRED)
    node.pbx.reply(invite, 180)
    first = node.carrier.expect_response(180)
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    assert node.carrier.idle()
    prack(node, first)
    node.carrier.expect_response(200)
    second = node.carrier.expect_response(183)
    assert (second.rseq or 0) == (first.rseq or 0) + 1
    answer(node, invite, with_sdp=True)
    assert node.carrier.idle()
    prack(node, second)
    assert node.carrier.expect_response(200).cseq.method == "PRACK"
    final(node)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_provisional_responses_that_wait_are_overtaken_by_the_2xx() -> None:
    """Section 3: none is sent after a final response, and that one has the SDP."""
    node = Node()
    invite = start(node, REQUIRED)
    node.pbx.reply(invite, 180)
    first = node.carrier.expect_response(180)
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    answer(node, invite, with_sdp=True)
    prack(node, first)
    assert node.carrier.expect_response(200).cseq.method == "PRACK"
    assert final(node).body
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_invite_is_rejected_when_no_prack_comes() -> None:
    """Section 3: 64*T1, a 5xx; nothing is left on either leg."""
    node = Node()
    invite = start(node, REL)
    ring(node, invite, 5)
    pracked(node, invite, 5)
    node.carrier.expect_response(183)
    node.advance(31.9)
    assert node.carrier.idle()
    node.advance(0.3)
    node.carrier.ack_failure(node.carrier.expect_response(504))
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    assert cause(node) == "no PRACK"
    node.assert_clean()


def test_final_refusal_does_not_wait_for_the_prack() -> None:
    """Section 3: only a 2xx is held; the repeats stop."""
    node = Node()
    node.carrier.sees_copies = True
    invite = start(node, REL)
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    early = node.carrier.expect_response(183)
    node.pbx.reply(invite, 486)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(486))
    prack(node, early)
    node.carrier.expect_response(481)
    node.advance(10)
    assert node.carrier.idle()
    node.assert_clean()


@pytest.mark.parametrize("wrong", ["RAck: 1 {cseq} INVITE", "RAck: {rseq} 9 INVITE", "RAck: {rseq} {cseq} PRACK", ""])
def test_prack_that_names_nothing_gets_481(wrong: str) -> None:
    """Section 3: RSeq, CSeq number and method must match."""
    node = Node()
    node.pbx.reply(start(node, REL), 183, sdp(node.pbx.host))
    early = node.carrier.expect_response(183)
    node.carrier.remote_tag, node.carrier.target = early.to_tag, str(early.contacts[0].uri)
    line = wrong.format(rseq=early.get("RSeq"), cseq=early.cseq.number)
    node.carrier.request("PRACK", extra=f"{line}\n" if line else "")
    node.carrier.expect_response(481)
    prack(node, early)
    node.carrier.expect_response(200)
    prack(node, early)
    node.carrier.expect_response(481)


def test_prack_of_the_callee_gets_481() -> None:
    """We have sent the callee nothing reliable."""
    node = Node()
    invite = start(node, REL)
    node.pbx.reply(invite, 180)
    node.carrier.expect_response(180)
    node.pbx.remote_tag, node.pbx.remote = invite.from_tag, invite.require("From").partition(";")[0]
    node.pbx.call_id = invite.call_id
    node.pbx.request("PRACK", extra="RAck: 1 1 INVITE\n")
    node.pbx.expect_response(481)


def test_cancel_ends_what_waits_for_a_prack() -> None:
    """RFC 3261 section 9.2; RFC 3262 section 3."""
    node = Node()
    node.carrier.sees_copies = True
    invite = start(node, REL)
    ring(node, invite, 5)
    pracked(node, invite, 5)
    node.carrier.expect_response(183)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.advance(40)
    assert node.carrier.idle()
    node.assert_clean()


def test_cancel_while_the_2xx_is_held_ends_the_answered_callee() -> None:
    """The callee has its ACK, the caller no answer: BYE on the one, 487 on the other."""
    node = Node()
    invite = start(node, REL)
    ring(node, invite, 5)
    pracked(node, invite, 5)
    node.carrier.expect_response(183)
    answer(node, invite)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.assert_clean()


def test_answer_of_another_fork_does_not_wait_for_a_prack() -> None:
    """Each early dialog for itself: the PRACK of a fork that lost gets 481."""
    node = Node()
    invite = start(node, REL)
    node.pbx.reply(invite, 183, sdp(node.pbx.host), tag="one")
    early = node.carrier.expect_response(183)
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="two")
    node.pbx.expect_request("ACK")
    response = final(node)
    assert response.body
    assert response.to_tag != early.to_tag


def test_next_target_is_tried_though_the_first_rang_reliably() -> None:
    """Design 2.3, crank_back: what the caller has not acknowledged is void with the target that said it."""
    node = Node(config(pbx=("sip:10.20.0.5", f"sip:{PBX2}")))
    second = node.peer("pbx2", PBX2, INSIDE)
    invite = start(node, REL)
    ring(node, invite, 5)
    pracked(node, invite, 5)
    node.carrier.expect_response(183)
    node.pbx.reply(invite, 503)
    node.pbx.expect_request("ACK")
    again = second.expect_request("INVITE")
    node.carrier.sees_copies = True
    node.advance(5)
    assert node.carrier.idle()
    second.reply(again, 200, sdp(second.host))
    second.expect_request("ACK")
    assert final(node).body
    node.carrier.sees_copies = False
    hang_up(node, second, node.carrier)
    node.assert_clean()


# Offers of the callee


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_offer_in_a_reliable_response_is_answered_in_the_prack(mode: str) -> None:
    """Section 5: a late offer that does not wait for the 2xx."""
    node = Node(config(mode=mode))
    invite = start(node, REL, body=b"")
    assert "100rel" in invite.tokens("Supported")
    ring(node, invite, 7)
    assert node.pbx.idle()  # the PRACK needs the caller's answer
    offer = node.carrier.expect_response(183)
    assert offer.get("RSeq")
    assert b"m=audio" in offer.body
    ring(node, invite, 7)
    prack(node, offer, sdp(node.carrier.host))
    assert node.carrier.expect_response(200).body == b""
    assert b"m=audio" in pracked(node, invite, 7).body
    ring(node, invite, 8, 180, with_sdp=False)
    pracked(node, invite, 8)
    node.carrier.expect_response(180)
    answer(node, invite)
    assert final(node).body == b""
    assert node.pbx.idle()
    hang_up(node, node.carrier, node.pbx)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


def test_2xx_that_does_not_wait_for_its_prack_is_acknowledged_once_that_is_out() -> None:
    """A callee in a hurry, against section 3."""
    node = Node()
    invite = start(node, REL, body=b"")
    ring(node, invite, 7)
    offer = node.carrier.expect_response(183)
    node.pbx.reply(invite, 200)
    assert node.pbx.idle()
    prack(node, offer, sdp(node.carrier.host))
    node.carrier.expect_response(200)
    pracked(node, invite, 7)
    node.pbx.expect_request("ACK")
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_prack_without_the_answer_ends_the_call() -> None:
    """Section 5: it MUST carry one."""
    node = Node()
    invite = start(node, REL, body=b"")
    ring(node, invite, 7)
    prack(node, node.carrier.expect_response(183))
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(480))
    node.pbx.expect_request("CANCEL")
    assert cause(node) == "no answer in the PRACK"


@pytest.mark.parametrize("status", [0, 488])
def test_answer_that_the_callee_refuses_ends_the_call(status: int) -> None:
    """Section 5; without the answer there is no session."""
    node = Node()
    invite = start(node, REL, body=b"")
    ring(node, invite, 7)
    prack(node, node.carrier.expect_response(183), sdp(node.carrier.host))
    node.carrier.expect_response(200)
    prack_ = node.pbx.expect_request("PRACK")
    if status:
        node.pbx.reply(prack_, status)
    else:
        node.advance(33)
    node.carrier.ack_failure(node.carrier.expect_response(480))
    assert cause(node) == "answer refused"


def test_late_offer_of_a_caller_without_100rel_does_not_offer_it_to_the_callee() -> None:
    """The callee's offer must wait for the 2xx then; one that insists is not acknowledged."""
    node = Node()
    invite = start(node, body=b"")
    assert "100rel" not in invite.tokens("Supported")
    ring(node, invite, 7)
    assert node.pbx.idle()
    assert node.carrier.idle()
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    assert node.carrier.expect_response(200).body
    node.carrier.ack(sdp(node.carrier.host))
    assert node.pbx.expect_request("ACK").body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_second_fork_that_answers_makes_an_offer_of_its_own(mode: str) -> None:
    """RFC 3261 section 13.2.2.4: the caller was asked by one fork, another one answers."""
    node = Node(config(mode=mode))
    invite = start(node, REL, body=b"")
    ring(node, invite, 7, tag="one")
    prack(node, node.carrier.expect_response(183), sdp(node.carrier.host))
    node.carrier.expect_response(200)
    pracked(node, invite, 7)
    ring(node, invite, 3, tag="two")
    assert node.pbx.idle()
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="two")
    assert node.carrier.expect_response(200).body
    node.carrier.ack(sdp(node.carrier.host))
    assert node.pbx.expect_request("ACK").body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
